#include <cmath>

#include "kernels/kernels.h"
#include "simd.h"

namespace rwkv {
namespace {

// out = (x - mean) / sqrt(variance + eps) weight + bias over n values. (One copy: it is not short.)
[[gnu::noinline]] void normalize(int n, const float* x, const float* weight, const float* bias, float eps,
                                 float* out) {
  const float sum = sum_of(n, {x}, [](f32x4 v) { return v; });
  map(n, out, {x}, [mean = splat(sum / float(n))](f32x4 v) { return v - mean; });
  const float squares = sum_of(n, {out}, [](f32x4 v) { return v * v; });
  const f32x4 scale = splat(1.0f / std::sqrt(squares / float(n) + eps));
  map(n, out, {out, weight, bias}, [scale](f32x4 v, f32x4 w, f32x4 b) { return v * scale * w + b; });
}

}  // namespace

void layer_norm(Rows x, const Norm& norm, float eps, Rows out) {
  for (int r = 0; r < x.count; ++r)
    normalize(x.width, x.row(r), norm.weight.data(), norm.bias.data(), eps, out.row(r));
}

void group_norm(Rows x, int heads, const Norm& norm, float eps) {
  const int N = x.width / heads;
  for (int r = 0; r < x.count; ++r)
    for (int at = 0; at < x.width; at += N)
      normalize(N, x.row(r) + at, norm.weight.data() + at, norm.bias.data() + at, eps, x.row(r) + at);
}

void normalize_heads(Rows x, int heads) {
  const int N = x.width / heads;
  for (float* head = x.data; head < x.data + x.size(); head += N) {
    const float squares = sum_of(N, {head}, [](f32x4 v) { return v * v; });
    const f32x4 scale = splat(1.0f / std::fmax(std::sqrt(squares), 1e-12f));
    map(N, head, {head}, [scale](f32x4 v) { return v * scale; });
  }
}

}  // namespace rwkv
