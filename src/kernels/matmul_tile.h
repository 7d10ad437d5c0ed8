// What the kernels of all formats share: a tile is some groups of 8 weight rows times T rows of x. Each
// output sums over k in the same order whatever T, the form and the number of streams are.
#pragma once

#include <algorithm>

#include "kernels/matmul.h"
#include "kernels/matmul_table.h"
#include "simd.h"

namespace rwkv {

inline void store_rows(const F32x8& values, float* y, int n) {
  if (n >= kGroup) {
    store(y, values.low), store(y + kLanes, values.high);
  } else {
    store_part(y, values.low, std::min(n, kLanes));
    store_part(y + kLanes, values.high, std::max(n - kLanes, 0));
  }
}

// Cuts the groups into S equal streams and calls tile(groups, ys) for a group of each at a time; ys [S][T]
// are the sums that it leaves.
template <int S, int T, class Tile>
inline void walk(const TileArguments& in, Tile tile) {
  const int part = in.count / S;
  for (int i = 0; i < part; ++i) {
    const std::byte* groups[S];
    for (int s = 0; s < S; ++s) groups[s] = in.W.data + size_t(in.first + s * part + i) * in.W.bytes;
    F32x8 ys[S][T];
    for (int s = 0; s < S; ++s)
      for (int t = 0; t < T; ++t) ys[s][t] = {splat(0), splat(0)};
    tile(groups, ys);
    for (int s = 0; s < S; ++s) {
      const int m = (in.first + s * part + i) * kGroup;
      for (int t = 0; t < T; ++t) store_rows(ys[s][t], in.y + size_t(t) * in.y_width + m, in.W.rows - m);
    }
  }
}

}  // namespace rwkv
