// Reads named tensors with an expected shape. The first error sticks and empties all later answers, so that
// the table of weights reads as a table; ask for it once at the end.
#pragma once

#include <optional>
#include <string>

#include "model/weights.h"

namespace rwkv {

class WeightReader {
 public:
  WeightReader(const Checkpoint& checkpoint, Quantization quantization, const LoadProgress& progress);

  const std::optional<Error>& error() const { return error_; }
  uint64_t bytes() const { return bytes_; }  // of memory handed out so far

  // Names that follow are within this one: "blocks.3.".
  void enter(std::string prefix) { prefix_ = std::move(prefix); }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // A dimension of a tensor that tells a size no other tensor tells, such as a rank; 0 (and an error) without
  // it.
  int size_of(std::string_view name, size_t dimension);

  // All values of a tensor, in f32. Dimensions of size 1 do not count: (1, 1, C) is (C).
  Vector vector(std::string_view name, const Shape& shape);
  Norm norm(std::string_view name, int width);
  // (rows, cols), in the model's quantization, packed group by group.
  Matrix matrix(std::string_view name, int rows, int cols);
  // A matrix that the file holds transposed, (cols, rows), and that must not be quantised.
  Matrix transposed(std::string_view name, int rows, int cols);
  // The same from values that are read already.
  Matrix transposed(const float* values, int rows, int cols);
  Embedding embedding(std::string_view name, int rows, int cols);

 private:
  const Tensor* find(std::string_view name) const;
  // The tensor, if it is there and has the shape; else an error.
  const Tensor* expect(std::string_view name, const Shape& shape);
  // Its bytes, valid until the next call; empty after an error.
  std::span<const std::byte> read(const Tensor& tensor);
  Matrix make(Quantization format, int rows, int cols);
  void fail(ErrorKind kind, const std::string& what);
  void fail_memory(uint64_t bytes);

  const Checkpoint& checkpoint_;
  const Quantization quantization_;
  const LoadProgress& progress_;
  std::string prefix_;
  Buffer file_bytes_;
  std::optional<Error> error_;
  uint64_t bytes_ = 0, loaded_ = 0, total_ = 0;
};

}  // namespace rwkv
