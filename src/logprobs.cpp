#include "logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rwkv {
namespace {

// log softmax(logits)[i] is logit - max - log_sum: the difference first, so that large logits lose nothing.
struct Softmax {
  explicit Softmax(std::span<const float> logits) : max(*std::max_element(logits.begin(), logits.end())) {
    double sum = 0;
    for (const float logit : logits) sum += std::exp(logit - max);
    log_sum = std::log(sum);
  }
  float operator()(float logit) const { return float(logit - max - log_sum); }
  double max, log_sum;
};

}  // namespace

float log_probability(std::span<const float> logits, int32_t token) {
  return Softmax(logits)(logits[size_t(token)]);
}

std::vector<LogProbability> top_log_probabilities(std::span<const float> logits, int count) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + std::min<ptrdiff_t>(count, ptrdiff_t(ids.size()));
  // NaN counts as the least: the order stays an order.
  const auto key = [&](int32_t id) {
    return std::isnan(logits[size_t(id)]) ? -INFINITY : logits[size_t(id)];
  };
  std::partial_sort(ids.begin(), end, ids.end(),
                    [&](int32_t a, int32_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  const Softmax log_probability(logits);
  std::vector<LogProbability> top;
  for (auto id = ids.begin(); id != end; ++id) top.push_back({*id, log_probability(logits[size_t(*id)])});
  return top;
}

}  // namespace rwkv
