// f32: weights as they are. A group holds for each column 8 floats, those of its rows.
#pragma once

#include "quant/group.h"

namespace rwkv::f32 {

constexpr uint32_t kColumnBytes = kGroup * 4;

void pack(const HalfGroup& in, std::byte* group);
void unpack(const std::byte* group, int cols, float* values);

}  // namespace rwkv::f32
