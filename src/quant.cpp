#include "quant.h"

#include <bit>
#include <cmath>

#include "simd.h"

namespace rwkv {

Matrix make_matrix(Quantization format, int rows, int cols) {
  assert(format_for(format, cols) == format);
  const uint64_t bytes = uint64_t(rows + kGroup - 1) / kGroup * Matrix::group_bytes(format, cols);
  if (bytes > SIZE_MAX / 2) return {};
  Matrix matrix{format, rows, cols, Buffer(size_t(bytes))};
  return matrix.data ? std::move(matrix) : Matrix{};
}

namespace {

constexpr int32_t kMagnitude = 0x7FFFFFFF, kInfinity = 0x7F800000;  // bits of a float
constexpr float kTiny = 0x1p-100f;  // blocks that stay below are zeros: no inverse overflows

// 4 rows of up to 32 columns, a vector for each column.
struct Columns {
  f32x4 at[kBlock];
};

// Row i is rows + i stride.
void load_columns(const float* rows, int stride, int count, Columns& columns) {
  for (int k = 0; k < count; k += kLanes) {
    f32x4 v[kLanes];
    for (int row = 0; row < kLanes; ++row)
      v[row] = load_part(rows + row * stride + k, std::min(count - k, kLanes));
    transpose(v);
    for (int i = 0; i < kLanes; ++i) columns.at[k + i] = v[i];
  }
}

// Each row's largest magnitude, as the bits of a float: in the order of the floats, infinity and NaN on top.
i32x4 peaks(const Columns& columns, int count) {
  i32x4 peak(0);
  for (int k = 0; k < count; ++k) peak = xsimd::max(peak, bits_of(columns.at[k]) & i32x4(kMagnitude));
  return peak;
}

bool all_finite(i32x4 peak) { return xsimd::none(peak >= i32x4(kInfinity)); }

// Puts zeros in the place of values that are not finite and counts them.
size_t clear_not_finite(Columns& columns, int count) {
  size_t found = 0;
  for (int k = 0; k < count; ++k) {
    float lane[kLanes];
    store(lane, columns.at[k]);
    for (float& value : lane)
      if (!std::isfinite(value)) value = 0, ++found;
    columns.at[k] = load(lane);
  }
  return found;
}

// Four lanes of 8-bit integers, one column each, as the bytes of a lane.
i32x4 join_bytes(i32x4 a, i32x4 b, i32x4 c, i32x4 d) {
  const i32x4 byte(0xFF);
  return (a & byte) | (b & byte) << 8 | (c & byte) << 16 | d << 24;
}

void pack_q8(const Columns& columns, i32x4 peak, int half, std::byte* out) {
  const f32x4 largest = from_bits(peak);
  store(reinterpret_cast<float*>(out) + half * kLanes, largest / splat(127));
  const f32x4 inverse = xsimd::select(largest < splat(kTiny), splat(0), splat(127) / largest);
  out += 32 + half * 16;
  for (int k = 0; k < kBlock; k += 4, out += 32) {
    const auto q = [&](int i) { return round_to_int(columns.at[k + i] * inverse); };
    join_bytes(q(0), q(1), q(2), q(3)).store_unaligned(reinterpret_cast<int32_t*>(out));
  }
}

// The nearest bf16, ties to even, as the bits of a float.
i32x4 round_to_bf16(f32x4 v) {
  const i32x4 bits = bits_of(v);
  return (bits + i32x4(0x7FFF) + ((bits >> 16) & i32x4(1))) & i32x4(int32_t(0xFFFF0000));
}

// Each row's 32 values as scale q + minimum; q as bytes in `nibbles`, the lane of both bf16 as the answer.
i32x4 quantize_q4(const Columns& columns, i32x4 peak, i32x4 (&nibbles)[kBlock / 4]) {
  f32x4 low = columns.at[0], high = columns.at[0];
  for (int k = 1; k < kBlock; ++k)
    low = xsimd::min(low, columns.at[k]), high = xsimd::max(high, columns.at[k]);
  const i32x4 minimum = round_to_bf16(low), scale = round_to_bf16((high - low) / splat(15));
  const f32x4 step = from_bits(scale), start = from_bits(minimum);
  const f32x4 inverse =
      xsimd::select(from_bits(peak) < splat(kTiny) || step < splat(kTiny), splat(0), splat(1) / step);
  for (int k = 0; k < kBlock; k += 4) {
    const auto q = [&](int i) {
      const f32x4 level = (columns.at[k + i] - start) * inverse;
      return round_to_int(xsimd::min(xsimd::max(level, splat(0)), splat(15)));
    };
    nibbles[k / 4] = join_bytes(q(0), q(1), q(2), q(3));
  }
  return scale | ((minimum >> 16) & i32x4(0xFFFF));
}

void pack_q4(const Columns (&halves)[2], const i32x4 (&peak)[2], std::byte* out) {
  i32x4 nibbles[2][kBlock / 4];
  auto* lanes = reinterpret_cast<int32_t*>(out);
  for (int half = 0; half < 2; ++half, lanes += kLanes)
    quantize_q4(halves[half], peak[half], nibbles[half]).store_unaligned(lanes);
  for (int i = 0; i < kBlock / 4; ++i, lanes += kLanes)
    (nibbles[0][i] | nibbles[1][i] << 4).store_unaligned(lanes);
}

}  // namespace

size_t pack_group(Matrix& matrix, int group, const float* values) {
  const int cols = matrix.cols;
  const bool in_blocks = matrix.format == Quantization::kQ8 || matrix.format == Quantization::kQ4;
  std::byte* out = matrix.data.as<std::byte>() + size_t(group) * matrix.group_bytes();
  size_t not_finite = 0;
  Columns halves[2];
  for (int k0 = 0; k0 < cols; k0 += kBlock) {
    const int count = std::min(cols - k0, kBlock);
    i32x4 peak[2];
    for (int half = 0; half < 2; ++half) {
      Columns& columns = halves[half];
      load_columns(values + size_t(half) * kLanes * cols + k0, cols, count, columns);
      peak[half] = peaks(columns, count);
      if (all_finite(peak[half])) continue;
      Columns cleared = columns;
      not_finite += clear_not_finite(cleared, count);
      if (in_blocks) columns = cleared, peak[half] = peaks(columns, count);
    }
    switch (matrix.format) {
      case Quantization::kF32:
        for (int k = 0; k < count; ++k, out += 32) {
          store(reinterpret_cast<float*>(out), halves[0].at[k]);
          store(reinterpret_cast<float*>(out) + kLanes, halves[1].at[k]);
        }
        break;
      case Quantization::kF16:
        for (int k = 0; k < count; ++k, out += 16)
          (to_half(halves[0].at[k]) | to_half(halves[1].at[k]) << 16)
              .store_unaligned(reinterpret_cast<int32_t*>(out));
        break;
      case Quantization::kQ8:
        for (int half = 0; half < 2; ++half) pack_q8(halves[half], peak[half], half, out);
        out += Matrix::kQ8BlockBytes;
        break;
      case Quantization::kQ4:
        pack_q4(halves, peak, out);
        out += Matrix::kQ4BlockBytes;
        break;
    }
  }
  return not_finite;
}

void unpack_group(const Matrix& matrix, int group, float* values) {
  const std::byte* in = matrix.data.as<std::byte>() + size_t(group) * matrix.group_bytes();
  for (int row = 0; row < kGroup; ++row)
    for (int k = 0; k < matrix.cols; ++k) {
      const int block = k / kBlock, i = k % kBlock;
      float& w = values[size_t(row) * matrix.cols + k];
      switch (matrix.format) {
        case Quantization::kF32:
          w = reinterpret_cast<const float*>(in)[k * kGroup + row];
          break;
        case Quantization::kF16:
          w = half_to_float(reinterpret_cast<const uint16_t*>(in)[k * kGroup + row % 4 * 2 + row / 4]);
          break;
        case Quantization::kQ8: {
          const std::byte* at = in + block * Matrix::kQ8BlockBytes;
          w = reinterpret_cast<const float*>(at)[row] * float(int8_t(at[32 + i / 4 * 32 + row * 4 + i % 4]));
          break;
        }
        case Quantization::kQ4: {
          const std::byte* at = in + block * Matrix::kQ4BlockBytes;
          const auto lane = reinterpret_cast<const uint32_t*>(at)[row];
          const int q = int(at[32 + i / 4 * 16 + row % 4 * 4 + i % 4]) >> (row / 4 * 4) & 15;
          w = std::bit_cast<float>(lane & 0xFFFF0000) * float(q) + std::bit_cast<float>(lane << 16);
          break;
        }
      }
    }
}

void quantize_activations(std::span<const float> x, int16_t* q, float* scales, float* sums) {
  for (size_t block = 0; block < x.size() / kBlock; ++block) {
    const float* in = x.data() + block * kBlock;
    f32x4 peak = splat(0);
    for (int i = 0; i < kBlock; i += kLanes) peak = xsimd::max(peak, xsimd::abs(load(in + i)));
    const float largest_value = largest(peak);
    scales[block] = largest_value / 127;
    const f32x4 inverse = splat(largest_value < kTiny ? 0 : 127 / largest_value);
    u32x4 total(0);  // which may wrap around where x is not finite
    for (int i = 0; i < kBlock; i += kLanes) {
      const i32x4 v = round_to_int(load(in + i) * inverse);
      total = total + xsimd::bitwise_cast<uint32_t>(v);
      int32_t lane[kLanes];
      v.store_unaligned(lane);
      for (int j = 0; j < kLanes; ++j) q[block * kBlock + i + j] = int16_t(lane[(j & 1) << 1 | j >> 1]);
    }
    sums[block] = scales[block] * float(int32_t(xsimd::reduce_add(total)));
  }
}

}  // namespace rwkv
