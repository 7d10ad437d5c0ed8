// Writing two halves of a group into the same lanes.
#pragma once

#include "simd.h"

namespace rwkv {

// Rows 0-3 (half 0) and rows 4-7 (half 1) of a group have different bits of the same lanes. The first half
// comes first.
inline void put_half(std::byte* out, int half, i32x4 bits) {
  auto* lanes = reinterpret_cast<int32_t*>(out);
  (half ? i32x4::load_unaligned(lanes) | bits : bits).store_unaligned(lanes);
}

}  // namespace rwkv
