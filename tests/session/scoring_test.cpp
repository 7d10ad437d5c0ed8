#include "session/scoring.h"

#include <cmath>

#include "model/oracle.h"
#include "sampling/logprobs.h"

namespace rwkv {

TEST_CASE("a text's log probabilities are those of its logits, chunk after chunk") {
  for (const char* name : kOracles) {
    const Oracle oracle = load_oracle(name);
    const int V = oracle.model.config.vocabulary;
    std::vector<Token> read = {kEndOfText};
    read.insert(read.end(), oracle.tokens.begin(), oracle.tokens.end() - 1);
    const auto logits = read_all(oracle.model, read, int(read.size()));
    Scoring scoring(oracle.model, oracle.tokens);
    Arena arena;
    int chunks = 0;
    for (; !scoring.is_done(); ++chunks) scoring.next(arena);
    CHECK(chunks == 2);
    REQUIRE(scoring.log_probabilities().size() == oracle.tokens.size());
    for (size_t i = 0; i < oracle.tokens.size(); ++i)
      CHECK(scoring.log_probabilities()[i] ==
            log_probability({logits.data() + i * size_t(V), size_t(V)}, oracle.tokens[i]));
  }
  const Oracle oracle = load_oracle("v7-bf16");
  CHECK(Scoring(oracle.model, {}).is_done());
}

TEST_CASE("the pooled vector's product with the head is the mean of all logits") {
  const Oracle oracle = load_oracle("v7-bf16");
  const int V = oracle.model.config.vocabulary, R = int(oracle.tokens.size());
  const auto logits = read_all(oracle.model, oracle.tokens, R);
  Pooling pooling(oracle.model, oracle.tokens);
  Arena arena;
  while (!pooling.is_done()) pooling.next(arena);
  std::vector<float> mean = pooling.mean(), product(static_cast<size_t>(V));
  matmul(oracle.model.head, {mean.data(), 1, int(mean.size())}, {product.data(), 1, V}, arena);
  for (int v = 0; v < V; ++v) {
    double expected = 0;
    for (int t = 0; t < R; ++t) expected += logits[size_t(t) * size_t(V) + size_t(v)] / R;
    CHECK(std::abs(product[size_t(v)] - expected) < 1e-4);
  }
}

}  // namespace rwkv
