// dx += W^T dy of q8 and q4 weights in whole numbers, by the kernels of q8's y = W x. The bytes of some rows of W are turned;
// the scales, of which each row has its own in a block, go to dy, which is then rounded to 8 bits:
//
//   dx[k] += S A / 127 sum over m (level[m][k] - offset) q[m], q[m] = round(127 / A dy[m] s[m] / S)
//
// for each 32 rows m, where s are the rows' scales and S the largest, A the largest |dy|: an error of S A / 254 at most in each
// s[m] dy[m]. What q4's zeros take away is summed in floats.
#pragma once

#include "quant/matrix.h"
#include "tensor.h"

namespace rwkv {

bool has_transposed_products(Quantization format);
// REQUIRES: has_transposed_products. Takes kTransposedFloats of the arena.
void add_transposed_product(const Matrix& W, Rows dy, Rows dx, Arena& arena);
constexpr uint64_t kTransposedFloats = 516 * (256 + 8);

}  // namespace rwkv
