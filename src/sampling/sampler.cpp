#include "sampling/sampler.h"

#include <bit>
#include <cassert>
#include <limits>

#include "sampling/selection.h"
#include "sampling/softmax.h"

namespace rwkv {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Of PCG's streams the one that its demonstration shows.
Random::Random(uint64_t seed) : state_(0), increment_(54 << 1 | 1) {
  next();
  state_ += seed;
  next();
}

Random Random::at(uint64_t position) {
  Random random(0);
  random.state_ = position;
  return random;
}

uint32_t Random::next() {
  const uint64_t old = state_;
  state_ = old * 6364136223846793005u + increment_;
  return std::rotr(uint32_t((old >> 18 ^ old) >> 27), int(old >> 59));
}

float Random::uniform() { return float(next() >> 8) * 0x1p-24f; }

void keep_allowed(std::span<float> logits, std::span<const uint32_t> allowed) {
  for (size_t i = 0; i < logits.size(); ++i)
    if (i / 32 >= allowed.size() || !(allowed[i / 32] >> i % 32 & 1)) logits[i] = -kInfinity;
}

int32_t Sampler::sample(std::span<float> logits, const SamplingOptions& options) {
  assert(check(options).ok() && !logits.empty());
  for (const auto& [id, bias] : options.logit_bias)
    if (size_t(id) < logits.size()) logits[id] += bias;
  for (const auto& [id, count] : occurrence_)
    if (size_t(id) < logits.size())
      logits[id] -= options.presence_penalty + options.frequency_penalty * count;
  const Summits summits(logits);
  const float max = summits.max();
  if (max == -kInfinity) return 0;  // the end of text
  if (max == kInfinity || options.temperature == 0 || options.top_p == 0) return int32_t(summits.first(max));

  Kept kept = select_tokens(logits, summits, options);
  // p^(1/temperature), in units of the largest: typical_p may have left out the likeliest.
  const std::span<float> weights = kept.logits();
  weigh(weights, options.typical_p < 1 ? largest(weights) : max, options.temperature);
  double total = 0;
  for (const float weight : weights) total += weight;

  // The first token with which the sum exceeds the target; should rounding leave none, the last that weighs
  // anything.
  const double target = random_.uniform() * total;
  double sum = weights[0];
  size_t drawn = 0;
  while (sum <= target && drawn + 1 < weights.size()) sum += weights[++drawn];
  while (weights[drawn] == 0 && drawn > 0) --drawn;
  return kept.id(drawn);
}

void Sampler::accept(int32_t token, std::string_view text, const SamplingOptions& options) {
  for (auto& [id, count] : occurrence_) count *= options.penalty_decay;
  // Python's `text in ' \t0123456789'`: a part of it, such as "12", counts as well, and so does no text.
  const bool repeats_by_nature = std::string_view(" \t0123456789").find(text) != std::string_view::npos;
  occurrence_[token] += repeats_by_nature ? 0.0f : 1.0f;
}

}  // namespace rwkv
