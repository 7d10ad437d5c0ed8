#include <cmath>

#include "kernels/backward.h"
#include "simd.h"

namespace rwkv {

double cross_entropy(Rows logits, std::span<const int32_t> targets, std::span<const float> weights) {
  const Exp exp;
  const int V = logits.width;
  double loss = 0;
  for (int r = 0; r < logits.count; ++r) {
    float* row = logits.row(r);
    const float weight = weights[size_t(r)];
    if (weight == 0) {
      std::fill_n(row, V, 0.0f);
      continue;
    }
    const float largest = *std::max_element(row, row + V), logit = row[targets[size_t(r)]];
    map(V, row, {row}, [&](f32x4 v) { return exp(v - splat(largest)); });
    double sum = 0;
    constexpr int kPart = 1024;  // floats add up exactly enough over so many
    for (int v = 0; v < V; v += kPart)
      sum += sum_of(std::min(kPart, V - v), {row + v}, [](f32x4 e) { return e; });
    loss += weight * (std::log(sum) + double(largest) - logit);
    map(V, row, {row}, [scale = splat(float(weight / sum))](f32x4 e) { return e * scale; });
    row[targets[size_t(r)]] -= weight;
  }
  return loss;
}

}  // namespace rwkv
