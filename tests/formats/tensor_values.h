// The values of a checkpoint's tensors, read the slow way.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "formats/checkpoint.h"
#include "quant/dtype.h"
#include "quant/table.h"

namespace rwkv {

// As they lie: of a packed matrix row after row, without the zeros behind the last.
inline std::vector<float> stored_values(const Tensor& tensor, const std::byte* bytes) {
  if (!is_packed(tensor.dtype)) {
    const BlockSize block = block_size(tensor.dtype);
    std::vector<float> values(size_t(tensor.bytes / block.bytes * block.elements));
    decode(tensor.dtype, bytes, values);
    return values;
  }
  const NumberFormat& format = number_format(format_of(tensor.dtype));
  const int cols =
      int(tensor.shape[tensor.strides.empty() ? 1 : 0]);  // with strides: the transpose lies there
  const size_t groups = size_t(tensor.bytes / format.group_bytes(cols));
  std::vector<float> values(groups * kGroup * size_t(cols));
  for (size_t group = 0; group < groups; ++group)
    format.unpack(bytes + group * format.group_bytes(cols), cols, &values[group * kGroup * size_t(cols)]);
  return values;
}

// In row-major order, whatever the strides; empty where they cannot be read.
inline std::vector<float> values_of(const Checkpoint& checkpoint, const Tensor& tensor) {
  Buffer buffer;
  const auto bytes = checkpoint.read(tensor, buffer);
  if (!bytes) return {};
  const std::vector<float> stored = stored_values(tensor, bytes->data());
  std::vector<float> values;
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
