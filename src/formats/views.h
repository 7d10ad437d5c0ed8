// Tensors made of others, for readers whose files store things turned or joined.
#pragma once

#include "dtype.h"
#include "tensor.h"

namespace rwkv {

// The same elements with the last two axes swapped. REQUIRES: rank >= 2, no strides.
inline Tensor transposed(Tensor tensor) {
  const size_t rank = tensor.shape.size();
  tensor.strides.assign(rank, 1);
  for (size_t i = rank - 1; i-- > 0;) tensor.strides[i] = tensor.strides[i + 1] * tensor.shape[i + 1];
  std::swap(tensor.shape[rank - 2], tensor.shape[rank - 1]);
  std::swap(tensor.strides[rank - 2], tensor.strides[rank - 1]);
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

}  // namespace rwkv
