// The values of a checkpoint's tensors, read the slow way.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "formats/checkpoint.h"
#include "quant/dtype.h"

namespace rwkv {

// In row-major order, whatever the strides; empty where they cannot be read. Not for packed types.
inline std::vector<float> values_of(const Checkpoint& checkpoint, const Tensor& tensor) {
  Buffer buffer;
  const auto bytes = checkpoint.read(tensor, buffer);
  if (!bytes || is_packed(tensor.dtype)) return {};
  const BlockSize block = block_size(tensor.dtype);
  std::vector<float> stored(size_t(tensor.bytes / block.bytes * block.elements)), values;
  decode(tensor.dtype, bytes->data(), stored);
  for (uint64_t n = 0; n < tensor.count(); ++n) {
    uint64_t at = n;
    if (!tensor.strides.empty()) {
      uint64_t rest = n;
      at = 0;
      for (size_t axis = tensor.shape.size(); axis-- > 0; rest /= uint64_t(tensor.shape[axis]))
        at += rest % uint64_t(tensor.shape[axis]) * uint64_t(tensor.strides[axis]);
    }
    double x = stored[size_t(at)];
    if (tensor.stored == Stored::kMinusExp) x = std::log(-x);
    if (tensor.stored == Stored::kExpMinusExp) x = std::log(-std::log(x));
    values.push_back(float(x * double(tensor.scale)));
  }
  return values;
}

// A tensor that is taken out of its file.
struct Values {
  Shape shape;
  std::vector<float> values;

  Values() = default;
  Values(const Checkpoint& checkpoint, const Tensor& tensor)
      : shape(tensor.shape), values(values_of(checkpoint, tensor)) {}

  // Swaps the last two axes. REQUIRES: there are two.
  void turn() {
    const std::vector<float> before = values;
    const size_t rank = shape.size(), rows = size_t(shape[rank - 2]), cols = size_t(shape[rank - 1]);
    std::swap(shape[rank - 2], shape[rank - 1]);
    for (size_t i = 0; i < values.size(); ++i)
      values[i / (rows * cols) * rows * cols + i % cols * rows + i / cols % rows] = before[i];
  }
  template <class F>
  void map(F f) {
    for (float& value : values) value = f(value);
  }
};

}  // namespace rwkv
