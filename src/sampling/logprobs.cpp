#include "sampling/logprobs.h"

#include <algorithm>
#include <cmath>

#include "sampling/softmax.h"

namespace rwkv {
namespace {

// log softmax(logits)[i] is logit - max - log_sum: the difference first, so that large logits lose nothing.
struct Softmax {
  explicit Softmax(std::span<const float> logits)
      : max(largest(logits)), log_sum(std::log(sum_of_weights(logits, float(max)))) {}
  float operator()(float logit) const { return float(logit - max - log_sum); }
  double max, log_sum;
};

}  // namespace

float log_probability(std::span<const float> logits, int32_t token) {
  return Softmax(logits)(logits[size_t(token)]);
}

std::vector<LogProbability> top_log_probabilities(std::span<const float> logits, int count) {
  const size_t most = std::min(size_t(std::max(count, 0)), logits.size());
  std::vector<LogProbability> top;  // with logits for values, and one place more
  const auto higher = [](float logit, const LogProbability& other) { return logit > other.value; };
  for (size_t i = 0; i < logits.size() && most > 0; ++i) {
    const float logit = std::isnan(logits[i]) ? -INFINITY : logits[i];
    if (top.size() == most && logit <= top.back().value) continue;
    top.insert(std::upper_bound(top.begin(), top.end(), logit, higher), {int32_t(i), logit});
    if (top.size() > most) top.pop_back();
  }
  const Softmax log_probability(logits);
  for (LogProbability& each : top) each.value = log_probability(each.value);
  return top;
}

}  // namespace rwkv
