#include "sampling/softmax.h"

#include <algorithm>
#include <limits>

#include "simd.h"

namespace rwkv {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

f32x4 exp_negative(f32x4 x, const Exp& exp) { return xsimd::select(x > splat(-87.0f), exp(x), splat(0)); }

// Of NaN `most`.
f32x4 larger(f32x4 v, f32x4 most) { return xsimd::select(v > most, v, most); }

}  // namespace

float exp_negative(float x) {
  weigh({&x, 1}, 0, 1);
  return x;
}

void weigh(std::span<float> logits, float max, float temperature) {
  const Exp exp;
  for (size_t i = 0; i < logits.size(); i += kLanes) {
    const int count = int(std::min(logits.size() - i, size_t(kLanes)));
    float* p = &logits[i];
    const f32x4 logit = count == kLanes ? load(p) : load_part(p, count);
    const f32x4 weight = exp_negative((logit - splat(max)) / splat(temperature), exp);
    count == kLanes ? store(p, weight) : store_part(p, weight, count);
  }
}

double sum_of_weights(std::span<const float> logits, float max) {
  const Exp exp;
  double total = 0;
  size_t i = 0;
  for (; i + 16 <= logits.size(); i += 16) {
    f32x4 weights = splat(0);
    RWKV_UNROLL(2)
    for (int j = 0; j < 16; j += kLanes)
      weights = weights + exp_negative(load(&logits[i + j]) - splat(max), exp);
    total += sum(weights);
  }
  for (; i < logits.size(); ++i) total += exp_negative(logits[i] - max);
  return total;
}

float largest(std::span<const float> logits) {
  f32x4 most[2] = {splat(-kInfinity), splat(-kInfinity)};
  size_t i = 0;
  for (; i + 8 <= logits.size(); i += 8)
    for (int j = 0; j < 2; ++j) most[j] = larger(load(&logits[i + j * kLanes]), most[j]);
  for (; i < logits.size(); ++i) most[0] = larger(splat(logits[i]), most[0]);
  float lane[kLanes];
  store(lane, larger(most[0], most[1]));
  return *std::max_element(lane, lane + kLanes);
}

Summits::Summits(std::span<float> logits) : logits_(logits) {
  for (size_t i = 0; i < logits.size(); i += kBlock) {
    const auto block = logits.subspan(i, std::min(kBlock, logits.size() - i));
    map(int(block.size()), block.data(), {block.data()},
        [](f32x4 v) { return larger(v, splat(-kInfinity)); });
    heights_.push_back(largest(block));
  }
}

size_t Summits::first(float least) const {
  size_t i = 0;
  while (!(heights_[i / kBlock] >= least)) i += kBlock;
  while (!(logits_[i] >= least)) ++i;
  return i;
}

}  // namespace rwkv
