// Tensors on their way into a file: their bytes in memory, turned and converted as writers need them.
#pragma once

#include <span>
#include <utility>

#include "dtype.h"
#include "formats/checkpoint.h"
#include "support.h"

namespace rwkv {

struct FileTensor {
  std::string name;
  DType dtype = DType::kF16;
  Shape shape;
  Bytes data;  // row-major without gaps

  size_t element_bytes() const { return size_t(block_size(dtype).bytes); }
};

// A tensor of a checkpoint, a view of it element by element; without data where it cannot be read.
inline FileTensor read_tensor(const Checkpoint& file, const Tensor& tensor) {
  FileTensor result{tensor.name, tensor.dtype, tensor.shape, {}};
  Buffer buffer;
  const auto bytes = file.read(tensor, buffer);
  if (!bytes) return result;
  if (tensor.strides.empty()) {
    result.data.assign(bytes->begin(), bytes->end());
    return result;
  }
  Shape index(tensor.shape.size());
  for (uint64_t n = 0; n < tensor.count(); ++n) {
    int64_t at = 0;
    for (size_t i = 0; i < index.size(); ++i) at += index[i] * tensor.strides[i];
    const std::byte* element = bytes->data() + size_t(at) * result.element_bytes();
    result.data.insert(result.data.end(), element, element + result.element_bytes());
    for (size_t i = index.size(); i-- > 0 && ++index[i] == tensor.shape[i];) index[i] = 0;
  }
  return result;
}

inline std::vector<FileTensor> read_tensors(const Checkpoint& file) {
  std::vector<FileTensor> tensors;
  for (const auto& [name, tensor] : file.tensors) tensors.push_back(read_tensor(file, tensor));
  return tensors;
}

inline std::vector<float> values_of(const FileTensor& tensor) {
  std::vector<float> values(tensor.data.size() / tensor.element_bytes());
  decode(tensor.dtype, tensor.data.data(), values);
  return values;
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
  const std::vector<float> values = values_of(tensor);
  tensor.dtype = dtype;
  tensor.data.resize(size_t(bytes_of(dtype, values.size())));
  encode(dtype, values, tensor.data.data());
  return tensor;
}

}  // namespace rwkv
