#include <cmath>

#include "kernels/backward.h"
#include "pool.h"
#include "simd.h"

namespace rwkv {
namespace {

constexpr double kNsOfElement = 2;

// Over one part of n values.
void backward(int n, const float* x, const float* weight, float eps, const float* dy, float* dx,
              float* dweight, float* dbias) {
  const float average = sum_of(n, {x}, [](f32x4 v) { return v; }) / float(n);
  const f32x4 mean = splat(average);
  double squares = 0;
  for (int i = 0; i < n; ++i) squares += double(x[i] - average) * (x[i] - average);
  const float scale = 1.0f / std::sqrt(float(squares / n) + eps);
  const float g_sum = sum_of(n, {weight, dy}, [](f32x4 w, f32x4 d) { return w * d; });
  const float gn_sum =
      sum_of(n, {x, weight, dy}, [=](f32x4 x, f32x4 w, f32x4 d) { return (x - mean) * w * d; });
  const f32x4 s = splat(scale), g = splat(g_sum / float(n)), gn = splat(gn_sum / float(n) * scale * scale);
  map(n, dx, {dx, x, weight, dy},
      [=](f32x4 dx, f32x4 x, f32x4 w, f32x4 d) { return madd(s, w * d - g - (x - mean) * gn, dx); });
  if (dweight)
    map(n, dweight, {dweight, x, dy},
        [=](f32x4 dw, f32x4 x, f32x4 d) { return madd((x - mean) * s, d, dw); });
  if (dbias) map(n, dbias, {dbias, dy}, [](f32x4 db, f32x4 d) { return db + d; });
}

}  // namespace

void norm_backward(Rows x, int parts, const Norm& norm, float eps, Rows dy, Rows dx, float* dweight,
                   float* dbias) {
  const int N = x.width / parts;
  const auto part = [=, weight = norm.weight.data()](int r, int i) {
    const int at = i * N;
    backward(N, x.row(r) + at, weight + at, eps, dy.row(r) + at, dx.row(r) + at,
             dweight ? dweight + at : nullptr, dbias ? dbias + at : nullptr);
  };
  // Sums over rows are one thread's, of each part.
  const bool sums = dweight || dbias;
  const int rows = sums ? 1 : x.count, of_each = x.count / rows;
  pool.run(rows * parts, kNsOfElement * N * of_each, [=](int first, int last) {
    for (int i = first; i < last; ++i)
      for (int r = 0; r < of_each; ++r) part(i / parts + r, i % parts);
  });
}

void normalize_heads_backward(Rows x, Rows y, int heads, Rows dx) {
  const int N = x.width / heads;
  pool.run(x.count * heads, kNsOfElement * N, [=](int first, int last) {
    for (int i = first; i < last; ++i) {
      const size_t at = size_t(i) * size_t(N);
      const float *head = x.data + at, *unit = y.data + at;
      float* d = dx.data + at;
      const float length = std::sqrt(sum_of(N, {head}, [](f32x4 v) { return v * v; }));
      const f32x4 scale = splat(1.0f / std::fmax(length, 1e-12f));
      const float along =
          length > 1e-12f ? sum_of(N, {unit, d}, [](f32x4 y, f32x4 d) { return y * d; }) : 0.0f;
      map(N, d, {d, unit}, [=, a = splat(along)](f32x4 d, f32x4 y) { return (d - y * a) * scale; });
    }
  });
}

}  // namespace rwkv
