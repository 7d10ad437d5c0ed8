// q4: four bits a weight; 16 columns of a row share a scale and a zero, and the scales of a row a unit:
// w = unit scale (q - 8 - zero / 16), q in 0..15, scale in 0..255, zero in -128..127. A group holds 8 float
// units, then for each block of 32 columns 16 bytes of scales and 16 of zeros - byte 4 i + 2 h + j is that of
// row i + 4 j (i < 4, j < 2) and the columns 16 h.. of the block - and for each quad of columns (group.h) 16
// bytes, 4 a row, rows 0-3 in the low nibbles and rows 4-7 in the high ones.
#pragma once

#include "quant/group.h"

namespace rwkv::q4 {

constexpr int kPart = 16;                                 // columns that share a scale and a zero
constexpr int kOffset = 8;                                // of 0 among the levels
constexpr uint32_t kUnitsBytes = kGroup * sizeof(float);  // at the front of a group
constexpr uint32_t kBlockBytes = kGroup * (4 + kBlock / 2);

// Searches for the scales and zeros with the least squares of errors; of weights that were quantised before
// it finds the steps of Q4_0, Q4_1 and Q4_K again.
void pack(const HalfGroup& in, std::byte* group);
void unpack(const std::byte* group, int cols, float* values);

}  // namespace rwkv::q4
