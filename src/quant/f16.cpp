#include "quant/f16.h"

#include "quant/put_half.h"

namespace rwkv::f16 {

void pack(const HalfGroup& in, std::byte* group) {
  for (int k = 0; k < in.cols; ++k)
    put_half(group + size_t(k) * kColumnBytes, in.half,
             to_half(load(in.columns + size_t(k) * kLanes)) << (in.half * 16));
}

void unpack(const std::byte* group, int cols, float* values) {
  const auto* in = reinterpret_cast<const uint16_t*>(group);
  for (int k = 0; k < cols; ++k, in += kGroup)
    for (int row = 0; row < kGroup; ++row)
      values[size_t(row) * cols + k] = half_to_float(in[row % 4 * 2 + row / 4]);
}

}  // namespace rwkv::f16
