#include "quant.h"

#include <cmath>

#include "simd.h"

namespace rwkv {

Matrix make_matrix(Quantization format, int rows, int cols) {
  assert(format != Quantization::kQ8 || cols % kBlock == 0);
  const uint64_t bytes = uint64_t(rows + kGroup - 1) / kGroup * Matrix::group_bytes(format, cols);
  if (bytes > SIZE_MAX / 2) return {};
  Matrix matrix{format, rows, cols, Buffer(size_t(bytes))};
  return matrix.data ? std::move(matrix) : Matrix{};
}

namespace {

void pack_q8(std::byte* out, int cols, const float* values) {
  for (int k0 = 0; k0 < cols; k0 += kBlock, out += 288) {
    float* scales = reinterpret_cast<float*>(out);
    auto* q = reinterpret_cast<int8_t*>(out + 32);
    for (int row = 0; row < kGroup; ++row) {
      const float* w = values + size_t(row) * cols + k0;
      float largest = 0;
      for (int i = 0; i < kBlock; ++i) largest = std::fmax(largest, std::fabs(w[i]));
      scales[row] = largest / 127;
      const float inverse = largest > 0 ? 127 / largest : 0;
      for (int i = 0; i < kBlock; ++i) {
        // Beyond the bounds is what the block's scale cannot say: NaN, infinity, or where it is subnormal.
        const float rounded = std::nearbyint(w[i] * inverse);
        q[i / 4 * 32 + row * 4 + i % 4] = int8_t(std::fmin(std::fmax(rounded, -127.0f), 127.0f));
      }
    }
  }
}

}  // namespace

void pack_group(Matrix& matrix, int group, const float* values) {
  const int cols = matrix.cols;
  std::byte* out = matrix.data.as<std::byte>() + size_t(group) * matrix.group_bytes();
  switch (matrix.format) {
    case Quantization::kF32:
      for (int k = 0; k < cols; ++k)
        for (int row = 0; row < kGroup; ++row)
          reinterpret_cast<float*>(out)[k * kGroup + row] = values[size_t(row) * cols + k];
      break;
    case Quantization::kF16:
      for (int k = 0; k < cols; ++k)
        for (int row = 0; row < kGroup; ++row)
          reinterpret_cast<uint16_t*>(out)[k * kGroup + row % 4 * 2 + row / 4] =
              float_to_half(values[size_t(row) * cols + k]);
      break;
    case Quantization::kQ8:
      pack_q8(out, cols, values);
      break;
  }
}

void unpack_group(Quantization format, int cols, const std::byte* group, float* values) {
  const auto at = [&](int row, int k) -> float& { return values[size_t(row) * cols + k]; };
  for (int k = 0; k < cols; ++k)
    for (int row = 0; row < kGroup; ++row) switch (format) {
        case Quantization::kF32:
          at(row, k) = reinterpret_cast<const float*>(group)[k * kGroup + row];
          break;
        case Quantization::kF16:
          at(row, k) =
              half_to_float(reinterpret_cast<const uint16_t*>(group)[k * kGroup + row % 4 * 2 + row / 4]);
          break;
        default: {
          const std::byte* block = group + size_t(k / kBlock) * 288;
          const int i = k % kBlock;
          at(row, k) = reinterpret_cast<const float*>(block)[row] *
                       float(reinterpret_cast<const int8_t*>(block + 32)[i / 4 * 32 + row * 4 + i % 4]);
        }
      }
}

void quantize_activations(std::span<const float> x, int16_t* q, float* scales) {
  for (size_t block = 0; block < x.size() / kBlock; ++block) {
    const float* in = x.data() + block * kBlock;
    f32x4 peak = splat(0);
    for (int i = 0; i < kBlock; i += kLanes) peak = xsimd::max(peak, xsimd::abs(load(in + i)));
    const float largest_value = largest(peak);
    scales[block] = largest_value / 127;
    const f32x4 inverse = splat(largest_value > 0 ? 127 / largest_value : 0);
    for (int i = 0; i < kBlock; i += kLanes) {
      int32_t lane[kLanes];
      round_to_int(load(in + i) * inverse).store_unaligned(lane);
      for (int j = 0; j < kLanes; ++j) q[block * kBlock + i + j] = int16_t(lane[j]);
    }
  }
}

}  // namespace rwkv
