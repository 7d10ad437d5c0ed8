#include "training/optimizer.h"

#include <catch_amalgamated.hpp>
#include <cmath>

#include "memory_budget.h"
#include "reference.h"

using namespace rwkv;

namespace {

std::vector<Parameter> parameters() {
  return {{"matrix", {2, 3}, reference::random_floats(6, -1, 1, 1), std::vector<float>(6)},
          {"vector", {1, 1, 4}, reference::random_floats(4, -1, 1, 2), std::vector<float>(4)}};
}

}  // namespace

TEST_CASE("AdamW takes the reference's steps, and decays matrices alone") {
  auto learned = parameters();
  const AdamWOptions options{.beta1 = 0.9f, .beta2 = 0.95f, .epsilon = 1e-6f, .weight_decay = 0.1f};
  auto optimizer = AdamW::start(learned, options);
  REQUIRE(optimizer);
  for (const bool decays : {true, false}) {
    auto one = parameters();
    const size_t at = decays ? 0 : 1, size = one[at].values.size();
    reference::Doubles x = reference::doubles(one[at].values), m(size), v(size);
    auto alone = AdamW::start({&one[at], 1}, options);
    for (int step = 1; step <= 4; ++step) {
      const double rate = 0.01 * step;
      one[at].gradient = reference::random_floats(size, -1, 1, unsigned(step));
      for (size_t i = 0; i < size; ++i) {
        const double g = one[at].gradient[i];
        m[i] = 0.9 * m[i] + 0.1 * g, v[i] = 0.95 * v[i] + 0.05 * g * g;
        x[i] -=
            rate * (m[i] / (1 - std::pow(0.9, step)) / (std::sqrt(v[i] / (1 - std::pow(0.95, step))) + 1e-6) +
                    (decays ? 0.1 * x[i] : 0));
      }
      alone->step({&one[at], 1}, float(rate));
      CHECK(reference::max_difference(one[at].values, x) < 1e-6);
      CHECK(one[at].gradient == std::vector<float>(size));
    }
  }
}

TEST_CASE("what has no gradient stays where it is") {
  auto learned = parameters();
  const auto before = learned[0].values;
  auto optimizer = AdamW::start(learned, {});
  learned[0].gradient[2] = 1;
  optimizer->step(learned, 0.1f);
  for (size_t i = 0; i < 6; ++i) CHECK((learned[0].values[i] == before[i]) == (i != 2));
}

TEST_CASE("gradients longer than the bound are shortened to it, others left alone") {
  auto learned = parameters();
  learned[0].gradient = {3, 0, 0, 0, 0, 0}, learned[1].gradient = {0, 4, 0, 0};
  CHECK(clip_gradients(learned, 0) == 5);
  CHECK(clip_gradients(learned, 6) == 5);
  CHECK(learned[0].gradient[0] == 3);
  CHECK(clip_gradients(learned, 1) == 5);
  CHECK(std::fabs(learned[0].gradient[0] - 0.6) < 1e-6);
  CHECK(std::fabs(learned[1].gradient[1] - 0.8) < 1e-6);
}

TEST_CASE("the rate rises, then stays or falls") {
  RateOptions options{.rate = 1, .last_rate = 0.1, .warmup = 4, .steps = 14};
  for (const Schedule schedule : {Schedule::kConstant, Schedule::kLinear, Schedule::kCosine}) {
    options.schedule = schedule;
    CHECK(learning_rate(options, 0) == 0.25);
    CHECK(learning_rate(options, 3) == 1);
    CHECK(learning_rate(options, 4) == 1);
    const double half = learning_rate(options, 9);
    CHECK(std::fabs(half - (schedule == Schedule::kConstant ? 1 : 0.55)) < 1e-6);
    for (int step = 5; step < 14; ++step) {
      CHECK(learning_rate(options, step) <= learning_rate(options, step - 1));
      CHECK(learning_rate(options, step) >= 0.1);
    }
  }
  options.schedule = Schedule::kCosine, options.warmup = 0, options.steps = 1;
  CHECK(learning_rate(options, 0) == 1);
}

TEST_CASE("moments are refused where there is no memory for them") {
  std::vector<Parameter> large{
      {"large", {1 << 20}, std::vector<float>(1 << 20), std::vector<float>(1 << 20)}};
  std::string code;
  {
    const MemoryBudget budget(4 << 20);
    const auto optimizer = AdamW::start(large, {});
    code = optimizer ? "" : error_code(optimizer.error().kind);
  }
  CHECK(code == "out-of-memory");
}
