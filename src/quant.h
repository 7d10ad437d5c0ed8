// Number formats: how weights lie in files (row-major, DType) and in memory (packed for the kernels).
#pragma once

#include <cstdint>
#include <span>

#include "tensor.h"

namespace rwkv {

// ---- In files ----

constexpr int kBlock = 32;           // weights that share a scale, along a row
constexpr int kQ8_0BlockBytes = 34;  // a Q8_0 block of ggml: an f16 scale, then 32 int8

// Bytes of `count` elements. REQUIRES: count % 32 == 0 for kQ8_0.
constexpr uint64_t bytes_of(DType dtype, uint64_t count) {
  switch (dtype) {
    case DType::kF32:
      return count * 4;
    case DType::kF16:
    case DType::kBF16:
      return count * 2;
    case DType::kQ8_0:
      return count / kBlock * kQ8_0BlockBytes;
  }
  return 0;
}

float half_to_float(uint16_t half);
uint16_t float_to_half(float value);  // nearest, ties to even; overflow gives infinity

// out.size() elements from `bytes`, which hold them as `dtype`. REQUIRES: as bytes_of.
void decode(DType dtype, const std::byte* bytes, std::span<float> out);
// The other way. Q8_0: scale = max |w| / 127, rounded to f16; w = scale * q.
void encode(DType dtype, std::span<const float> values, std::byte* bytes);

// ---- In memory ----

enum class Quantization : uint8_t { kF32, kF16, kQ8 };

constexpr const char* quantization_name(Quantization q) {
  return q == Quantization::kF32 ? "f32" : q == Quantization::kF16 ? "f16" : "q8";
}

// A weight matrix (M, K) in kernel layout. Rows are packed in groups of 8, the last group padded with zeros:
//   f32  for each k: 8 floats
//   f16  for each k: 8 halves, in 32-bit lanes of (row i, row 4 + i)
//   q8   for each block of 32 k: 8 float scales, then for each 4 k: 16 bytes of rows 0-3, 16 bytes of rows
//   4-7
struct Matrix {
  Quantization format = Quantization::kF32;
  int rows = 0;  // M
  int cols = 0;  // K; a multiple of 32 for q8
  Buffer data;

  bool empty() const { return rows == 0; }
  // Bytes of one group of 8 rows.
  size_t group_bytes() const { return group_bytes(format, cols); }
  static constexpr size_t group_bytes(Quantization format, int cols) {
    switch (format) {
      case Quantization::kF32:
        return size_t(cols) * 32;
      case Quantization::kF16:
        return size_t(cols) * 16;
      case Quantization::kQ8:
        return size_t(cols) / kBlock * 288;
    }
    return 0;
  }
};

constexpr int kGroup = 8;  // rows packed together

// An (M, K) matrix with memory but no content; empty() where there is not enough memory.
Matrix make_matrix(Quantization format, int rows, int cols);
// Fills rows [8 group, 8 group + 8) from `values` (8, K); rows beyond M must be zeros.
void pack_group(Matrix& matrix, int group, const float* values);

// Activations for q8 weights: x (K) as integers -127..127 with one scale for each block of 32. x = scale * q.
// REQUIRES: K % 32 == 0.
void quantize_activations(std::span<const float> x, int16_t* q, float* scales);

}  // namespace rwkv
