#include "model/oracle.h"

#include "reference.h"

using namespace rwkv;

TEST_CASE("logits are the authors' at every position, however the text is cut") {
  for (const char* name : kOracles) {
    const Oracle oracle = load_oracle(name);
    REQUIRE(oracle.tokens.size() == 40);
    REQUIRE(oracle.logits.size() == 40 * size_t(oracle.model.config.vocabulary));
    for (const size_t chunk : {1, 7, 32, 40}) {
      INFO(name << " in chunks of " << chunk);
      CHECK(reference::max_difference(read_all(oracle.model, oracle.tokens, chunk), oracle.logits) < 2e-4);
    }
  }
}

TEST_CASE("chunks and neighbours do not change a bit of the logits") {
  for (const auto& [name, quantization] : oracles_in_formats()) {
    const Oracle oracle = load_oracle(name, quantization);
    INFO(name << " " << quantization_name(quantization));
    const auto whole = read_all(oracle.model, oracle.tokens, 40);
    for (const size_t chunk : {1, 7, 32}) CHECK(read_all(oracle.model, oracle.tokens, chunk) == whole);

    // Three texts of different lengths in one ragged batch; the middle one asks for its last logits only.
    const size_t V = size_t(oracle.model.config.vocabulary);
    State a(oracle.model.config), b(oracle.model.config), c(oracle.model.config);
    std::vector<float> of_a(40 * V), of_b(V), of_c(7 * V);
    const std::span<const Token> tokens(oracle.tokens);
    const Slice batch[] = {{&a, tokens, tokens.size(), of_a.data()},
                           {&b, tokens.first(13), 1, of_b.data()},
                           {&c, tokens.first(7), 7, of_c.data()}};
    Arena arena;
    forward(oracle.model, batch, arena);
    CHECK(of_a == whole);
    CHECK(std::equal(of_b.begin(), of_b.end(), whole.begin() + 12 * ptrdiff_t(V)));
    CHECK(std::equal(of_c.begin(), of_c.end(), whole.begin()));
  }
}

TEST_CASE("logits nobody wants are not written, and the state moves on all the same") {
  const Oracle oracle = load_oracle("v7-bf16");
  State state(oracle.model.config);
  Arena arena;
  const std::span<const Token> tokens(oracle.tokens);
  const Slice silent{&state, tokens.first(39), 0};
  forward(oracle.model, {&silent, 1}, arena);
  std::vector<float> logits(size_t(oracle.model.config.vocabulary));
  const Slice last{&state, tokens.last(1), 1, logits.data()};
  forward(oracle.model, {&last, 1}, arena);
  const std::vector<float> expected(oracle.logits.end() - ptrdiff_t(logits.size()), oracle.logits.end());
  CHECK(reference::max_difference(logits, expected) < 2e-4);
}

TEST_CASE("quantised weights stay near the authors' logits") {
  for (const char* name : kOracles) {
    INFO(name);
    const Oracle f16 = load_oracle(name, Quantization::kF16), q8 = load_oracle(name, Quantization::kQ8);
    // Halves hold bf16 and f16 weights exactly, but for the smallest.
    CHECK(reference::max_difference(read_all(f16.model, f16.tokens, 40), f16.logits) < 2e-3);
    // Beside the same rounded weights in f32, q8 rounds activations alone; the weights' 63 steps cost as much
    // again.
    const Model rounded = load_rounded(oracle_file(name), Quantization::kQ8);
    CHECK(reference::max_difference(read_all(q8.model, q8.tokens, 40), read_all(rounded, q8.tokens, 40)) <
          0.25);
  }
}
