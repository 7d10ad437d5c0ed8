#include <algorithm>

#include "kernels/backward.h"
#include "kernels/matmul.h"
#include "pool.h"
#include "simd.h"

namespace rwkv {
namespace {

constexpr int kTile = 4;           // rows of C in registers
constexpr int kWide = 2 * kLanes;  // columns of C in registers
constexpr int kDeep = 128;         // terms of a sum at a time: their columns of B stay in the nearest cache
constexpr double kNsOfProduct = 0.1;

// C (T, kWide) += A (T, S) b (S, kWide).
template <int T>
void multiply_tile(Strided A, int S, const float* b, float* c, size_t c_row, int columns) {
  f32x4 low[T], high[T];
  for (int t = 0; t < T; ++t) {
    low[t] = load_part(c + t * c_row, std::min(columns, kLanes));
    high[t] = load_part(c + t * c_row + kLanes, std::max(columns - kLanes, 0));
  }
  for (int s = 0; s < S; ++s, b += kWide) {
    const f32x4 b_low = load(b), b_high = load(b + kLanes);
    for (int t = 0; t < T; ++t) {
      const f32x4 a = splat_float(A.data + t * A.row + s * A.column);
      low[t] = madd(a, b_low, low[t]), high[t] = madd(a, b_high, high[t]);
    }
  }
  for (int t = 0; t < T; ++t) {
    store_part(c + t * c_row, low[t], std::min(columns, kLanes));
    store_part(c + t * c_row + kLanes, high[t], std::max(columns - kLanes, 0));
  }
}

}  // namespace

void add_product(Strided A, Rows B, Rows C) {
  const int I = C.count, J = C.width, S = B.count;
  pool.run((J + kWide - 1) / kWide, kNsOfProduct * kWide * I * S, [=](int first, int last) {
    float b[kDeep * kWide];
    for (int j = first * kWide; j < std::min(last * kWide, J); j += kWide)
      for (int s = 0; s < S; s += kDeep) {
        const int deep = std::min(kDeep, S - s), columns = std::min(kWide, J - j);
        for (int i = 0; i < deep; ++i)
          for (int at = 0; at < kWide; at += kLanes)
            store(b + i * kWide + at, load_part(B.row(s + i) + j + at, std::clamp(columns - at, 0, kLanes)));
        int i = 0;
        const auto part = [&] { return Strided{A.data + i * A.row + s * A.column, A.row, A.column}; };
        for (; i + kTile <= I; i += kTile)
          multiply_tile<kTile>(part(), deep, b, C.row(i) + j, size_t(J), columns);
        for (; i < I; ++i) multiply_tile<1>(part(), deep, b, C.row(i) + j, size_t(J), columns);
      }
  });
}

void matmul_backward(const Matrix& W, Rows dy, Rows dx, Arena& arena) {
  const ArenaScope scope(arena);
  const int groups = group_count(W), K = W.cols;
  const Rows panel = arena.rows(kPanelGroups * kGroup, K);
  for (int group = 0; group < groups; group += kPanelGroups) {
    const int count = std::min(kPanelGroups, groups - group), m = group * kGroup;
    for (int i = 0; i < count; ++i) unpack_group(W, group + i, panel.row(i * kGroup));
    const int rows = std::min(count * kGroup, W.rows - m);
    add_product({dy.data + m, size_t(dy.width), 1}, {panel.data, rows, K}, dx);
  }
}

void matmul_weight_backward(Rows dy, Rows x, bool transposed, float* dW) {
  if (!dW) return;
  if (transposed) std::swap(dy, x);
  add_product({dy.data, 1, size_t(dy.width)}, x, {dW, dy.width, x.width});
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
