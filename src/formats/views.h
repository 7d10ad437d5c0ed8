// Tensors made of others, for readers whose files store things turned or joined.
#pragma once

#include "quant/dtype.h"
#include "tensor.h"

namespace rwkv {

// Strides of elements that lie row-major without gaps.
inline Shape row_major(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

// The same elements with the last two axes swapped; turning twice is as if nothing was done. REQUIRES: rank
// >= 2.
inline Tensor transposed(Tensor tensor) {
  const size_t rank = tensor.shape.size();
  if (tensor.strides.empty()) tensor.strides = row_major(tensor.shape);
  std::swap(tensor.shape[rank - 2], tensor.shape[rank - 1]);
  std::swap(tensor.strides[rank - 2], tensor.strides[rank - 1]);
  if (tensor.strides == row_major(tensor.shape)) tensor.strides.clear();
  return tensor;
}

// Entry `index` of the first axis under a name of its own. REQUIRES: index in range, no strides, entries of
// whole blocks.
inline Tensor entry(const Tensor& tensor, int64_t index, std::string name) {
  Tensor part = tensor;
  part.name = std::move(name);
  part.shape.erase(part.shape.begin());
  part.bytes = bytes_of(tensor.dtype, part.count());
  part.offset += part.bytes * uint64_t(index);
  return part;
}

// Rows [first, first + count) of a matrix. REQUIRES: no strides; whole groups of a packed one.
inline Tensor rows_of(const Tensor& tensor, uint64_t first, uint64_t count) {
  Tensor part = tensor;
  const uint64_t all = uint64_t(tensor.shape[0]), unit = is_packed(tensor.dtype) ? 8 : 1;
  const uint64_t unit_bytes = tensor.bytes / ((all + unit - 1) / unit);
  part.shape[0] = int64_t(count);
  part.offset += unit_bytes * (first / unit);
  part.bytes = unit_bytes * ((count + unit - 1) / unit);
  return part;
}

}  // namespace rwkv
