// Values as a file has them, packed.
#pragma once

#include <algorithm>
#include <vector>

#include "quant/matrix.h"

namespace rwkv {

// W's rows from `values`, (M, K) or transposed (K, M), times scale.
inline void pack_values(const float* values, bool transposed, float scale, Matrix& W) {
  const auto K = size_t(W.cols), M = size_t(W.rows);
  std::vector<float> group(kGroup * K);
  for (size_t first = 0; first < M; first += kGroup) {
    std::fill(group.begin(), group.end(), 0.0f);
    for (size_t m = first; m < std::min(first + kGroup, M); ++m)
      for (size_t k = 0; k < K; ++k)
        group[(m - first) * K + k] = scale * values[transposed ? k * M + m : m * K + k];
    pack_group(W, int(first / kGroup), group.data());
  }
}

}  // namespace rwkv
