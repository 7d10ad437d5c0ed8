#include "quant/matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "quant/q4.h"
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

// 4 rows of K values column by column, (K, 4); row i is rows + i K. Answers whether all are finite.
bool load_columns(const float* rows, int cols, float* columns) {
  f32x4 doubt = splat(0);  // x * 0 is NaN where x is not finite
  int k = 0;
  for (; k + kLanes <= cols; k += kLanes) {
    f32x4 v[kLanes];
    for (int row = 0; row < kLanes; ++row) v[row] = load(rows + size_t(row) * cols + k);
    transpose(v);
    for (int i = 0; i < kLanes; ++i, columns += kLanes) {
      store(columns, v[i]);
      doubt = doubt + v[i] * splat(0);
    }
  }
  for (; k < cols; ++k, columns += kLanes) {
    for (int row = 0; row < kLanes; ++row) columns[row] = rows[size_t(row) * cols + k];
    doubt = doubt + load(columns) * splat(0);
  }
  return xsimd::all(doubt == doubt);
}

constexpr float kQ8Steps = 63;  // on either side of 0

void pack_q8(const float* columns, int cols, int half, std::byte* out) {
  const f32x4 offset = from_bits(splat_from_memory(kRoundingMagicBits)) + splat(float(Matrix::kQ8Offset));
  const i32x4 byte = splat_from_memory(0xFF);
  for (int k0 = 0; k0 < cols; k0 += kBlock, columns += kBlock * kLanes, out += Matrix::kQ8BlockBytes) {
    f32x4 high = splat(0), low = splat(0);
    for (int k = 0; k < kBlock; ++k) {
      const f32x4 w = load(columns + k * kLanes);
      high = xsimd::max(high, w), low = xsimd::min(low, w);
    }
    const f32x4 largest = xsimd::max(high, splat(0) - low);
    const f32x4 inverse = xsimd::select(largest < splat(kTiny), splat(0), splat(kQ8Steps) / largest);
    store(reinterpret_cast<float*>(out) + half * kLanes, largest / splat(kQ8Steps));
    const auto q = [&](int quad, int at) {
      return bits_of(load(columns + column_of(quad, at) * kLanes) * inverse + offset) & byte;
    };
    for (int quad = 0; quad < Matrix::kQuads; ++quad)
      (q(quad, 0) | q(quad, 1) << 8 | q(quad, 2) << 16 | q(quad, 3) << 24)
          .store_unaligned(reinterpret_cast<int32_t*>(out + 32 + quad * 32 + half * 16));
  }
}

}  // namespace

size_t pack_group(Matrix& matrix, int group, const float* values, bool were_quantized) {
  const int cols = matrix.cols;
  const size_t bytes = matrix.group_bytes();
  std::byte* out = matrix.data.as<std::byte>() + size_t(group) * bytes;
  const auto columns = std::make_unique_for_overwrite<float[]>(size_t(cols) * kLanes);
  size_t not_finite = 0;
  for (int half = 0; half < 2; ++half) {
    if (!load_columns(values + size_t(half) * kLanes * cols, cols, columns.get())) {
      const std::span<float> all(columns.get(), size_t(cols) * kLanes);
      not_finite += count_not_finite(all);
      if (matrix.format >= Quantization::kQ8)
        for (float& value : all) value = std::isfinite(value) ? value : 0;
    }
    switch (matrix.format) {
      case Quantization::kF32:
        for (int k = 0; k < cols; ++k)
          store(reinterpret_cast<float*>(out) + k * kGroup + half * kLanes,
                load(&columns[size_t(k) * kLanes]));
        break;
      case Quantization::kF16:
        for (int k = 0; k < cols; ++k)
          put_half(out + k * kLanes * 4, half, to_half(load(&columns[size_t(k) * kLanes])) << (half * 16));
        break;
      case Quantization::kQ8:
        pack_q8(columns.get(), cols, half, out);
        break;
      case Quantization::kQ4:
        pack_q4(columns.get(), cols, half, were_quantized, out);
        break;
    }
  }
  return not_finite;
}

namespace {

// The quad and the byte of it that hold column k of a block.
constexpr int quad_of(int k) { return k % Matrix::kQ4Part / 2; }
constexpr int byte_of(int k) { return k % 2 + k / Matrix::kQ4Part * 2; }

float unpack_q8(const std::byte* block, int row, int k) {
  const int q = int(block[32 + quad_of(k) * 32 + row * 4 + byte_of(k)]) - Matrix::kQ8Offset;
  return reinterpret_cast<const float*>(block)[row] * float(q);
}

float unpack_q4(const std::byte* block, float unit, int row, int k) {
  const int i = row % 4, j = row / 4, part = 4 * i + 2 * (k / Matrix::kQ4Part) + j;
  const int scale = uint8_t(block[part]), zero = int8_t(block[16 + part]);
  const int q = int(block[32 + quad_of(k) * 16 + 4 * i + byte_of(k)]) >> (4 * j) & 15;
  return unit * (1.0f / 16) * float(scale * (16 * (q - Matrix::kQ4Offset) - zero));
}

}  // namespace

void unpack_group(const Matrix& matrix, int group, float* values) {
  const std::byte* in = matrix.data.as<std::byte>() + size_t(group) * matrix.group_bytes();
  const auto* floats = reinterpret_cast<const float*>(in);
  for (int row = 0; row < kGroup; ++row)
    for (int k = 0; k < matrix.cols; ++k) {
      float& w = values[size_t(row) * matrix.cols + k];
      const size_t block = size_t(k) / kBlock;
      switch (matrix.format) {
        case Quantization::kF32:
          w = floats[k * kGroup + row];
          break;
        case Quantization::kF16:
          w = half_to_float(reinterpret_cast<const uint16_t*>(in)[k * kGroup + row % 4 * 2 + row / 4]);
          break;
        case Quantization::kQ8:
          w = unpack_q8(in + block * Matrix::kQ8BlockBytes, row, k % kBlock);
          break;
        case Quantization::kQ4:
          w = unpack_q4(in + kGroup * sizeof(float) + block * Matrix::kQ4BlockBytes, floats[row], row,
                        k % kBlock);
          break;
      }
    }
}

}  // namespace rwkv
