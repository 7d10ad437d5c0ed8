// ggml's quantised types, all but Q8_0: small integers in blocks along a row.
#pragma once

#include "quant/dtype.h"

namespace rwkv {

// One block of Q4_0, Q4_1, Q5_0, Q5_1 (32 values) or Q4_K, Q5_K, Q6_K (256 values), to the bit as ggml does
// it.
void decode_block(DType dtype, const std::byte* block, float* out);

}  // namespace rwkv
