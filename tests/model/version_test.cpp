// Versions that no oracle exists for, against plain loops in doubles, and the loops against the oracles.
#include "model/oracle.h"
#include "model/reference_model.h"
#include "model/tiny_models.h"

using namespace rwkv;

namespace {

Model load(const Parts& parts, Quantization quantization = Quantization::kF32) {
  const Bytes file = write_safetensors(parts);
  const MemorySource source("tiny.safetensors", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  return require(load_model(checkpoint, quantization));
}

reference::Doubles reference_logits(const Parts& parts, const Config& c, const std::vector<Token>& tokens) {
  return reference::Model(weights_of(parts), version_name(c.version), c.heads, c.layers, c.vocabulary)
      .logits(tokens);
}

std::vector<Token> text() { return load_oracle("v7-bf16").tokens; }  // (40)

}  // namespace

TEST_CASE("the reference in doubles gives the authors' logits") {
  for (const char* name : {"v52-fp16", "v6-bf16", "v7-bf16"}) {
    const Oracle oracle = load_oracle(name);
    INFO(name);
    CHECK(reference::max_difference(reference_logits(oracle_parts(name), oracle.model.config, oracle.tokens),
                                    oracle.logits) < 5e-5);
  }
}

TEST_CASE("version 7a gives the reference's logits at every position, however the text is cut") {
  const std::vector<Token> tokens = text();
  const Parts parts = tiny_7a(oracle_parts("v7-bf16"));
  const Model model = load(parts);
  CHECK(std::string(version_name(model.config.version)) == "7a");
  const auto expected = reference_logits(parts, model.config, tokens);
  for (const size_t chunk : {1, 7, 40}) {
    INFO("in chunks of " << chunk);
    CHECK(reference::max_difference(read_all(model, tokens, chunk), expected) < 2e-4);
  }
  // The DeepEmbeds matter: without them the logits are others.
  CHECK(reference::max_difference(read_all(load_oracle("v7-bf16").model, tokens, 40), expected) > 0.1);
}

TEST_CASE("version 7a gives the same bits in chunks, in batches and quantised") {
  const std::vector<Token> tokens = text();
  const Parts parts = tiny_7a(oracle_parts("v7-bf16"));
  const auto exact = read_all(load(parts), tokens, 40);
  // q8 is held against its own rounded weights in f32: what is left is the rounding of activations, which
  // costs a little more than in the oracles, as one quantised factor multiplies another.
  const auto rounded = read_all(load_rounded(write_safetensors(parts), Quantization::kQ8), tokens, 40);
  for (const auto& [quantization, tolerance] :
       {std::pair{Quantization::kF32, 0.0}, {Quantization::kF16, 2e-3}, {Quantization::kQ8, 0.35}}) {
    const Model model = load(parts, quantization);
    INFO(quantization_name(quantization));
    const auto whole = read_all(model, tokens, 40);
    CHECK(reference::max_difference(whole, quantization == Quantization::kQ8 ? rounded : exact) <= tolerance);
    for (const size_t chunk : {1, 7}) CHECK(read_all(model, tokens, chunk) == whole);

    const size_t V = size_t(model.config.vocabulary);
    State a(model.config), b(model.config);
    std::vector<float> of_a(13 * V), of_b(40 * V);
    const std::span<const Token> all(tokens);
    const Slice batch[] = {{&a, all.first(13), 13, of_a.data()}, {&b, all, all.size(), of_b.data()}};
    Arena arena;
    forward(model, batch, arena);
    CHECK(std::equal(of_a.begin(), of_a.end(), whole.begin()));
    CHECK(of_b == whole);
  }
}

TEST_CASE("a packed file of version 7a gives the logits of its source, to the last bit") {
  const std::vector<Token> tokens = text();
  const Bytes file = write_safetensors(tiny_7a(oracle_parts("v7-bf16")));
  const MemorySource source("tiny.safetensors", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  for (const Quantization quantization : kQuantizations) {
    const Bytes bytes = converted(checkpoint, quantization);
    const MemorySource packed_source("packed", bytes);
    const Checkpoint packed = require(open_checkpoint(packed_source));
    INFO(quantization_name(quantization));
    CHECK(read_all(require(load_model(packed, quantization)), tokens, 40) ==
          read_all(require(load_model(checkpoint, quantization)), tokens, 40));
  }
}

TEST_CASE("a head's one decay and bonus in version 5.1 are version 5.2's repeated, to the last bit") {
  const std::vector<Token> tokens = text();
  const Parts v52 = oracle_parts("v52-fp16");
  const Model per_head = load(tiny_51(v52, false)), per_channel = load(tiny_51(v52, true));
  CHECK(std::string(version_name(per_head.config.version)) == "5.1");
  CHECK(std::string(version_name(per_channel.config.version)) == "5.2");
  CHECK(read_all(per_head, tokens, 7) == read_all(per_channel, tokens, 7));
}

TEST_CASE("versions 5.0 and 5.1 give the reference's logits") {
  const std::vector<Token> tokens = text();
  const Parts v52 = oracle_parts("v52-fp16");
  for (const auto& [version, parts] :
       {std::pair{Version::k5_0, tiny_50(v52)}, {Version::k5_1, tiny_51(v52, false)}}) {
    const Model model = load(parts);
    INFO(version_name(version));
    CHECK(model.config.version == version);
    CHECK(reference::max_difference(read_all(model, tokens, 7),
                                    reference_logits(parts, model.config, tokens)) < 2e-4);
  }
}
