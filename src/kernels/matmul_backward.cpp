#include <algorithm>

#include "kernels/backward.h"
#include "kernels/matmul_tile.h"
#include "kernels/matmul_transposed.h"
#include "pool.h"

namespace rwkv {
namespace {

constexpr int kTile = 6;  // rows of C in registers, which are 15 in WebAssembly: 12 sums, 2 of B, 1 of A
constexpr int kWide = 2 * kLanes;  // columns of C in registers
constexpr int kDeep = 128;         // terms of a sum at a time: their columns of B stay in the nearest cache
constexpr int kTall = 86 * kTile;  // rows of A at a time: they stay in the second cache
constexpr double kNsOfProduct = 0.03, kNsOfPacking = 1;

static_assert(kPanelGroups * kGroup == kDeep && kProductFloats == kTall * kDeep);

// C (T, kWide) += A b. A (S, T), as pack_tile leaves it, b (S, kWide).
template <int T>
void multiply_tile(const float* a, int S, const float* b, float* c, size_t c_row, int columns) {
  f32x4 low[T], high[T];
  const bool is_whole = columns == kWide;
  for (int t = 0; t < T; ++t) {
    float* row = c + t * c_row;
    low[t] = is_whole ? load(row) : load_part(row, std::min(columns, kLanes));
    high[t] = is_whole ? load(row + kLanes) : load_part(row + kLanes, std::max(columns - kLanes, 0));
  }
  RWKV_UNROLL(1)
  for (int s = 0; s < S; ++s, a += T, b += kWide) {
    const f32x4 b_low = load(b), b_high = load(b + kLanes);
    for (int t = 0; t < T; ++t) {
      const f32x4 a_t = splat_float(a + t);
      low[t] = madd(a_t, b_low, low[t]), high[t] = madd(a_t, b_high, high[t]);
      keep_order(low[t]), keep_order(high[t]);
    }
  }
  for (int t = 0; t < T; ++t) store_rows({low[t], high[t]}, c + t * c_row, columns);
}

// T rows of A, S terms of each, those of a term side by side.
template <int T>
void pack_tile(Strided A, int S, float* tile) {
  const float* from = A.data;
  RWKV_UNROLL(1)
  for (int s = 0; s < S; ++s, tile += T, from += A.column)
    for (int t = 0; t < T; ++t) tile[t] = from[size_t(t) * A.row];
}

struct Tile {
  decltype(&pack_tile<1>) pack;
  decltype(&multiply_tile<1>) multiply;
};
template <int T>
constexpr Tile kTileOf{pack_tile<T>, multiply_tile<T>};
// Of 1 to kTile rows.
constexpr Tile kTiles[] = {kTileOf<1>, kTileOf<2>, kTileOf<3>, kTileOf<4>, kTileOf<5>, kTileOf<6>};
static_assert(std::size(kTiles) == kTile);

// S rows of so many columns of B, filled up with zeros to kWide.
void pack_columns(Rows B, int first, int S, int j, int columns, float* b) {
  const float* from = B.row(first) + j;
  for (int s = 0; s < S; ++s, from += B.width, b += kWide)
    if (columns == kWide) store(b, load(from)), store(b + kLanes, load(from + kLanes));
    else
      for (int at = 0; at < kWide; at += kLanes)
        store(b + at, load_part(from + at, std::clamp(columns - at, 0, kLanes)));
}

}  // namespace

void add_product(Strided A, Rows B, Rows C, Arena& arena) {
  const ArenaScope scope(arena);
  const int J = C.width;
  float* const block = arena.floats(kProductFloats);
  for (int top = 0; top < C.count; top += kTall)
    for (int s = 0; s < B.count; s += kDeep) {
      const int tall = std::min(kTall, C.count - top), deep = std::min(kDeep, B.count - s);
      const auto over_tiles = [=](int first, int last, auto f) {
        for (int i = first * kTile; i < std::min(last * kTile, tall); i += kTile)
          f(i, std::min(kTile, tall - i), block + size_t(i) * size_t(deep));
      };
      pool.run((tall + kTile - 1) / kTile, kNsOfPacking * kTile * deep, [=](int first, int last) {
        over_tiles(first, last, [=](int i, int rows, float* tile) {
          kTiles[rows - 1].pack({A.at(top + i, s), A.row, A.column}, deep, tile);
        });
      });
      pool.run((J + kWide - 1) / kWide, kNsOfProduct * kWide * tall * deep, [=](int first, int last) {
        float b[kDeep * kWide];
        for (int j = first * kWide; j < std::min(last * kWide, J); j += kWide) {
          const int columns = std::min(kWide, J - j);
          pack_columns(B, s, deep, j, columns, b);
          over_tiles(0, kTall, [=, &b](int i, int rows, const float* tile) {
            kTiles[rows - 1].multiply(tile, deep, b, C.row(top + i) + j, size_t(J), columns);
          });
        }
      });
    }
}

void matmul_backward(const Matrix& W, Rows dy, Rows dx, Arena& arena) {
  if (has_transposed_products(W.format)) return add_transposed_product(W, dy, dx, arena);
  const ArenaScope scope(arena);
  const int groups = group_count(W), K = W.cols;
  const Rows panel = arena.rows(kPanelGroups * kGroup, K);
  for (int group = 0; group < groups; group += kPanelGroups) {
    const int count = std::min(kPanelGroups, groups - group), m = group * kGroup;
    pool.run(count, kNsOfPacking * kGroup * K, [=, &W](int first, int last) {
      for (int i = first; i < last; ++i) unpack_group(W, group + i, panel.row(i * kGroup));
    });
    const int rows = std::min(count * kGroup, W.rows - m);
    add_product({dy.data + m, size_t(dy.width), 1}, {panel.data, rows, K}, dx, arena);
  }
}

void matmul_weight_backward(Rows dy, Rows x, bool transposed, float* dW, Arena& arena) {
  if (!dW) return;
  if (transposed) std::swap(dy, x);
  add_product({dy.data, 1, size_t(dy.width)}, x, {dW, dy.width, x.width}, arena);
}

void matmul_each_backward(Rows x, Rows E, Rows dy, Rows dx, Rows dE) {
  const int M = dy.width;
  for (int r = 0; r < x.count; ++r)
    for (int k = 0; k < x.width; ++k) {
      const float* e = E.row(r) + size_t(k) * M;
      float* de = dE.row(r) + size_t(k) * M;
      dx.row(r)[k] += sum_of(M, {e, dy.row(r)}, [](f32x4 e, f32x4 d) { return e * d; });
      map(M, de, {de, dy.row(r)}, [x_k = splat(x.row(r)[k])](f32x4 de, f32x4 d) { return madd(x_k, d, de); });
    }
}

}  // namespace rwkv
