// q8: seven bits a weight, and a scale for each 32 columns of a row: w = scale (q - 64), q in 1..127. A group
// holds for each block of 32 columns 8 float scales, then for each quad of columns (group.h) 16 bytes of rows
// 0-3 and 16 of rows 4-7, 4 bytes a row. Levels have no sign because this is what the byte products of
// relaxed SIMD take (simd.h); the offset is taken back by the sum of the activations.
#pragma once

#include "quant/group.h"

namespace rwkv::q8 {

constexpr int kOffset = 64;                                // of 0 among the levels
constexpr uint32_t kScalesBytes = kGroup * sizeof(float);  // at the front of a block
constexpr uint32_t kBlockBytes = kScalesBytes + kGroup * kBlock;

// scale = max |w| / 63.
void pack(const HalfGroup& in, std::byte* group);
void unpack(const std::byte* group, int cols, float* values);

}  // namespace rwkv::q8
