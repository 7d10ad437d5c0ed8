// f16: weights rounded to halves; from 65520 on they become infinite. A group holds for each column 8 halves,
// as four 32-bit lanes: lane i has row i below and row 4 + i above, so that two shifts make eight floats. They
// would make numbers of infinity and NaN as well, so these are looked for when weights are loaded.
#pragma once

#include "quant/group.h"

namespace rwkv::f16 {

constexpr uint32_t kColumnBytes = kGroup * 2;

void pack(const HalfGroup& in, std::byte* group);
void unpack(const std::byte* group, int cols, float* values);
size_t count_not_finite(std::span<const std::byte> halves);

}  // namespace rwkv::f16
