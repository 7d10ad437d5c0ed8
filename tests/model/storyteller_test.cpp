#include <cmath>

#include "model/oracle.h"
#include "reference.h"

using namespace rwkv;

namespace {

// One entry of reference.json under `weights_fp16`: what plain numpy gives for the f16 weights.
struct Story {
  std::vector<Token> prompt, continuation;  // greedy, 32 tokens
  std::vector<float> first_logits,
      gaps;  // 64 logits behind the prompt; top-1 minus top-2 at each greedy step
};

std::vector<Story> stories(const std::string& json) {
  std::vector<Story> all;
  size_t at = json.find("\"weights_fp16\"");
  while ((at = json.find("\"prompt\"", at + 1)) != std::string::npos)
    all.push_back({json_numbers<Token>(json, "input_ids", at), json_numbers<Token>(json, "greedy32", at),
                   json_numbers<float>(json, "logits_first64", at),
                   json_numbers<float>(json, "greedy32_top1_minus_top2", at)});
  return all;
}

Token most_likely(std::span<const float> logits) {
  return Token(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

TEST_CASE("the storyteller's f16 weights give the reference's logits and greedy continuations") {
  const Bytes file = read_file(RWKV_SHARED "/storyteller2/rwkv7-tales-8.0M-fp16.safetensors");
  const Bytes reference_file = read_file(RWKV_SHARED "/storyteller2/reference.json");
  if (file.empty() || reference_file.empty()) SKIP("../shared/storyteller2 is not present");
  const MemorySource source("storyteller", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  const Model model = require(load_model(checkpoint, Quantization::kF32));
  CHECK(model.parameters == 7981312);

  const auto all = stories(text_of(reference_file));
  REQUIRE(all.size() == 3);
  for (const Story& story : all) {
    REQUIRE(story.continuation.size() == 32);
    State state(model.config);
    Arena arena;
    std::vector<float> logits(size_t(model.config.vocabulary));
    const auto read = [&](std::span<const Token> tokens) {
      const Slice slice{&state, tokens, 1, logits.data()};
      forward(model, {&slice, 1}, arena);
    };
    read(story.prompt);
    CHECK(reference::max_difference(std::vector<float>(logits.begin(), logits.begin() + 64),
                                    story.first_logits) < 2e-4);
    for (size_t i = 0; i < 32; ++i) {
      const Token token = most_likely(logits);
      if (token != story.continuation[i]) {
        CHECK(story.gaps[i] < 1e-3);  // only a tie may fall the other way
        break;
      }
      read({&token, 1});
    }
  }
}

TEST_CASE("the shipped storyteller loads in every quantization and predicts alike") {
  const Bytes file = read_file(RWKV_STORYTELLER "/rwkv7-tales-8.0M-q4.safetensors");
  REQUIRE(!file.empty());
  const MemorySource source("storyteller", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  // "Oh, look!" cried Bunny Brown. "I see a
  const std::vector<Token> prompt = {0, 35, 343, 45, 1774, 304, 2285, 2095, 2092, 47, 258, 74, 1262, 285};
  for (const Quantization quantization : kQuantizations) {
    const Model model = require(load_model(checkpoint, quantization));
    CHECK(model.parameters == 7964672);  // layer 0 uses no v0, v1 and v2, and packed files leave them out
    const auto logits = read_all(model, prompt, 32);
    CHECK(most_likely(std::span(logits).last(4096)) == 1082);  // " big"
  }
}
