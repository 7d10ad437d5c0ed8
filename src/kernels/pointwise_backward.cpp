#include <array>

#include "kernels/backward.h"
#include "pool.h"
#include "simd.h"

namespace rwkv {
namespace {

constexpr double kNsOfElement = 0.5;

f32x4 sigmoid(f32x4 x, const Exp& exp) { return splat(1) / (splat(1) + exp(-x)); }

// f(r) of every row, shared among threads.
template <class F>
void each_row(Rows x, F f) {
  pool.run(x.count, kNsOfElement * x.width, [=](int first, int last) {
    for (int r = first; r < last; ++r) f(r);
  });
}

// dx = f(x, y, dx)
template <class F>
void each(Rows x, Rows y, Rows dx, F f) {
  each_row(dx, [=](int r) { map(dx.width, dx.row(r), {x.row(r), y.row(r), dx.row(r)}, f); });
}

// sums (C) += f(a, b, ...) of every row, unless nobody wants them. Threads share columns.
template <size_t count, class F>
void sum_rows(const Rows (&in)[count], float* sums, F f) {
  if (!sums) return;
  constexpr int kColumns = 16;  // a cache line of sums
  const auto rows = std::to_array(in);
  const int C = in[0].width, R = in[0].count;
  pool.run((C + kColumns - 1) / kColumns, kNsOfElement * kColumns * R, [=](int first, int last) {
    const std::make_index_sequence<count> all;
    for (int c = first * kColumns; c < std::min(last * kColumns, C); c += kLanes) {
      const int n = std::min(C - c, kLanes);
      f32x4 sum = load_part(sums + c, n);
      for (int r = 0; r < R; ++r)
        sum = sum + apply(all, f, [&](size_t i) { return load_part(rows[i].row(r) + c, n); });
      store_part(sums + c, sum, n);
    }
  });
}

f32x4 product(f32x4 a, f32x4 b) { return a * b; }

}  // namespace

void lerp_backward(Rows x, Rows prev, const Vector& mu, Rows dout, Rows dx, Rows dprev, float* dmu) {
  each_row(x, [=, mu = mu.data()](int r) {
    const float* d = dout.row(r);
    map(x.width, dx.row(r), {dx.row(r), mu, d},
        [](f32x4 dx, f32x4 mu, f32x4 d) { return madd(splat(1) - mu, d, dx); });
    map(x.width, dprev.row(r), {dprev.row(r), mu, d},
        [](f32x4 dprev, f32x4 mu, f32x4 d) { return madd(mu, d, dprev); });
  });
  sum_rows({x, prev, dout}, dmu, [](f32x4 x, f32x4 prev, f32x4 d) { return (prev - x) * d; });
}

void lerp_backward(Rows x, Rows prev, Rows mu, Rows dout, Rows dx, Rows dprev, Rows dmu) {
  each_row(x, [=](int r) {
    const float* d = dout.row(r);
    map(x.width, dx.row(r), {dx.row(r), mu.row(r), d},
        [](f32x4 dx, f32x4 mu, f32x4 d) { return madd(splat(1) - mu, d, dx); });
    map(x.width, dprev.row(r), {dprev.row(r), mu.row(r), d},
        [](f32x4 dprev, f32x4 mu, f32x4 d) { return madd(mu, d, dprev); });
    map(x.width, dmu.row(r), {dmu.row(r), x.row(r), prev.row(r), d},
        [](f32x4 dmu, f32x4 x, f32x4 prev, f32x4 d) { return madd(prev - x, d, dmu); });
  });
}

void add_backward(Rows dout, float* dbias) {
  sum_rows({dout}, dbias, [](f32x4 d) { return d; });
}

void multiply_backward(Rows x, Rows before, Rows dout, Rows dx) {
  each_row(x, [=](int r) {
    map(x.width, dx.row(r), {dx.row(r), before.row(r), dout.row(r)},
        [](f32x4 dx, f32x4 b, f32x4 d) { return madd(b, d, dx); });
    map(x.width, dout.row(r), {dout.row(r), x.row(r)}, product);
  });
}

void multiply_backward(Rows x, const Vector& scale, Rows dout, Rows dx, float* dscale) {
  each_row(x, [=, scale = scale.data()](int r) {
    map(x.width, dx.row(r), {dx.row(r), scale, dout.row(r)},
        [](f32x4 dx, f32x4 scale, f32x4 d) { return madd(scale, d, dx); });
  });
  sum_rows({x, dout}, dscale, product);
}

void sigmoid_backward(Rows x, Rows y, Rows dx) {
  each(x, y, dx, [](f32x4, f32x4 y, f32x4 d) { return d * y * (splat(1) - y); });
}
void tanh_backward(Rows x, Rows y, Rows dx) {
  each(x, y, dx, [](f32x4, f32x4 y, f32x4 d) { return d * (splat(1) - y * y); });
}
void silu_backward(Rows x, Rows y, Rows dx) {
  each(x, y, dx, [exp = Exp()](f32x4 x, f32x4 y, f32x4 d) {
    const f32x4 s = sigmoid(x, exp);
    return d * madd(y, splat(1) - s, s);
  });
}
void relu_squared_backward(Rows x, Rows y, Rows dx) {
  each(x, y, dx, [](f32x4 x, f32x4, f32x4 d) { return d * (splat(2) * xsimd::max(x, splat(0))); });
}
void decay6_backward(Rows x, Rows y, Rows dx) {
  each(x, y, dx, [exp = Exp()](f32x4 x, f32x4 y, f32x4 d) { return -(d * exp(x) * y); });
}
void decay7_backward(Rows x, Rows y, Rows dx) {
  each(x, y, dx, [exp = Exp()](f32x4 x, f32x4 y, f32x4 d) {
    const f32x4 s = sigmoid(x, exp);
    return d * splat(-0.60653066f) * s * (splat(1) - s) * y;
  });
}

void scale_key7_backward(Rows a, const Vector& k_a, Rows before, Rows da, float* dk_a, Rows dk) {
  sum_rows({before, a, dk}, dk_a, [](f32x4 k, f32x4 a, f32x4 d) { return k * (a - splat(1)) * d; });
  each_row(dk, [=, k_a = k_a.data()](int r) {
    map(dk.width, da.row(r), {da.row(r), before.row(r), k_a, dk.row(r)},
        [](f32x4 da, f32x4 k, f32x4 k_a, f32x4 d) { return madd(k * k_a, d, da); });
    map(dk.width, dk.row(r), {dk.row(r), a.row(r), k_a},
        [](f32x4 d, f32x4 a, f32x4 k_a) { return d * (splat(1) + (a - splat(1)) * k_a); });
  });
}

}  // namespace rwkv
