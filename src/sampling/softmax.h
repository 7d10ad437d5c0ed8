// What sampling and log probabilities need of logits. The same bits on every machine, which no libm promises
// of its exp and drawn tokens depend on.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

namespace rwkv {

// e^x for x <= 0, within 2e-7 of its size; 0 below e^-87 and for -infinity and NaN.
float exp_negative(float x);

// Logits become weights e^((logit - max) / temperature). REQUIRES: max is the largest, temperature > 0.
void weigh(std::span<float> logits, float max, float temperature);

// The sum of e^(logit - max), within 5e-7 of its size. Logits that are NaN add nothing.
double sum_of_weights(std::span<const float> logits, float max);

// The largest logit that is a number, -infinity where there is none.
float largest(std::span<const float> logits);

// Logits with the largest of each 64, so that the many that are below a bound are passed over. Those that are
// NaN become -infinity.
class Summits {
 public:
  explicit Summits(std::span<float> logits);
  float max() const { return largest(heights_); }

  // Where the first logit that is `least` or more stands. REQUIRES: there is one.
  size_t first(float least) const;

  // Calls f(i) for the logits that are `least` or more, in order.
  template <class F>
  void reach(float least, F f) const {
    for (size_t block = 0; block < heights_.size(); ++block) {
      if (!(heights_[block] >= least)) continue;
      const size_t end = std::min((block + 1) * kBlock, logits_.size());
      for (size_t i = block * kBlock; i < end; ++i)
        if (logits_[i] >= least) f(i);
    }
  }

 private:
  static constexpr size_t kBlock = 64;
  std::span<const float> logits_;
  std::vector<float> heights_;
};

}  // namespace rwkv
