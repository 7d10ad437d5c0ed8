// The best scale, zero and levels for 16 weights that share them.
#pragma once

#include <array>
#include <cmath>

#include "quant/matrix.h"

namespace rwkv {

using q4::kPart;
using PartValues = std::array<float, kPart>;

// What errors of a part's columns cost: Factor (hessian.h) of these columns alone.
struct PartCost {
  PartValues scale;
  std::array<PartValues, kPart> spread;
};

// w = unit scale (level - 8 - zero / 16)
struct Q4Part {
  int scale = 1, zero = 0;
  std::array<int, kPart> levels = {};
  float cost = INFINITY;
};

// A scale for values that count by the squares of `cost.scale`, in no unit yet.
float free_scale(const PartValues& values, const PartCost& cost);

// The best part found for the values.
Q4Part fit_part(const PartValues& values, const PartCost& cost, float unit);

}  // namespace rwkv
