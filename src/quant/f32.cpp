#include "quant/f32.h"

#include "simd.h"

namespace rwkv::f32 {

void pack(const HalfGroup& in, std::byte* group) {
  auto* out = reinterpret_cast<float*>(group) + in.half * kLanes;
  for (int k = 0; k < in.cols; ++k) store(out + size_t(k) * kGroup, load(in.columns + size_t(k) * kLanes));
}

void unpack(const std::byte* group, int cols, float* values) {
  const auto* in = reinterpret_cast<const float*>(group);
  for (int k = 0; k < cols; ++k)
    for (int row = 0; row < kGroup; ++row) values[size_t(row) * cols + k] = *in++;
}

}  // namespace rwkv::f32
