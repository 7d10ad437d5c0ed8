#include "quant/f16.h"

#include "quant/put_half.h"

namespace rwkv::f16 {

void pack(const HalfGroup& in, std::byte* group) {
  const auto [columns, cols, half, were_quantized] = in;
  for (int k = 0; k < cols; ++k)
    put_half(group + size_t(k) * kColumnBytes, half,
             to_half(load(columns + size_t(k) * kLanes)) << (half * 16));
}

void unpack(const std::byte* group, int cols, float* values) {
  const auto* in = reinterpret_cast<const uint16_t*>(group);
  for (int k = 0; k < cols; ++k, in += kGroup) {
    RWKV_UNROLL(1)
    for (int row = 0; row < kGroup; ++row)
      values[size_t(row) * cols + k] = half_to_float(in[row % 4 * 2 + row / 4]);
  }
}

size_t count_not_finite(std::span<const std::byte> halves) {
  const auto* in = reinterpret_cast<const uint16_t*>(halves.data());
  size_t count = 0;
  RWKV_UNROLL(1)
  for (size_t i = 0; i < halves.size() / 2; ++i) count += (in[i] & 0x7C00) == 0x7C00;
  return count;
}

}  // namespace rwkv::f16
