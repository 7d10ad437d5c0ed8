// Number formats of weights in memory, packed for the kernels. (Those in files: dtype.h.)
#pragma once

#include <cstdint>

#include "quant/dtype.h"
#include "tensor.h"

namespace rwkv {

enum class Quantization : uint8_t { kF32, kF16, kQ8, kQ4 };

constexpr const char* quantization_name(Quantization q) {
  constexpr const char* kNames[] = {"f32", "f16", "q8", "q4"};
  return kNames[int(q)];
}

constexpr DType packed_type(Quantization format) { return DType(int(DType::kPackedF32) + int(format)); }
constexpr Quantization format_of(DType packed) { return Quantization(int(packed) - int(DType::kPackedF32)); }

constexpr int kGroup = 8;  // rows packed together

// A weight matrix (M, K) in kernel layout. Rows are packed in groups of 8, the last group padded with zeros:
//   f32  for each k: 8 floats
//   f16  for each k: 8 halves, in 32-bit lanes of (row i, row 4 + i)
//   q8   for each block of 32 k: 8 float scales, then for each quad of columns: 16 bytes of rows 0-3 and 16
//        of rows 4-7. w = scale (q - 64), q in 1..127
//   q4   8 float units; then for each block of 32 k: 16 bytes of scales, 16 of zeros, then for each quad 16
//        bytes, rows 0-3 in the low nibbles and rows 4-7 in the high ones. w = unit scale (q - 8 - zero /
//        16), q in 0..15, scale in 0..255, zero in -128..127. 16 columns share a scale and a zero: those of
//        row i + 4 j (i < 4, j < 2) and columns 16 h.. of the block are in byte 4 i + 2 h + j.
// Quad j (0..7) of a block holds its columns 2j, 2j+1, 16+2j, 17+2j, 4 bytes for each row: both halves of a
// 32-bit lane then belong to different scales of q4. q8 weights have 7 bits and no sign because this is what
// the byte products of relaxed SIMD take (simd.h); the offset is taken back by the sum of the activations.
struct Matrix {
  Quantization format = Quantization::kF32;
  int rows = 0;  // M
  int cols = 0;  // K; a multiple of 32 for q8 and q4
  Buffer data;

  bool empty() const { return rows == 0; }
  // Bytes of one group of 8 rows.
  size_t group_bytes() const { return group_bytes(format, cols); }
  static constexpr size_t group_bytes(Quantization format, int cols) {
    switch (format) {
      case Quantization::kF32:
        return size_t(cols) * kGroup * 4;
      case Quantization::kF16:
        return size_t(cols) * kGroup * 2;
      case Quantization::kQ8:
        return size_t(cols) / kBlock * kQ8BlockBytes;
      case Quantization::kQ4:
        return kGroup * sizeof(float) + size_t(cols) / kBlock * kQ4BlockBytes;
    }
    return 0;
  }

  static constexpr size_t kQ8BlockBytes = kGroup * (4 + kBlock);  // of 8 rows, 32 columns
  static constexpr size_t kQ4BlockBytes = kGroup * (4 + kBlock / 2);
  static constexpr int kQ4Part = 16;  // columns that share a scale and a zero
  static constexpr int kQuads = kBlock / 4;
  static constexpr int kQ8Offset = 64, kQ4Offset = 8;  // of 0 among the levels q
};

// What a matrix of `cols` columns is packed as where `wanted` is asked for: q8 and q4 need whole blocks.
constexpr Quantization format_for(Quantization wanted, int cols) {
  const bool in_blocks = wanted == Quantization::kQ8 || wanted == Quantization::kQ4;
  return in_blocks && cols % kBlock ? Quantization::kF16 : wanted;
}

// An (M, K) matrix with memory but no content; empty() where there is not enough memory.
Matrix make_matrix(Quantization format, int rows, int cols);
// Fills rows [8 group, 8 group + 8) from `values` (8, K); rows beyond M must be zeros. Answers how many
// values are not finite: q8 and q4 take them for 0, and f16 makes infinities of values from 65520 on. Weights
// that were quantised before are looked at longer: q4 finds the steps of Q4_0, Q4_1 and Q4_K again.
size_t pack_group(Matrix& matrix, int group, const float* values, bool were_quantized = false);
// The other way: `values` (8, K) as the kernels see them.
void unpack_group(const Matrix& matrix, int group, float* values);

constexpr float kTiny = 0x1p-100f;  // what stays below has no inverse and is rounded to 0

// The column of a block that is byte `at` (0..3) of quad j.
constexpr int column_of(int quad, int at) { return 2 * quad + at % 2 + at / 2 * Matrix::kQ4Part; }

}  // namespace rwkv
