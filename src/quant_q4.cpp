#include "quant_q4.h"

#include <vector>

#include "quant.h"
#include "simd.h"

namespace rwkv {
namespace {

constexpr int kPart = Matrix::kQ4Part;
constexpr float kLargestLevel = 15, kMiddle = 8;
// Where the search starts: so many steps from a part's smallest value to its largest. More than 15 cut off
// the ends for finer steps within; fewer meet the steps of weights that were quantised before.
constexpr float kStarts[] = {15, 14, 13, 16.5f};

f32x4 round(f32x4 v) { return (v + splat(kRoundingMagic)) - splat(kRoundingMagic); }
f32x4 to_level(f32x4 v) { return round(xsimd::min(xsimd::max(v, splat(0)), splat(kLargestLevel))); }
// 1 / v; 0 where v is too small to have an inverse.
f32x4 inverse(f32x4 v) { return xsimd::select(v < splat(kTiny), splat(0), splat(1) / v); }

// v ~ step q + start for the values v of a part in each of 4 rows.
struct Grid {
  f32x4 step, start;
  f32x4 gain;  // how much of the sum of (v - mean)^2 it explains
};

// The grid that fits best, by least squares, the integers that `grid` rounds the values to.
Grid refit(const f32x4 (&v)[kPart], f32x4 sum, const Grid& grid) {
  const f32x4 inverse_step = inverse(grid.step), offset = splat(0) - grid.start * inverse_step;
  f32x4 q_sum = splat(0), qq = splat(0), qv = splat(0);
  for (int k = 0; k < kPart; ++k) {
    const f32x4 q = to_level(v[k] * inverse_step + offset);
    q_sum = q_sum + q, qq = qq + q * q, qv = qv + q * v[k];
  }
  const f32x4 mean_q = q_sum * splat(1.0f / kPart);
  const f32x4 variance = qq - q_sum * mean_q, covariance = qv - sum * mean_q;
  const f32x4 step = xsimd::select(variance < splat(kTiny), grid.step, covariance * inverse(variance));
  return {step, (sum - step * q_sum) * splat(1.0f / kPart), covariance * step};
}

// A part's scale and zero: w ~ scale (q - zero).
struct Scaling {
  f32x4 scale, zero;
};

Scaling search(const f32x4* w) {
  // Zero is always within reach; far out, so that no difference overflows, values are cut off.
  f32x4 low = splat(0), high = splat(0);
  for (int k = 0; k < kPart; ++k) low = xsimd::min(low, w[k]), high = xsimd::max(high, w[k]);
  low = xsimd::max(low, splat(-0x1p126f)), high = xsimd::min(high, splat(0x1p126f));
  // In units of a fifteenth of the range, so that squares neither overflow nor vanish.
  const f32x4 unit = (high - low) * splat(1 / kLargestLevel), per_unit = inverse(unit);
  f32x4 v[kPart], sum = splat(0);
  for (int k = 0; k < kPart; ++k) v[k] = (w[k] - low) * per_unit, sum = sum + v[k];

  Grid best{splat(1), splat(0), splat(-1)};
  for (const float steps : kStarts) {
    const float step = kLargestLevel / steps;
    Grid grid = refit(v, sum, {splat(step), splat((1 - step) * kLargestLevel / 2), {}});
    const auto better = grid.gain > best.gain;
    best = {xsimd::select(better, grid.step, best.step), xsimd::select(better, grid.start, best.start),
            xsimd::select(better, grid.gain, best.gain)};
  }
  best = refit(v, sum, best);
  const f32x4 scale = best.step * unit;
  return {scale, splat(0) - (low + best.start * unit) * inverse(scale)};
}

void add_bits(std::byte* out, i32x4 bits) {
  auto* lanes = reinterpret_cast<int32_t*>(out);
  (i32x4::load_unaligned(lanes) | bits).store_unaligned(lanes);
}

}  // namespace

void pack_q4(const float* columns, int cols, int half, std::byte* group) {
  const int parts = cols / kPart;
  std::vector<float> scales(size_t(parts) * kLanes), zeros(scales.size());
  f32x4 largest = splat(0), w[kPart];
  for (int part = 0; part < parts; ++part) {
    for (int k = 0; k < kPart; ++k) w[k] = load(columns + (part * kPart + k) * kLanes);
    const Scaling found = search(w);
    store(&scales[part * kLanes], found.scale), store(&zeros[part * kLanes], found.zero);
    largest = xsimd::max(largest, found.scale);
  }
  const f32x4 unit = largest * splat(1.0f / 255), per_unit = inverse(unit);
  store(reinterpret_cast<float*>(group) + half * kLanes, unit);
  group += kGroup * sizeof(float);

  for (int part = 0; part < parts; ++part) {
    std::byte* block = group + part / 2 * Matrix::kQ4BlockBytes;
    const f32x4 scale = xsimd::max(round(load(&scales[part * kLanes]) * per_unit), splat(1));
    const f32x4 per_scale = inverse(scale * unit);
    f32x4 zero = load(&zeros[part * kLanes]), distance = splat(0);
    for (int k = 0; k < kPart; ++k) {
      w[k] = load(columns + (part * kPart + k) * kLanes) * per_scale;
      distance = distance + (to_level(w[k] + zero) - w[k]);
    }
    // The zero that the rounded scale would have; sixteenths of a step around the middle.
    zero = (distance * splat(1.0f / kPart) - splat(kMiddle)) * splat(16);
    zero = round(xsimd::min(xsimd::max(zero, splat(-128)), splat(127)));
    const int shift = part % 2 * 16 + half * 8;  // of this part and half in the lane of a row pair
    const auto pack_byte = [&](f32x4 v) { return (round_to_int(v) & i32x4(0xFF)) << shift; };
    add_bits(block, pack_byte(scale));
    add_bits(block + 16, pack_byte(zero));

    const f32x4 offset = zero * splat(1.0f / 16) + splat(kMiddle);
    const auto level = [&](int k) { return round_to_int(to_level(w[k] + offset)); };
    for (int k = 0; k < kPart; k += 4)
      add_bits(block + 32 + (part % 2 * kPart + k) * 4,
               (level(k) | level(k + 1) << 8 | level(k + 2) << 16 | level(k + 3) << 24) << (half * 4));
  }
}

}  // namespace rwkv
