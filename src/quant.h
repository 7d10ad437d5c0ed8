// Number formats of weights in memory, packed for the kernels. (Those in files: dtype.h.)
#pragma once

#include <cstdint>
#include <span>

#include "dtype.h"
#include "tensor.h"

namespace rwkv {

enum class Quantization : uint8_t { kF32, kF16, kQ8, kQ4 };

constexpr const char* quantization_name(Quantization q) {
  constexpr const char* kNames[] = {"f32", "f16", "q8", "q4"};
  return kNames[int(q)];
}

constexpr DType packed_type(Quantization format) { return DType(int(DType::kPackedF32) + int(format)); }
constexpr Quantization format_of(DType packed) { return Quantization(int(packed) - int(DType::kPackedF32)); }

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

// What a matrix of K columns is packed as in a model of that quantization: blocks must be whole.
constexpr Quantization format_for(Quantization wanted, int cols) {
  return wanted > Quantization::kF16 && cols % kBlock != 0 ? Quantization::kF16 : wanted;
}

// An (M, K) matrix with memory but no content; empty() where there is not enough memory.
Matrix make_matrix(Quantization format, int rows, int cols);
// Fills rows [8 group, 8 group + 8) from `values` (8, K); rows beyond M must be zeros.
void pack_group(Matrix& matrix, int group, const float* values);
// The way back: the 8 rows of a packed group as `values` (8, K).
void unpack_group(Quantization format, int cols, const std::byte* group, float* values);

// Activations for q8 weights: x (K) as integers -127..127 with one scale for each block of 32. x = scale * q.
// REQUIRES: K % 32 == 0.
void quantize_activations(std::span<const float> x, int16_t* q, float* scales);

}  // namespace rwkv
