// Rounding a row of weights to q4 so that its products change least: column after column, each column's error
// spread over the columns to come (Frantar et al. 2022, "GPTQ"), then number after number while that helps.
#pragma once

#include <span>

#include "tools/calibration/hessian.h"
#include "tools/calibration/q4_row.h"

namespace rwkv {

// The row that stands for `weights` (K) best where errors cost d^T H d. `factor` is that of all of H.
Q4Row round_row(std::span<const float> weights, const Hessian& H, const Factor& factor);

// What the row's errors d cost: d^T H d.
double cost_of(std::span<const float> weights, const Q4Row& row, const Hessian& H);

}  // namespace rwkv
