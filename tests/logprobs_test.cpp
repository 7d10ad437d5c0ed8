#include "logprobs.h"

#include <catch_amalgamated.hpp>
#include <cmath>

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

}  // namespace rwkv
