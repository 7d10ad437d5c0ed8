// Tensors on their way into a file: their bytes in memory, turned and converted as writers need them.
#pragma once

#include <span>
#include <utility>

#include "formats/checkpoint.h"
#include "quant/dtype.h"
#include "support.h"

namespace rwkv {

struct FileTensor {
  std::string name;
  DType dtype = DType::kF16;
  Shape shape;
  Bytes data;  // row-major without gaps

  size_t element_bytes() const { return size_t(block_size(dtype).bytes); }
};

// All tensors of a checkpoint that has them whole, as the authors' files do; none where one cannot be read.
inline std::vector<FileTensor> read_tensors(const Checkpoint& file) {
  std::vector<FileTensor> tensors;
  Buffer buffer;
  for (const auto& [name, tensor] : file.tensors) {
    const auto bytes = file.read(tensor, buffer);
    if (!bytes || !tensor.strides.empty()) return {};
    tensors.push_back({name, tensor.dtype, tensor.shape, Bytes(bytes->begin(), bytes->end())});
  }
  return tensors;
}

// The last two axes swapped, and the bytes with them. REQUIRES: rank >= 2.
inline FileTensor turned(FileTensor tensor) {
  const size_t rank = tensor.shape.size(), element = tensor.element_bytes();
  const auto rows = size_t(tensor.shape[rank - 2]), cols = size_t(tensor.shape[rank - 1]);
  const Bytes from = std::move(tensor.data);
  tensor.data.resize(from.size());
  for (size_t n = 0; n * element < from.size(); ++n) {
    const size_t matrix = n / (rows * cols), row = n / cols % rows, col = n % cols;
    std::copy_n(&from[n * element], element, &tensor.data[((matrix * cols + col) * rows + row) * element]);
  }
  std::swap(tensor.shape[rank - 2], tensor.shape[rank - 1]);
  return tensor;
}

inline FileTensor converted(FileTensor tensor, DType dtype) {
  std::vector<float> values(tensor.data.size() / tensor.element_bytes());
  decode(tensor.dtype, tensor.data.data(), values);
  tensor.dtype = dtype;
  tensor.data.resize(size_t(bytes_of(dtype, values.size())));
  encode(dtype, values, tensor.data.data());
  return tensor;
}

}  // namespace rwkv
