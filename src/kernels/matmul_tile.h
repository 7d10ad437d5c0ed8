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

// All tiles of some rows of x, while W is read once: a block of each stream after the other meets them all, its weights
// prepared once. What is read of one stream comes while others are multiplied.
template <class Panel, int T>
void panel_tiles(const TileArguments& in) {
  const Panel panel;
  const int blocks = in.W.cols / kBlock, tiles = (in.rows + T - 1) / T, part = in.count / in.streams;
  const size_t apart = size_t(part) * in.W.bytes, input_bytes = T * Panel::kInputBytes;
  for (int i = 0; i < part; ++i) {
    const std::byte* const group =
        in.W.data + size_t(in.first + i) * in.W.bytes;  // of the first stream, as `first`
    const std::byte *first = group + Panel::kFrontBytes, *input = in.x;
    F32x8 ys[kPanelRows / T][T];  // of each stream and tile
    for (int n = 0; n < in.streams * tiles; ++n)
      for (F32x8& y : ys[n]) y = {splat(0), splat(0)};
    for (int b = 0; b < blocks; ++b, first += Panel::kBlockBytes, input += input_bytes) {
      const std::byte* block = first;
      auto* y = ys;
      for (int s = 0; s < in.streams; ++s, block += apart) {
        const auto& weights = panel.weights(block);
        const std::byte* x = input;
        for (int tile = 0; tile < tiles; ++tile, ++y, x += size_t(blocks) * input_bytes)
          panel.add(weights, x, *y);
      }
    }
    for (int s = 0; s < in.streams; ++s)
      for (int r = 0; r < in.rows; ++r) {
        const int m = (in.first + s * part + i) * kGroup;
        store_rows(Panel::result(group + size_t(s) * apart, ys[s * tiles + r / T][r % T]),
                   in.y + size_t(r) * in.y_width + m, in.W.rows - m);
      }
  }
}

}  // namespace rwkv
