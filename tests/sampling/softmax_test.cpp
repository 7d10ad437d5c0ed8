#include "sampling/softmax.h"

#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>
#include <random>

namespace rwkv {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Of every size up to two blocks and a part of one, so that all tails are met.
std::vector<float> logits_of(size_t count) {
  std::mt19937 random{unsigned(count)};
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

}  // namespace

TEST_CASE("the exponential is within 2e-7 of its size, and nothing far below") {
  double worst = 0;
  for (float x = 0; x > -87; x -= 0.00137f)
    worst = std::max(worst, std::abs(exp_negative(x) / std::exp(double(x)) - 1));
  CHECK(worst < 2e-7);
  CHECK(exp_negative(0) == 1);
  for (const float x : {-87.0f, -90.0f, -1e30f, -kInfinity, kNaN}) CHECK(exp_negative(x) == 0);
}

TEST_CASE("weights, their sum and the largest logit are right at every size") {
  for (size_t count = 1; count <= 150; ++count) {
    std::vector<float> logits = logits_of(count);
    const float max = *std::max_element(logits.begin(), logits.end());
    REQUIRE(largest(logits) == max);
    double sum = 0;
    for (const float logit : logits) sum += std::exp(double(logit) - max);
    REQUIRE(std::abs(sum_of_weights(logits, max) / sum - 1) < 5e-7);
    const std::vector<float> before = logits;
    weigh(logits, max, 0.7f);
    for (size_t i = 0; i < count; ++i)
      REQUIRE(logits[i] == Catch::Approx(std::exp((double(before[i]) - max) / 0.7f)).epsilon(1e-5));
  }
}

TEST_CASE("what is no number adds nothing and is never the largest") {
  for (size_t at = 0; at < 40; ++at) {
    std::vector<float> logits = logits_of(40);
    const float max = largest(logits);
    logits[at] = kNaN;
    const float left = largest(logits);
    CHECK(left <= max);
    CHECK(std::isfinite(sum_of_weights(logits, max)));
  }
  CHECK(largest(std::vector<float>(9, kNaN)) == -kInfinity);
  CHECK(largest({}) == -kInfinity);
}

TEST_CASE("summits lead to every logit above a bound, in order") {
  for (const size_t count : {1, 63, 64, 65, 128, 1000}) {
    std::vector<float> logits = logits_of(count);
    if (count > 5) logits[5] = kNaN, logits[3] = -kInfinity;
    const std::vector<float> before = logits;
    const Summits summits(logits);
    CHECK(summits.max() == largest(before));
    for (const float least : {-kInfinity, -5.0f, 0.0f, 9.0f, before[0], kInfinity}) {
      std::vector<size_t> expected, found;
      for (size_t i = 0; i < count; ++i)
        if (before[i] >= least || (std::isnan(before[i]) && least == -kInfinity)) expected.push_back(i);
      summits.reach(least, [&](size_t i) { found.push_back(i); });
      CHECK(found == expected);
      if (!expected.empty()) CHECK(summits.first(least) == expected[0]);
    }
  }
}

}  // namespace rwkv
