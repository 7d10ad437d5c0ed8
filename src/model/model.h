// The model: its weights, and forward(), the only way through them.
#pragma once

#include <variant>
#include <vector>

#include "model/config.h"
#include "model/layer.h"

namespace rwkv {

struct Layer {
  Norm ln1, ln2;
  std::variant<TimeMix4, TimeMix5, TimeMix6, TimeMix7> time_mix = {};
  ChannelMix channel_mix = {};
};

struct Model {
  Config config;
  Quantization quantization = Quantization::kF32;
  Embedding embedding;  // (V, C)
  Norm ln0;             // applied to the embedding
  std::vector<Layer> layers = {};
  Norm ln_out = {};
  Matrix head = {};                 // (V, C)
  InitialState initial_state = {};  // what fresh sessions start from

  uint64_t parameters = 0;
  uint64_t bytes = 0;  // of memory that the weights take
  std::vector<std::string> warnings =
      {};  // what a user should know: tensors that hold values that are not finite
};

// Tokens that one text reads next, and which logits are wanted of it.
struct Slice {
  State* state;
  std::span<const int32_t> tokens;  // at least one, each in [0, V)
  size_t wanted = 1;                // logits behind so many of the last tokens
  float* logits = nullptr;          // (wanted, V)
  float* hidden =
      nullptr;  // (tokens, C), where it is wanted: what the head gets, the last layer's output normed
};

// The rows of a pass: all tokens of its slices, one after the other.
struct Batch {
  Batch() = default;
  explicit Batch(std::span<const Slice> slices);

  std::vector<Sequence> sequences = {};
  std::vector<int> wanted = {};  // rows of which there are logits
  bool wants_hidden = false;     // whether any slice does

  int rows() const { return sequences.empty() ? 0 : sequences.back().first + sequences.back().count; }
};

// Where a pass leaves what is wanted of it: scratch memory until the next.
struct Outputs {
  Rows logits = {};  // (wanted, V)
  Rows hidden = {};  // (R, C), where it is wanted
};
// To where the slices want it.
void deliver(const Outputs& out, const Batch& batch, std::span<const Slice> slices);

// Reads every slice's tokens in order, moves its state on and writes the logits that follow. One token is a
// sequence of length one and many texts are one batch: results are the same however the tokens are cut into
// slices and calls. REQUIRES: each state belongs to one slice only and was made for this model's config.
void forward(const Model& model, std::span<const Slice> slices, Arena& arena);

// What forward() takes of the arena at most for so many tokens and so many rows of logits.
uint64_t scratch_bytes(const Model& model, uint64_t rows, uint64_t logit_rows);

}  // namespace rwkv
