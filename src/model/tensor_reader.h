// Tensors of a file as bytes and as floats, whatever their types and strides, a few megabytes at a time.
#pragma once

#include <functional>

#include "formats/checksums.h"
#include "kernels/kernels.h"

namespace rwkv {

// Called after each piece with the bytes of the file that are done and to do.
using LoadProgress = std::function<void(uint64_t loaded_bytes, uint64_t total_bytes)>;

// Gets rows [row, row + count) of a matrix of K columns as `values` (8, K), zeros behind the last, which it may change.
using TakeRows = std::function<void(int row, int count, float* values)>;

// Errors of all calls: kReadFailed, kOutOfMemory, kBadFile (a piece that is not what its checksum says).
class TensorReader {
 public:
  // The checkpoint must outlive it.
  TensorReader(const Checkpoint& checkpoint, LoadProgress progress);

  // The tensor's bytes from `offset` on, as they are. REQUIRES: there are as many.
  Status read(const Tensor& tensor, uint64_t offset, std::span<std::byte> out);
  // All values in row-major order. REQUIRES: not a packed type.
  Result<Vector> values(const Tensor& tensor);
  // Gives the rows of a matrix to `take`, eight at a time, in order. Of a matrix with strides all bytes are
  // in memory then. REQUIRES: two dimensions, a packed type without strides.
  Status each_rows(const Tensor& tensor, const TakeRows& take);

 private:
  // Room for what reading the tensor takes, a piece of it or all, and so many bytes more.
  Status require(const Tensor& tensor, uint64_t bytes) const;
  Status read_piece(const Tensor& tensor, uint64_t offset, std::span<std::byte> out);
  // take(bytes) for all bytes, in pieces of whole `unit`s.
  template <class Take>
  Status each_piece(const Tensor& tensor, uint64_t unit, Take take);
  // fill(first, out) gives the elements of a tensor with strides, from number `first` of the row-major order
  // on.
  template <class Use>
  Status with_strided(const Tensor& tensor, Use use);

  const Checkpoint& checkpoint_;
  const LoadProgress progress_;
  Verifier verifier_;
  Buffer piece_;
  uint64_t loaded_ = 0, total_ = 0;
};

}  // namespace rwkv
