// Packing into four bits: the search for scales and zeros.
#pragma once

#include <cstddef>

namespace rwkv {

// Packs 4 rows into a q4 group (quant.h, Matrix): rows 0-3 (half 0), then rows 4-7 (half 1). `columns` (K,
// 4): the rows' finite values, column by column.
void pack_q4(const float* columns, int cols, int half, std::byte* group);

}  // namespace rwkv
