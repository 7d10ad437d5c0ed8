// The checksums of a packed file (packed.md): of its header one, of the rest one for each megabyte of a tensor.
#pragma once

#include "formats/checkpoint.h"
#include "formats/containers/checksum.h"

namespace rwkv {

constexpr uint64_t kPieceOfTensor = 1 << 20;  // bytes that a checksum is of, at most

constexpr uint64_t count_pieces(uint64_t bytes) { return (bytes + kPieceOfTensor - 1) / kPieceOfTensor; }
// Those of a tensor's bytes, to the end of `sums`.
void append_checksums(std::span<const std::byte> tensor, std::vector<uint64_t>& sums);

// The bytes [offset, offset + bytes) of the file, a whole tensor, as they were written. REQUIRES: they lie inside the
// source. Errors: those of Verifier.
Result<Buffer> read_verified(const Checkpoint& checkpoint, std::string_view name, uint64_t offset,
                             uint64_t bytes);

// Looks at what is read of a file that has checksums.
class Verifier {
 public:
  // The checkpoint must outlive it.
  explicit Verifier(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  // `bytes` of the tensor `name` were read at `offset` of the file. Tensors are verified as far as they are read in order,
  // the header with the first of them. Errors: kBadFile for a damaged piece, with its place; kReadFailed, kOutOfMemory.
  Status see(std::string_view name, uint64_t offset, std::span<const std::byte> bytes);

 private:
  using Range = Checksums::Range;
  Status start();
  uint64_t expected(uint64_t number) const;
  Error damaged(std::string_view name, uint64_t first, uint64_t last) const;

  const Checkpoint& checkpoint_;
  Buffer expected_;               // the file's
  const Range* range_ = nullptr;  // that is being read, up to next_
  uint64_t next_ = UINT64_MAX;
  Checksum sum_;  // of the piece that next_ lies in, so far
};

}  // namespace rwkv
