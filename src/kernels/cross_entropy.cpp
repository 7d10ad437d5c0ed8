#include <cmath>

#include "kernels/backward.h"
#include "pool.h"
#include "simd.h"

namespace rwkv {
namespace {

constexpr int kRowsAtATime = 64;  // whose losses lie side by side
constexpr double kNsOfLogit = 2;

// Of a row.
double cross_entropy(int V, float* row, int32_t target, float weight) {
  if (weight == 0) {
    std::fill_n(row, V, 0.0f);
    return 0;
  }
  const float largest = *std::max_element(row, row + V), logit = row[target];
  map(V, row, {row}, [exp = Exp(), largest](f32x4 v) { return exp(v - splat(largest)); });
  double sum = 0;
  constexpr int kPart = 1024;  // floats add up exactly enough over so many
  for (int v = 0; v < V; v += kPart)
    sum += sum_of(std::min(kPart, V - v), {row + v}, [](f32x4 e) { return e; });
  map(V, row, {row}, [scale = splat(float(weight / sum))](f32x4 e) { return e * scale; });
  row[target] -= weight;
  return weight * (std::log(sum) + double(largest) - logit);
}

}  // namespace

double cross_entropy(Rows logits, std::span<const int32_t> targets, std::span<const float> weights) {
  double loss = 0;
  for (int top = 0; top < logits.count; top += kRowsAtATime) {
    const int count = std::min(kRowsAtATime, logits.count - top);
    double losses[kRowsAtATime];
    pool.run(count, kNsOfLogit * logits.width, [=, of = losses](int first, int last) {
      for (int i = first; i < last; ++i) {
        const int r = top + i;
        of[i] = cross_entropy(logits.width, logits.row(r), targets[size_t(r)], weights[size_t(r)]);
      }
    });
    for (int i = 0; i < count; ++i) loss += losses[i];
  }
  return loss;
}

}  // namespace rwkv
