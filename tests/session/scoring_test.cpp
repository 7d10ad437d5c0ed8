#include "session/scoring.h"

#include <algorithm>
#include <cmath>

#include "model/oracle.h"
#include "sampling/logprobs.h"

namespace rwkv {

TEST_CASE(
    "a text's log probabilities are those of its logits, chunk after chunk, with the likeliest in each "
    "place") {
  for (const char* name : kOracles) {
    const Oracle oracle = load_oracle(name);
    const size_t V = size_t(oracle.model.config.vocabulary), T = oracle.tokens.size();
    const auto logits = read_all(oracle.model, oracle.tokens, int(T));
    for (const size_t top : {size_t(0), size_t(2), V + 1}) {
      Scoring scoring = require(Scoring::start(oracle.model, oracle.tokens, int(top)));
      Arena arena;
      while (!scoring.is_done()) require(scoring.next(arena));
      const std::vector<float>& scores = scoring.log_probabilities();
      const size_t width = 1 + 2 * std::min(top, V);
      REQUIRE(scores.size() == (T - 1) * width);
      for (size_t i = 0; i + 1 < T; ++i) {
        const std::span<const float> row{logits.data() + i * V, V};
        std::vector<float> expected = {log_probability(row, oracle.tokens[i + 1])};
        for (const auto& [token, value] : top_log_probabilities(row, int(top))) {
          expected.push_back(float(token));
          expected.push_back(value);
        }
        CHECK(std::equal(expected.begin(), expected.end(), scores.begin() + ptrdiff_t(i * width)));
      }
    }
  }
  const Oracle oracle = load_oracle("v7-bf16");
  CHECK(require(Scoring::start(oracle.model, {})).is_done());
  CHECK(require(Scoring::start(oracle.model, {1})).is_done());
}

TEST_CASE("the pooled vector's product with the head is the mean of all logits") {
  const Oracle oracle = load_oracle("v7-bf16");
  const int V = oracle.model.config.vocabulary, R = int(oracle.tokens.size());
  const auto logits = read_all(oracle.model, oracle.tokens, R);
  Pooling pooling = require(Pooling::start(oracle.model, oracle.tokens));
  Arena arena;
  while (!pooling.is_done()) require(pooling.next(arena));
  std::vector<float> mean = pooling.mean(), product(static_cast<size_t>(V));
  matmul(oracle.model.head, {mean.data(), 1, int(mean.size())}, {product.data(), 1, V}, arena);
  for (int v = 0; v < V; ++v) {
    double expected = 0;
    for (int t = 0; t < R; ++t) expected += logits[size_t(t) * size_t(V) + size_t(v)] / R;
    CHECK(std::abs(product[size_t(v)] - expected) < 1e-4);
  }
}

}  // namespace rwkv
