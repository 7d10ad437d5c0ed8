#include "kernels/kernels.h"
#include "pool.h"
#include "simd.h"

namespace rwkv {
namespace {

// A tile is one group of 8 weight rows times T rows of x. Each output sums over k in the same order whatever
// T is.
constexpr int kTileRows = 4;

// What the pool is told of a weight times an activation, and of quantising an activation.
constexpr double kNsOfProduct = 0.05, kNsOfActivation = 2;

// Rows of quantised activations: integers (R, K), scales (R, K / 32), sums (R, K / 16); see
// quantize_activations.
struct QuantizedRows {
  const int16_t* q;
  const float* scales;
  const int16_t* sums;
  int width;  // K

  int blocks() const { return width / kBlock; }
  const int16_t* row(int r, int block) const { return q + size_t(r) * width + block * kBlock; }
  float scale(int r, int block) const { return scales[size_t(r) * blocks() + block]; }
  const int16_t* sums_of(int r, int block) const { return sums + (size_t(r) * blocks() + block) * 2; }
};

// ys[t] (8) for T rows of x from row r on.
template <int T>
void float_tile(const Matrix& W, const std::byte* group, Rows x, int r, F32x8* ys) {
  for (int t = 0; t < T; ++t) ys[t] = {splat(0), splat(0)};
  const float* rows[T];
  for (int t = 0; t < T; ++t) rows[t] = x.row(r + t);
  const auto accumulate = [&](int k, F32x8 w) {
    for (int t = 0; t < T; ++t) {
      const f32x4 xk = splat(rows[t][k]);
      ys[t] = {madd(w.low, xk, ys[t].low), madd(w.high, xk, ys[t].high)};
    }
  };
  if (W.format == Quantization::kF32) {
    const auto* w = reinterpret_cast<const float*>(group);
    for (int k = 0; k < W.cols; ++k, w += kGroup) accumulate(k, {load(w), load(w + kLanes)});
  } else {
    const Masks masks;
    const auto* w = reinterpret_cast<const uint16_t*>(group);
    for (int k = 0; k < W.cols; ++k, w += kGroup) accumulate(k, load_f16x8(w, masks));
  }
}

// The same for q8: integer sums of each block of 32, times the scales of both sides.
template <int T>
void q8_tile(const std::byte* group, const QuantizedRows& x, int r, F32x8* ys) {
  for (int t = 0; t < T; ++t) ys[t] = {splat(0), splat(0)};
  for (int b = 0; b < x.blocks(); ++b, group += Matrix::kQ8BlockBytes) {
    const auto* scales = reinterpret_cast<const float*>(group);
    const auto* w = reinterpret_cast<const int8_t*>(group + 32);
    for (int half = 0; half < 2; ++half) {  // rows 0-3, rows 4-7
      RowDots dots[T];
      for (int k = 0; k < kBlock; k += 4)
        for (int t = 0; t < T; ++t) dots[t].add(w + k * kGroup + half * 16, x.row(r + t, b) + k);
      for (int t = 0; t < T; ++t) {
        const f32x4 scale = load(scales + half * kLanes) * splat(x.scale(r + t, b));
        f32x4& y = half ? ys[t].high : ys[t].low;
        y = madd(dots[t].total(), scale, y);
      }
    }
  }
}

// The same for q4: a block is one integer sum. With d the dot product of q - 8 and s the sum of the
// activations of 16 columns, sum over both halves of scale (d - zero s / 16), here times 128.
template <int T>
void q4_tile(const std::byte* group, const QuantizedRows& x, int r, F32x8* ys) {
  for (int t = 0; t < T; ++t) ys[t] = {splat(0), splat(0)};
  const auto* units = reinterpret_cast<const float*>(group);
  group += kGroup * sizeof(float);
  const Masks masks;
  for (int b = 0; b < x.blocks(); ++b, group += Matrix::kQ4BlockBytes) {
    const auto* w = reinterpret_cast<const uint8_t*>(group + 32);
    NibbleDots dots[2][T];
    for (int k = 0; k < kBlock; k += 4)
      for (int t = 0; t < T; ++t) dots[k / Matrix::kQ4Part][t].add(w + k * 4, x.row(r + t, b) + k, masks);
    const auto* lanes = reinterpret_cast<const int16_t*>(group);
    const i16x8 scales = i16x8::load_unaligned(lanes), zeros = i16x8::load_unaligned(lanes + 8);
    const i16x8 scale[] = {scales & pairs(masks.bytes), (scales >> 8) & pairs(masks.bytes)};  // rows 0-3, 4-7
    const i16x8 shift[] = {scale[0] * ((zeros << 8) >> 8), scale[1] * (zeros >> 8)};
    for (int t = 0; t < T; ++t) {
      const i16x8 sums = splat_pair(x.sums_of(r + t, b));
      const f32x4 x_scale = splat(x.scale(r + t, b));
      const auto total = [&](i32x4 first, i32x4 second, int half) {
        const i16x8 d = join_pairs(first, second, masks) - sums;
        return xsimd::to_float((dot(d, scale[half]) << 7) - dot(sums, shift[half]));
      };
      ys[t].low = madd(total(dots[0][t].low, dots[1][t].low, 0), x_scale, ys[t].low);
      ys[t].high = madd(total(dots[0][t].high(), dots[1][t].high(), 1), x_scale, ys[t].high);
    }
  }
  const f32x4 part = splat(1.0f / 128);
  for (int t = 0; t < T; ++t)
    ys[t] = {ys[t].low * (load(units) * part), ys[t].high * (load(units + kLanes) * part)};
}

void store_rows(const F32x8& values, float* y, int n) {
  store_part(y, values.low, std::min(n, kLanes));
  if (n > kLanes) store_part(y + kLanes, values.high, std::min(n - kLanes, kLanes));
}

// Groups [first, last) of W. Weights are walked once, group after group; each group meets all rows of x while
// it is in the cache.
template <class Tile>
void for_tiles_of(const Matrix& W, int first, int last, int R, Rows y, Tile tile) {
  const size_t bytes = W.group_bytes();
  const std::byte* group = W.data.as<std::byte>() + size_t(first) * bytes;
  for (int m = first * kGroup; m < std::min(last * kGroup, W.rows); m += kGroup, group += bytes) {
    F32x8 ys[kTileRows];
    const auto run = [&]<int T>(int r) {
      tile.template operator()<T>(group, r, ys);
      for (int t = 0; t < T; ++t) store_rows(ys[t], y.row(r + t) + m, std::min(W.rows - m, kGroup));
    };
    int r = 0;
    for (; r + kTileRows <= R; r += kTileRows) run.template operator()<kTileRows>(r);
    for (; r < R; ++r) run.template operator()<1>(r);
  }
}

// All groups, each thread walking a part of its own. Two groups at a time: 16 floats of y are a cache line,
// which no two threads write.
template <class Tile>
void for_tiles(const Matrix& W, int R, Rows y, Tile tile) {
  const int groups = (W.rows + kGroup - 1) / kGroup;
  pool.run((groups + 1) / 2, kNsOfProduct * 2 * kGroup * W.cols * R, [=, &W](int first, int last) {
    for_tiles_of(W, 2 * first, std::min(2 * last, groups), R, y, tile);
  });
}

}  // namespace

void matmul(const Matrix& W, Rows x, Rows y, Arena& arena) {
  assert(x.width == W.cols && y.width == W.rows && x.count == y.count);
  if (W.format == Quantization::kF32 || W.format == Quantization::kF16) {
    for_tiles(W, x.count, y, [&W, x]<int T>(const std::byte* group, int r, F32x8* ys) {
      float_tile<T>(W, group, x, r, ys);
    });
    return;
  }
  const ArenaScope scope(arena);
  const size_t blocks = size_t(x.width) / kBlock;
  auto* q = reinterpret_cast<int16_t*>(arena.floats(x.size() / 2));
  auto* sums = reinterpret_cast<int16_t*>(arena.floats(x.count * blocks));
  float* scales = arena.floats(x.count * blocks);
  pool.run(int(x.count * blocks), kNsOfActivation * kBlock, [=](int first, int last) {
    const size_t at = size_t(first) * kBlock;
    quantize_activations({x.data + at, size_t(last) * kBlock - at}, q + at, scales + first, sums + 2 * first);
  });
  const QuantizedRows xq{q, scales, sums, x.width};
  if (W.format == Quantization::kQ8)
    for_tiles(W, x.count, y,
              [xq]<int T>(const std::byte* group, int r, F32x8* ys) { q8_tile<T>(group, xq, r, ys); });
  else
    for_tiles(W, x.count, y,
              [xq]<int T>(const std::byte* group, int r, F32x8* ys) { q4_tile<T>(group, xq, r, ys); });
}

void matmul_each(Rows x, Rows E, Rows y) {
  assert(E.width == x.width * y.width && x.count == E.count && y.count == E.count);
  std::fill_n(y.data, y.size(), 0.0f);
  for (int r = 0; r < x.count; ++r)
    for (int k = 0; k < x.width; ++k) {
      const f32x4 x_k = splat(x.row(r)[k]);
      map(
          y.width, y.row(r), [&](f32x4 e, f32x4 sum) { return madd(e, x_k, sum); },
          E.row(r) + size_t(k) * y.width, y.row(r));
    }
}

}  // namespace rwkv
