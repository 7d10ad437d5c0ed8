#include "quant/q8.h"

#include "simd.h"

namespace rwkv::q8 {

constexpr float kSteps = 63;  // on either side of 0

void pack(const HalfGroup& in, std::byte* group) {
  const f32x4 offset = from_bits(splat_from_memory(kRoundingMagicBits)) + splat(float(kOffset));
  const i32x4 byte = splat_from_memory(0xFF);
  const float* columns = in.columns;
  const int cols = in.cols, half = in.half;
  for (int k0 = 0; k0 < cols; k0 += kBlock, columns += kBlock * kLanes, group += kBlockBytes) {
    f32x4 high = splat(0), low = splat(0);
    for (int k = 0; k < kBlock; ++k) {
      const f32x4 w = load(columns + k * kLanes);
      high = xsimd::max(high, w), low = xsimd::min(low, w);
    }
    const f32x4 largest = xsimd::max(high, splat(0) - low);
    const f32x4 inverse = xsimd::select(largest < splat(kTiny), splat(0), splat(kSteps) / largest);
    store(reinterpret_cast<float*>(group) + half * kLanes, largest / splat(kSteps));
    const auto q = [&](int quad, int at) {
      return bits_of(load(columns + column_of(quad, at) * kLanes) * inverse + offset) & byte;
    };
    RWKV_UNROLL(1)
    for (int quad = 0; quad < kQuads; ++quad)
      (q(quad, 0) | q(quad, 1) << 8 | q(quad, 2) << 16 | q(quad, 3) << 24)
          .store_unaligned(reinterpret_cast<int32_t*>(group + kScalesBytes + quad * 32 + half * 16));
  }
}

void unpack(const std::byte* group, int cols, float* values) {
  for (int k = 0; k < cols; ++k) {
    const std::byte* block = group + size_t(k / kBlock) * kBlockBytes;
    const std::byte* levels = block + kScalesBytes + quad_of(k % kBlock) * 32 + place_of(k % kBlock);
    for (int row = 0; row < kGroup; ++row)
      values[size_t(row) * cols + k] =
          reinterpret_cast<const float*>(block)[row] * float(int(levels[row * 4]) - kOffset);
  }
}

}  // namespace rwkv::q8
