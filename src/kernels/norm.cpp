#include <cmath>

#include "kernels/kernels.h"
#include "simd.h"

namespace rwkv {
namespace {

// out = (x - mean) / sqrt(variance + eps) weight + bias over n values.
void normalize(int n, const float* x, const float* weight, const float* bias, float eps, float* out) {
  const float mean = sum_of(
                         n, [](f32x4 v) { return v; }, x) /
                     float(n);
  map(
      n, out, [m = splat(mean)](f32x4 v) { return v - m; }, x);
  const float variance = sum_of(
                             n, [](f32x4 v) { return v * v; }, out) /
                         float(n);
  const f32x4 scale = splat(1.0f / std::sqrt(variance + eps));
  map(
      n, out, [scale](f32x4 v, f32x4 w, f32x4 b) { return v * scale * w + b; }, out, weight, bias);
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
    const float length = std::sqrt(sum_of(
        N, [](f32x4 v) { return v * v; }, head));
    map(
        N, head, [scale = splat(1.0f / std::fmax(length, 1e-12f))](f32x4 v) { return v * scale; }, head);
  }
}

}  // namespace rwkv
