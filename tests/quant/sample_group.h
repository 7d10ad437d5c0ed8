// Weights to pack, and how far off they are when they come back.
#pragma once

#include <cmath>
#include <vector>

#include "quant/group.h"
#include "reference.h"
#include "relative_error.h"

namespace rwkv {

// One group, (8, K), of weights as they come: some rows larger, one row and one block of zeros.
inline std::vector<float> sample_group(int cols, unsigned seed) {
  auto values = reference::random_floats(size_t(kGroup) * cols, -1, 1, seed);
  for (int row = 0; row < kGroup; ++row)
    for (int k = 0; k < cols; ++k) {
      float& w = values[size_t(row) * cols + k];
      w *= w * w * float(1 << row);
      if (row == 5 || (row == 2 && k < kBlock)) w = 0;
    }
  return values;
}

}  // namespace rwkv
