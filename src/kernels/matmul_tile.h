// What the kernels of all formats share: a tile is some groups of 8 weight rows times T rows of x. Each
// output sums over k in the same order whatever T, the form and the number of streams are.
#pragma once

#include <algorithm>

#include "kernels/matmul.h"
#include "simd.h"

namespace rwkv {

// f16 weights are 2^-112 times what they stand for (simd.h). Activations are multiplied by one part of 2^112,
// results by the other: no activation below 2^64 overflows, and no product that matters is lost.
constexpr float kHalfInput = 0x1p64f, kHalfResult = kHalfScale / kHalfInput;

struct TileArguments {
  const Matrix& W;
  const std::byte* x;  // a tile of Activations
  float* y;            // (T, M), its rows y_width apart
  int y_width;
  int first, count;  // groups; the count a multiple of the kernel's streams
};
using TileKernel = void (*)(const TileArguments&);

// REQUIRES: is_available; streams 1 where T > 1.
TileKernel q8_kernel(Form form, int streams, int T);
TileKernel q4_kernel(Form form, int streams, int T);
TileKernel float_kernel(Quantization format, int streams, int T);

// One kernel for each shape that is used: S streams of one row, or one stream of T rows.
template <class Get>
TileKernel kernel_of_shape(int streams, int T, Get get) {
  switch (T) {
    case 1:
      return streams == 1   ? get.template operator()<1, 1>()
             : streams == 2 ? get.template operator()<2, 1>()
                            : get.template operator()<4, 1>();
    case 2:
      return get.template operator()<1, 2>();
    case 3:
      return get.template operator()<1, 3>();
    default:
      return get.template operator()<1, 4>();
  }
}

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
  const size_t bytes = in.W.group_bytes();
  const int part = in.count / S;
  for (int i = 0; i < part; ++i) {
    const std::byte* groups[S];
    for (int s = 0; s < S; ++s)
      groups[s] = in.W.data.as<std::byte>() + size_t(in.first + s * part + i) * bytes;
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
