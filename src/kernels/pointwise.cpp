#include "kernels/kernels.h"
#include "simd.h"

namespace rwkv {
namespace {

f32x4 sigmoid(f32x4 x, const Exp& exp) { return splat(1) / (splat(1) + exp(-x)); }

// As map(), with one copy of f, which is long.
template <class F>
void each(Rows x, F f) {
  const int n = int(x.size());
  for (int i = 0; i < n; i += kLanes) {
    float* p = x.data + i;
    const bool is_whole = n - i >= kLanes;
    const f32x4 out = f(is_whole ? load(p) : load_part(p, n - i));
    if (is_whole) store(p, out);
    else store_part(p, out, n - i);
  }
}

f32x4 lerp(f32x4 x, f32x4 prev, f32x4 mu) { return madd(prev - x, mu, x); }

}  // namespace

void lerp(Rows x, Rows prev, const Vector& mu, Rows out) {
  for (int r = 0; r < x.count; ++r)
    map(x.width, out.row(r), {x.row(r), prev.row(r), mu.data()},
        [](f32x4 x, f32x4 prev, f32x4 mu) { return lerp(x, prev, mu); });
}

void lerp(Rows x, Rows prev, Rows mu, Rows out) {
  map(int(x.size()), out.data, {x.data, prev.data, mu.data},
      [](f32x4 x, f32x4 prev, f32x4 mu) { return lerp(x, prev, mu); });
}

void add(Rows x, Rows out) {
  map(int(x.size()), out.data, {out.data, x.data}, [](f32x4 out, f32x4 x) { return out + x; });
}

void add(const Vector& bias, Rows out) {
  for (int r = 0; r < out.count; ++r)
    map(out.width, out.row(r), {out.row(r), bias.data()}, [](f32x4 out, f32x4 bias) { return out + bias; });
}

void multiply(Rows x, Rows out) {
  map(int(x.size()), out.data, {out.data, x.data}, [](f32x4 out, f32x4 x) { return out * x; });
}

void multiply(Rows x, const Vector& scale, Rows out) {
  for (int r = 0; r < out.count; ++r)
    map(out.width, out.row(r), {x.row(r), scale.data()}, [](f32x4 x, f32x4 scale) { return x * scale; });
}

void sigmoid(Rows x) {
  each(x, [exp = Exp()](f32x4 v) { return sigmoid(v, exp); });
}
void tanh(Rows x) {
  each(x, [exp = Exp()](f32x4 v) { return splat(1) - splat(2) / (exp(v + v) + splat(1)); });
}
void silu(Rows x) {
  each(x, [exp = Exp()](f32x4 v) { return v * sigmoid(v, exp); });
}
void relu_squared(Rows x) {
  each(x, [](f32x4 v) {
    v = xsimd::select(v < splat(0), splat(0), v);  // max() would make 0 of NaN on some machines
    return v * v;
  });
}
void decay6(Rows x) {
  each(x, [exp = Exp()](f32x4 v) { return exp(-exp(v)); });
}
void decay7(Rows x) {
  each(x, [exp = Exp()](f32x4 v) { return exp(splat(-0.60653066f) * sigmoid(v, exp)); });
}

void scale_key7(Rows a, const Vector& k_a, Rows k) {
  for (int r = 0; r < k.count; ++r)
    map(k.width, k.row(r), {k.row(r), a.row(r), k_a.data()},
        [](f32x4 k, f32x4 a, f32x4 k_a) { return k * (splat(1) + (a - splat(1)) * k_a); });
}

}  // namespace rwkv
