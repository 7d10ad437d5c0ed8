#include "sampling/logprobs.h"

#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <numeric>
#include <random>

namespace rwkv {

using Catch::Matchers::WithinAbs;

TEST_CASE("log probabilities are those of the softmax") {
  const std::vector<float> logits = {std::log(0.1f) + 3, std::log(0.5f) + 3, std::log(0.15f) + 3,
                                     std::log(0.25f) + 3};
  CHECK_THAT(log_probability(logits, 1), WithinAbs(std::log(0.5), 1e-6));
  const auto top = top_log_probabilities(logits, 3);
  REQUIRE(top.size() == 3);
  CHECK(top[0].token == 1);
  CHECK(top[1].token == 3);
  CHECK(top[2].token == 2);
  CHECK_THAT(top[1].value, WithinAbs(std::log(0.25), 1e-6));
  CHECK(top_log_probabilities(logits, 99).size() == 4);
  CHECK(top_log_probabilities(logits, 0).empty());
}

TEST_CASE("of equally likely tokens the lower id comes first, and large logits stay finite") {
  const std::vector<float> logits = {1e30f, 1e30f, -1e30f};
  const auto top = top_log_probabilities(logits, 2);
  CHECK(top[0].token == 0);
  CHECK(top[1].token == 1);
  CHECK_THAT(top[0].value, WithinAbs(std::log(0.5), 1e-6));
}

TEST_CASE("the likeliest of many are those of a full sort, and what is no number is impossible") {
  std::mt19937 random(4);
  std::vector<float> logits(3000);
  for (float& logit : logits) logit = float(int(random() % 400)) / 10;  // with equals
  logits[7] = NAN;
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    const auto key = [&](int32_t id) {
      return std::isnan(logits[size_t(id)]) ? -INFINITY : logits[size_t(id)];
    };
    return key(a) > key(b);
  });
  for (const int count : {1, 2, 20, 3000}) {
    const auto top = top_log_probabilities(logits, count);
    REQUIRE(top.size() == size_t(count));
    for (size_t i = 0; i < top.size(); ++i) REQUIRE(top[i].token == ids[i]);
  }
  CHECK(top_log_probabilities(logits, 3000).back().value == -INFINITY);
  double sum = 0;
  for (int32_t id = 0; id < 3000; ++id)
    if (id != 7) sum += std::exp(double(log_probability(logits, id)));
  CHECK_THAT(sum, WithinAbs(1, 1e-5));
}

}  // namespace rwkv
