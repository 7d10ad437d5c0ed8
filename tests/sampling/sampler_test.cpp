// The sampler against the authors' PIPELINE.sample_logits, written down in doubles with a full sort.
#include "sampling/sampler.h"

#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace rwkv {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Logits = std::vector<float>;

// The probability of each token: softmax; cutoff = the p at which the descending cumulative sum reaches
// top_p; p < cutoff -> 0; all but the top_k largest -> 0; p < min_p max(p) -> 0; all but the most typical ->
// 0; p ** (1 / temperature).
std::vector<double> reference_distribution(const Logits& logits, const SamplingOptions& options) {
  const size_t count = logits.size();
  const double max = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p(count);
  for (size_t i = 0; i < count; ++i) p[i] = std::exp(logits[i] - max);
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& each : p) each /= total;

  std::vector<size_t> ids(count);
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
  double sum = 0;
  double cutoff = 0;  // at top_p = 1 everything stays, whether or not the rounded sum comes to 1
  for (size_t i = 0; i < count && options.top_p < 1; ++i) {
    sum += p[ids[i]];
    if (sum >= options.top_p) {
      cutoff = p[ids[i]];
      break;
    }
  }
  for (double& each : p)
    if (each < cutoff) each = 0;
  if (options.top_k)
    for (size_t i = options.top_k; i < count; ++i) p[ids[i]] = 0;

  const double least = options.min_p * *std::max_element(p.begin(), p.end());
  for (double& each : p)
    if (each < least) each = 0;
  if (options.typical_p < 1) {
    const double kept = std::accumulate(p.begin(), p.end(), 0.0);
    double entropy = 0;
    for (const double each : p)
      if (each > 0) entropy -= each / kept * std::log(each / kept);
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < count; ++i)
      if (p[i] > 0) order.push_back({std::abs(-std::log(p[i] / kept) - entropy), i});
    std::sort(order.begin(), order.end());
    double reached = 0, farthest = 0;
    for (const auto& [distance, i] : order) {
      farthest = distance;
      if ((reached += p[i] / kept) >= options.typical_p) break;
    }
    for (const auto& [distance, i] : order)
      if (distance > farthest + 1e-9) p[i] = 0;
  }

  for (double& each : p) each = std::pow(each, 1.0 / options.temperature);
  const double left = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& each : p) each /= left;
  return p;
}

Logits random_logits(int count, float spread, uint32_t seed) {
  std::mt19937 random(seed);
  Logits logits(count);
  for (float& logit : logits) logit = (float(random() >> 8) * 0x1p-24f - 0.5f) * spread;
  return logits;
}

int32_t draw(Sampler& sampler, Logits logits, const SamplingOptions& options = {}) {
  return sampler.sample(logits, options);
}

int32_t draw_once(Logits logits, const SamplingOptions& options = {}) {
  Sampler sampler(0);
  return sampler.sample(logits, options);
}

std::set<int32_t> draw_many(const Logits& logits, const SamplingOptions& options, int times) {
  Sampler sampler(99);
  std::set<int32_t> drawn;
  for (int i = 0; i < times; ++i) drawn.insert(draw(sampler, logits, options));
  return drawn;
}

std::set<int32_t> support(const std::vector<double>& p) {
  std::set<int32_t> ids;
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) ids.insert(int32_t(i));
  return ids;
}

const std::vector<SamplingOptions> kOptions = {
    {},
    {.temperature = 0.5f},
    {.temperature = 2.0f},
    {.top_p = 0.05f},
    {.top_p = 0.5f},
    {.temperature = 0.7f, .top_p = 0.85f},
    {.top_p = 0.999f},
    {.top_k = 1},
    {.top_k = 2},
    {.temperature = 1.5f, .top_k = 7},
    {.top_k = 1000},
    {.temperature = 0.8f, .top_p = 0.9f, .top_k = 5},
    {.temperature = 1.3f, .top_p = 0.3f, .top_k = 40},
    {.min_p = 0.1f},
    {.temperature = 1.5f, .min_p = 0.02f},
    {.typical_p = 0.3f},
    {.temperature = 0.9f, .typical_p = 0.9f},
    {.top_p = 0.95f, .top_k = 20, .min_p = 0.01f, .typical_p = 0.6f},
};

}  // namespace

TEST_CASE("random numbers are those of the PCG32 demonstration") {
  Random random(42);
  for (const uint32_t expected :
       {0xa15c02b7u, 0x7b47f409u, 0xba1d3330u, 0x83d2f293u, 0xbfa4784bu, 0xcbed606eu})
    CHECK(random.next() == expected);
  float low = 1, high = 0;
  for (int i = 0; i < 100000; ++i) {
    const float u = random.uniform();
    low = std::min(low, u), high = std::max(high, u);
  }
  CHECK(low >= 0.0f);
  CHECK(low < 0.001f);
  CHECK(high < 1.0f);
  CHECK(high > 0.999f);
}

TEST_CASE("tokens are drawn as often as the authors' formulas say") {
  for (const int count : {1, 2, 3, 10, 100})
    for (const SamplingOptions& options : kOptions) {
      const Logits logits = random_logits(count, 6.0f, uint32_t(count));
      const std::vector<double> p = reference_distribution(logits, options);
      constexpr int kDraws = 10000;
      std::vector<int> drawn(count);
      Sampler sampler(7);
      for (int i = 0; i < kDraws; ++i) ++drawn.at(draw(sampler, logits, options));
      for (int id = 0; id < count; ++id) {
        INFO("V " << count << ", T " << options.temperature << ", top_p " << options.top_p << ", top_k "
                  << options.top_k << ", id " << id << ", p " << p[id]);
        const double expected = kDraws * p[id];
        CHECK(std::abs(drawn[id] - expected) <=
              (p[id] > 0 ? 3 + 4.5 * std::sqrt(expected * (1 - p[id])) : 0));
      }
    }
}

TEST_CASE("the tokens that may be drawn are exactly those of the authors' formulas") {
  // So hot that all kept tokens are equally likely, and all are seen soon.
  for (SamplingOptions options : kOptions)
    for (const int count : {1, 2, 5, 64, 150}) {
      options.temperature = 1e6f;
      for (const float spread : {0.0f, 1.0f, 12.0f}) {
        const Logits logits = random_logits(count, spread, uint32_t(count) + 1);
        INFO("V " << count << ", spread " << spread << ", top_p " << options.top_p << ", top_k "
                  << options.top_k);
        CHECK(draw_many(logits, options, 20 * count + 20) ==
              support(reference_distribution(logits, options)));
      }
    }
}

TEST_CASE("ties are kept and broken as the authors do, at the full size of the vocabulary too") {
  // Few distinct values, so that ties are at every border.
  for (SamplingOptions options : kOptions) {
    options.temperature = 1e6f;
    Logits logits = random_logits(60, 8.0f, 5);
    for (float& logit : logits) logit = std::round(logit);
    INFO("top_p " << options.top_p << ", top_k " << options.top_k);
    CHECK(draw_many(logits, options, 1500) == support(reference_distribution(logits, options)));
  }
  for (SamplingOptions options : kOptions) {
    if (options.top_k == 0 && options.top_p > 0.9f) continue;  // too many to see them all
    if (options.top_k > 100) continue;
    options.temperature = 1e6f;
    Logits logits = random_logits(65536, 4.0f, 6);
    for (size_t i = 500; i < 520; ++i) logits[i * 100] = 12.0f + float(i % 4);
    INFO("top_p " << options.top_p << ", top_k " << options.top_k);
    CHECK(draw_many(logits, options, 200) == support(reference_distribution(logits, options)));
  }
}

TEST_CASE("top_p keeps the token with which the sum reaches it, and top_k the largest") {
  const Logits logits = {std::log(0.1f), std::log(0.5f), std::log(0.15f), std::log(0.25f)};
  using Ids = std::set<int32_t>;
  CHECK(draw_many(logits, {.top_p = 0.4f}, 200) == Ids{1});
  CHECK(draw_many(logits, {.top_p = 0.6f}, 200) == Ids{1, 3});
  CHECK(draw_many(logits, {.top_p = 0.8f}, 200) == Ids{1, 2, 3});
  CHECK(draw_many(logits, {.top_p = 0.95f}, 200) == Ids{0, 1, 2, 3});
  CHECK(draw_many(logits, {.top_k = 3}, 200) == Ids{1, 2, 3});
  CHECK(draw_many(logits, {.top_p = 0.8f, .top_k = 2}, 200) == Ids{1, 3});
  CHECK(draw_many({1, 1, 1, 1}, {.top_p = 0.1f}, 200) == Ids{0, 1, 2, 3});  // p >= cutoff keeps ties
  CHECK(draw_many({0, 1, 1, 1}, {.top_k = 2}, 200) == Ids{1, 2});           // top_k does not
}

TEST_CASE("the smallest top_p keeps the likeliest and its equals, whatever the size of logits") {
  using Ids = std::set<int32_t>;
  for (const float scale : {1e-30f, 1.0f, 1e30f}) {
    const Logits logits = {2 * scale, 3 * scale, -scale, 3 * scale, -kInfinity};
    CHECK(draw_many(logits, {.top_p = 1e-30f}, 100) == Ids{1, 3});
    CHECK(draw_many(logits, {.top_p = 1e-30f, .top_k = 1}, 100) == Ids{1});
    CHECK(draw_many(logits, {.top_p = 1, .top_k = 2}, 100) == Ids{1, 3});
  }
  CHECK(draw_many({3e30f, -3e30f, -kInfinity}, {.top_p = 0.99f}, 100) == Ids{0});
  const float large = 0x1p25f;  // neighbours are 4 apart
  CHECK(draw_many({large, large - 4, large - 8, large - 12}, {.temperature = 10, .top_p = 1, .top_k = 3},
                  300) == Ids{0, 1, 2});
}

TEST_CASE("min_p is a share of the likeliest; typical_p can leave the likeliest out") {
  using Ids = std::set<int32_t>;
  const Logits logits = {std::log(0.1f), std::log(0.5f), std::log(0.15f), std::log(0.25f)};
  CHECK(draw_many(logits, {.min_p = 0.25f}, 200) == Ids{1, 2, 3});
  CHECK(draw_many(logits, {.min_p = 1}, 200) == Ids{1});
  CHECK(draw_many({2, 2, 1}, {.min_p = 1}, 200) == Ids{0, 1});
  // H = 1.21; -log p = 2.3, 0.69, 1.9, 1.39: nearest are 3, then 1, then 2.
  for (const float typical_p : {1e-30f, 0.2f})
    CHECK(draw_many(logits, {.typical_p = typical_p}, 200) == Ids{3});
  CHECK(draw_many(logits, {.typical_p = 0.7f}, 200) == Ids{1, 3});
  CHECK(draw_many(logits, {.typical_p = 0.8f}, 200) == Ids{1, 2, 3});
  CHECK(draw_many(logits, {.top_k = 1, .typical_p = 0.2f}, 200) == Ids{1});
}

TEST_CASE("what typical_p leaves is drawn at every temperature, though the likeliest is not among it") {
  using Ids = std::set<int32_t>;
  // H = 1.23; -log p = 2.2, 0.69, 1.66, 1.61: nearest are 3, then 2.
  const Logits logits = {std::log(0.11f), std::log(0.5f), std::log(0.19f), std::log(0.2f)};
  for (const float temperature : {1e-45f, 1e-30f, 1e-4f}) {
    CHECK(draw_many(logits, {.temperature = temperature, .typical_p = 0.2f}, 20) == Ids{3});
    CHECK(draw_many(logits, {.temperature = temperature, .typical_p = 0.3f}, 20) == Ids{3});
  }
  // (0.19 / 0.2)^(1/0.05) = 0.36
  CHECK(draw_many(logits, {.temperature = 0.05f, .typical_p = 0.2f}, 20) == Ids{3});
  CHECK(draw_many(logits, {.temperature = 0.05f, .typical_p = 0.3f}, 200) == Ids{2, 3});
  // Equals, 0.6 together: the likeliest of 0.4 is farther from H.
  Logits many(301, 0.0f);
  many[150] = std::log(200.0f);
  const Ids drawn = draw_many(many, {.temperature = 0.005f, .typical_p = 0.2f}, 200);
  CHECK(!drawn.contains(150));
  CHECK(drawn.size() > 100);
}

TEST_CASE("a bias moves tokens, and bans and forces them") {
  using Ids = std::set<int32_t>;
  const SamplingOptions greedy = {.temperature = 0};
  const auto with = [](SamplingOptions options, std::map<int32_t, float> bias) {
    options.logit_bias = std::move(bias);
    return options;
  };
  CHECK(draw_once({1, 2, 3}, with(greedy, {{0, 2.5f}})) == 0);
  CHECK(draw_once({1, 2, 3}, with(greedy, {{2, -1.5f}})) == 1);
  CHECK(draw_many({0, 0, 0}, with({}, {{1, -kInfinity}}), 200) == Ids{0, 2});
  CHECK(draw_many({0, 0, 0}, with({}, {{1, kInfinity}}), 20) == Ids{1});
  CHECK(draw_many({0, 0}, with({}, {{0, -kInfinity}, {1, -kInfinity}}), 20) == Ids{0});  // nothing is left
  CHECK(draw_once({1, 2}, with(greedy, {{7, 100}, {-1, 100}})) == 1);  // ids that the model does not have
}

TEST_CASE("only allowed tokens are left, wherever the words of the bits end") {
  std::vector<float> logits(70, 1.0f);
  keep_allowed(logits, std::vector<uint32_t>{1u << 31, 1u << 0 | 1u << 5});
  std::set<size_t> left;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] == 1) left.insert(i);
  CHECK(left == std::set<size_t>{31, 32, 37});  // 64 to 69 lie behind the last word
  for (const SamplingOptions& options : kOptions)
    for (const int32_t token : draw_many(logits, options, 50)) CHECK(left.contains(size_t(token)));
  keep_allowed(logits, std::vector<uint32_t>{0, 0, 0});
  CHECK(draw_once(logits, {}) == 0);  // nothing is left
}

TEST_CASE("temperature 0, top_p 0 and top_k 1 take the most likely token, of equals the lowest id") {
  for (const SamplingOptions& options : {SamplingOptions{.temperature = 0}, {.top_p = 0}, {.top_k = 1}}) {
    CHECK(draw_many({0, 3, 1, 3, 2}, options, 20) == std::set<int32_t>{1});
    CHECK(draw_many({-5, -5}, options, 20) == std::set<int32_t>{0});
  }
}

TEST_CASE("extreme temperatures and logits stay finite") {
  CHECK(draw_many({1, 2, 1.99f}, {.temperature = 1e-45f}, 50) == std::set<int32_t>{1});
  CHECK(draw_many({-1e30f, 1e30f}, {.temperature = 3e38f}, 50) == std::set<int32_t>{0, 1});
  CHECK(draw_many({-3e38f, 3e38f}, {}, 50) == std::set<int32_t>{1});
  CHECK(draw_many({-3e38f, 3e38f}, {.top_p = 0.9f, .top_k = 2}, 50) == std::set<int32_t>{1});
  CHECK(draw_many({-1000, -1001}, {}, 200) == std::set<int32_t>{0, 1});
}

TEST_CASE("logits that are no numbers are never drawn") {
  for (const SamplingOptions& options : kOptions) {
    const std::set<int32_t> drawn = draw_many({kNaN, 1, kNaN, -kInfinity, 1.1f, kNaN}, options, 50);
    const bool likeliest_only = options.top_p <= 0.5f || options.top_k == 1 || options.typical_p <= 0.5f;
    CHECK(drawn == (likeliest_only ? std::set<int32_t>{4} : std::set<int32_t>{1, 4}));
    CHECK(draw_once({kNaN, 5, kInfinity, kInfinity, kNaN}, options) == 2);
    CHECK(draw_once({kNaN, kNaN}, options) == 0);
    CHECK(draw_once({kNaN, -kInfinity, kNaN}, options) == 0);
    CHECK(draw_once({kNaN, -kInfinity, -3, kNaN}, options) == 2);
  }
}

TEST_CASE("penalties fall with every token and digits and blanks are not counted") {
  const SamplingOptions options = {
      .temperature = 0, .presence_penalty = 0.5f, .frequency_penalty = 0.25f, .penalty_decay = 0.5f};
  Sampler sampler(0);
  // The most that token `id` loses: it is taken where its logit is more than that above another's.
  const auto check_penalty = [&](int32_t id, float penalty) {
    Logits logits(10, -100.0f);
    logits[9] = 0;
    logits[id] = penalty + 0.001f;
    CHECK(draw(sampler, logits, options) == id);
    logits[id] = penalty - 0.001f;
    CHECK(draw(sampler, logits, options) == 9);
  };

  sampler.accept(0, "once", options);
  check_penalty(0, 0.5f + 0.25f);
  sampler.accept(1, " upon", options);
  check_penalty(0, 0.5f + 0.25f * 0.5f);
  check_penalty(1, 0.5f + 0.25f);
  sampler.accept(0, "once", options);
  check_penalty(0, 0.5f + 0.25f * 1.25f);
  check_penalty(1, 0.5f + 0.25f * 0.5f);

  sampler.accept(2, "7", options);
  check_penalty(2, 0.5f);
  check_penalty(0, 0.5f + 0.25f * 0.625f);
  sampler.accept(3, "12", options);  // a part of " \t0123456789"
  check_penalty(3, 0.5f);
  sampler.accept(4, "21", options);  // not a part of it
  check_penalty(4, 0.5f + 0.25f);
  sampler.accept(5, " \t0", options);
  check_penalty(5, 0.5f);
  sampler.accept(6, "  ", options);
  check_penalty(6, 0.5f + 0.25f);
  sampler.accept(7, "", options);
  check_penalty(7, 0.5f);
  check_penalty(8, 0);
}

TEST_CASE("a token whose count has decayed to nothing still has its presence penalised") {
  const SamplingOptions options = {
      .temperature = 0, .presence_penalty = 1, .frequency_penalty = 9, .penalty_decay = 0};
  Sampler sampler(0);
  sampler.accept(0, "a", options);
  sampler.accept(1, "b", options);
  CHECK(draw(sampler, {1.1f, 0.0f, 0.0f}, options) == 0);
  CHECK(draw(sampler, {0.9f, 0.0f, 0.0f}, options) == 2);
  CHECK(draw(sampler, {1.1f}, options) == 0);  // ids beyond the logits are passed over
}

TEST_CASE("the same seed draws the same tokens on every machine") {
  const auto drawn = [](uint64_t seed, const SamplingOptions& options) {
    Sampler sampler(seed);
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < 12; ++i) {
      ids.push_back(draw(sampler, random_logits(1000, 20.0f, i), options));
      sampler.accept(ids.back(), "x", options);
    }
    return ids;
  };
  using Ids = std::vector<int32_t>;
  CHECK(drawn(7, {}) == Ids{683, 436, 116, 718, 712, 474, 830, 808, 562, 724, 110, 35});
  CHECK(drawn(8, {}) == Ids{685, 50, 906, 35, 275, 986, 826, 751, 859, 166, 156, 33});
  const SamplingOptions all = {.temperature = 1.7f, .top_p = 0.9f, .top_k = 300, .presence_penalty = 0.2f};
  CHECK(drawn(7, all) == Ids{698, 422, 116, 718, 712, 474, 836, 821, 545, 712, 110, 35});
}

TEST_CASE("sampling options out of range are refused by name") {
  const auto message = [](const SamplingOptions& options) {
    const Status status = check(options);
    return status.ok() ? "" : status.error().message;
  };
  for (const SamplingOptions& options : kOptions) CHECK(check(options).ok());
  CHECK(message({.temperature = 0, .top_p = 0, .top_k = 0, .penalty_decay = 0}).empty());
  CHECK(message({.penalty_decay = 1}).empty());

  CHECK(message({.temperature = -1}) == "temperature: expected 0 or more, got -1");
  CHECK(message({.temperature = kNaN}) == "temperature: expected 0 or more, got NaN");
  CHECK(message({.temperature = kInfinity}) == "temperature: expected 0 or more, got Infinity");
  CHECK(message({.top_p = 1.5f}) == "top_p: expected 0 to 1, got 1.5");
  CHECK(message({.top_p = -0.0625f}) == "top_p: expected 0 to 1, got -0.0625");
  CHECK(message({.top_p = 3e38f}) == "top_p: expected 0 to 1, got 1e9 or more");
  CHECK(message({.top_k = -3}) == "top_k: expected 0 or more, got -3");
  CHECK(message({.presence_penalty = kNaN}) == "presence_penalty: expected a finite number, got NaN");
  CHECK(message({.frequency_penalty = -kInfinity}) ==
        "frequency_penalty: expected a finite number, got -Infinity");
  CHECK(message({.penalty_decay = 1.05f}) == "penalty_decay: expected 0 to 1, got 1.05");
  CHECK(message({.min_p = 2}) == "min_p: expected 0 to 1, got 2");
  CHECK(message({.typical_p = 0}) == "typical_p: expected more than 0, up to 1, got 0");
  CHECK(message({.logit_bias = {{3, kNaN}}}) == "logit_bias: expected a number, got NaN");
  CHECK(check({.top_k = -3}).error().kind == ErrorKind::kInvalidArgument);
}

}  // namespace rwkv
