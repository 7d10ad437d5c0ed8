#include "quant/q4.h"

#include <vector>

#include "quant/put_half.h"

namespace rwkv::q4 {
namespace {

constexpr float kLargestLevel = 15, kMiddle = kOffset;
// Where the search starts: so many steps from a part's smallest value to its largest. More than 15 cut off
// both ends for finer steps within. Weights that were quantised before may need few steps to be met exactly.
constexpr float kStarts[] = {15, 14, 13, 16.5f, 12, 11, 10, 9, 8};
constexpr int kUsualStarts = 4;

// 1 / v; 0 where v is too small to have an inverse.
f32x4 inverse(f32x4 v) { return xsimd::select(v < splat(kTiny), splat(0), splat(1) / v); }

// Rounding to whole numbers, ties to even, and to levels 0..15.
struct Rounding {
  f32x4 magic = from_bits(splat_from_memory(kRoundingMagicBits));
  f32x4 zero = from_bits(splat_from_memory(0)), most = from_bits(splat_from_memory(0x41700000));  // 0, 15

  f32x4 whole(f32x4 v) const { return (v + magic) - magic; }
  f32x4 shifted(f32x4 v) const { return xsimd::min(xsimd::max(v, zero), most) + magic; }  // level + magic
  f32x4 level(f32x4 v) const { return shifted(v) - magic; }
};

// v ~ step q + start for the values v of a part in each of 4 rows.
struct Grid {
  f32x4 step, start;
  f32x4 gain;  // how much of the sum of (v - mean)^2 it explains
};

// The grid that fits best, by least squares, the integers that `grid` rounds the values to.
Grid refit(const f32x4 (&v)[kPart], f32x4 sum, const Grid& grid, const Rounding& rounding) {
  const f32x4 inverse_step = inverse(grid.step), offset = splat(0) - grid.start * inverse_step;
  f32x4 q_sum = splat(0), qq = splat(0), qv = splat(0);
  for (int k = 0; k < kPart; ++k) {
    const f32x4 q = rounding.level(v[k] * inverse_step + offset);
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

Scaling search(const float* columns, int starts, const Rounding& rounding) {
  // Zero is always within reach; far out, so that no difference overflows, values are cut off.
  f32x4 low = splat(0), high = splat(0);
  for (int k = 0; k < kPart; ++k) {
    const f32x4 w = load(columns + k * kLanes);
    low = xsimd::min(low, w), high = xsimd::max(high, w);
  }
  low = xsimd::max(low, splat(-0x1p126f)), high = xsimd::min(high, splat(0x1p126f));
  // In units of a fifteenth of the range, so that squares neither overflow nor vanish.
  const f32x4 unit = (high - low) * splat(1 / kLargestLevel), per_unit = inverse(unit);
  f32x4 v[kPart], sum = splat(0);
  for (int k = 0; k < kPart; ++k) v[k] = (load(columns + k * kLanes) - low) * per_unit, sum = sum + v[k];

  Grid best{splat(1), splat(0), splat(-1)};
  for (int i = 0; i < starts; ++i) {
    const float step = kLargestLevel / kStarts[i], spare = (kLargestLevel - kStarts[i]) / 2;
    const float first = spare > 0 ? float(int(spare)) : spare;  // the smallest value's level, a whole one
    const Grid grid = refit(v, sum, {splat(step), splat(-first * step), {}}, rounding);
    const auto better = grid.gain > best.gain;
    best = {xsimd::select(better, grid.step, best.step), xsimd::select(better, grid.start, best.start),
            xsimd::select(better, grid.gain, best.gain)};
  }
  best = refit(v, sum, best, rounding);
  const f32x4 scale = best.step * unit;
  return {scale, splat(0) - (low + best.start * unit) * inverse(scale)};
}

// Four lanes of bytes, as one lane's bytes.
i32x4 join_bytes(i32x4 a, i32x4 b, i32x4 c, i32x4 d) { return a | b << 8 | c << 16 | d << 24; }

}  // namespace

void pack(const HalfGroup& in, std::byte* group) {
  const float* columns = in.columns;
  const int half = in.half;
  const int starts = in.were_quantized ? int(std::size(kStarts)) : kUsualStarts;
  const Rounding rounding;
  const i32x4 byte = splat_from_memory(0xFF);
  std::vector<Scaling> scalings(size_t(in.cols) / kPart);
  f32x4 largest = splat(0);
  for (size_t part = 0; part < scalings.size(); ++part) {
    scalings[part] = search(columns + part * kPart * kLanes, starts, rounding);
    largest = xsimd::max(largest, scalings[part].scale);
  }
  const f32x4 unit = largest * splat(1.0f / 255), per_unit = inverse(unit);
  store(reinterpret_cast<float*>(group) + half * kLanes, unit);

  std::byte* out = group + kUnitsBytes;
  for (size_t block = 0; block < scalings.size() / 2; ++block, out += kBlockBytes) {
    i32x4 scales(0), zeros(0), levels[2 * kPart];  // of the 32 columns
    for (int part = 0; part < 2; ++part, columns += kPart * kLanes) {
      const Scaling& found = scalings[2 * block + part];
      const f32x4 scale = xsimd::max(rounding.whole(found.scale * per_unit), splat(1));
      const f32x4 per_scale = inverse(scale * unit);
      f32x4 distance = splat(0);
      for (int k = 0; k < kPart; ++k) {
        const f32x4 w = load(columns + k * kLanes) * per_scale;
        distance = distance + (rounding.level(w + found.zero) - w);
      }
      // The zero that goes with the rounded scale; in sixteenths of a step around the middle.
      f32x4 zero = (distance * splat(1.0f / kPart) - splat(kMiddle)) * splat(16);
      zero = rounding.whole(xsimd::min(xsimd::max(zero, splat(-128)), splat(127)));
      scales = scales | round_to_int(scale) << (16 * part);
      zeros = zeros | (round_to_int(zero) & byte) << (16 * part);

      const f32x4 offset = zero * splat(1.0f / 16) + splat(kMiddle);
      for (int k = 0; k < kPart; ++k)
        levels[part * kPart + k] =
            bits_of(rounding.shifted(load(columns + k * kLanes) * per_scale + offset)) & byte;
    }
    const auto level = [&](int quad, int at) { return levels[column_of(quad, at)]; };
    for (int quad = 0; quad < kQuads; ++quad)
      put_half(out + 32 + quad * 16, half,
               join_bytes(level(quad, 0), level(quad, 1), level(quad, 2), level(quad, 3)) << (4 * half));
    put_half(out, half, scales << (8 * half));
    put_half(out + 16, half, zeros << (8 * half));
  }
}

void unpack(const std::byte* group, int cols, float* values) {
  for (int row = 0; row < kGroup; ++row) {
    const float unit = reinterpret_cast<const float*>(group)[row];
    const int i = row % 4, j = row / 4;
    for (int k = 0; k < cols; ++k) {
      const std::byte* block = group + kUnitsBytes + size_t(k / kBlock) * kBlockBytes;
      const int in_block = k % kBlock, part = 4 * i + 2 * (in_block / kPart) + j;
      const int scale = uint8_t(block[part]), zero = int8_t(block[16 + part]);
      const int q = int(block[32 + quad_of(in_block) * 16 + 4 * i + place_of(in_block)]) >> (4 * j) & 15;
      *values++ = unit * (1.0f / 16) * float(scale * (16 * (q - kOffset) - zero));
    }
  }
}

}  // namespace rwkv::q4
