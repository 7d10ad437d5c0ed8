// What the packed formats have in common: the rows of a matrix lie in groups of 8, the last group padded with
// zeros, and a group's columns one after the other.
#pragma once

#include "quant/dtype.h"

namespace rwkv {

constexpr int kGroup = 8;  // rows packed together

// Half of a group, to be packed.
struct HalfGroup {
  const float* columns;  // (K, 4): the values of 4 rows column by column; finite where columns share a scale
  int cols;              // K
  int half;              // 0: rows 0-3; 1: rows 4-7, packed after the first half
  bool were_quantized;   // the weights come from another format with few levels
};

// Formats whose columns share a scale have blocks of 32 columns in 8 quads. Quad j holds the columns 2j,
// 2j+1, 16+2j, 17+2j: the halves of a 32-bit lane then belong to different halves of the block, which may
// have scales of their own.
constexpr int kQuads = kBlock / 4;
// The column of a block that is number `at` (0..3) of a quad; and the other way.
constexpr int column_of(int quad, int at) { return 2 * quad + at % 2 + at / 2 * (kBlock / 2); }
constexpr int quad_of(int column) { return column % (kBlock / 2) / 2; }
constexpr int place_of(int column) { return column % 2 + column / (kBlock / 2) * 2; }

constexpr float kTiny = 0x1p-100f;  // what stays below has no inverse and is rounded to 0

}  // namespace rwkv
