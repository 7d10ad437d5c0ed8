// Texts that are read for what they tell besides their continuation, a chunk at a time.
#pragma once

#include <vector>

#include "model/model.h"
#include "model/state.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

// ln p(token | the tokens before it) for every token of a text but the first, and the `top` likeliest in its place.
class Scoring {
 public:
  // From `initial`, made for the model, or from its own initial state. The model must outlive it. REQUIRES: ids in [0, V).
  // Errors of all calls: kOutOfMemory, kBadModel as Session::check().
  static Result<Scoring> start(const Model& model, std::vector<Token> tokens, int top = 0,
                               const InitialState* initial = nullptr);
  const Model& model() const { return model_; }
  bool is_done() const { return done_ + 1 >= tokens_.size(); }
  // Reads the next chunk, with kChunk V floats of scratch memory. REQUIRES: !is_done().
  Status next(Arena& arena);
  // The same in two halves: whether there is room for it, and how many rows of logits come next; what is read to get them; and, once it
  // is, what they tell.
  Status has_room() const;
  size_t next_rows() const;
  Slice next_slice(float* logits);
  Status take(std::span<const float> logits);
  // (tokens that are done, 1 + 2 min(top, V)): a token's log probability, then id and log probability of the likeliest, likeliest
  // first. Ids are floats too: V < 2^24.
  const std::vector<float>& log_probabilities() const { return log_probabilities_; }

 private:
  Scoring(const Model& model, std::vector<Token> tokens, int top, const InitialState& initial);

  const Model& model_;
  std::vector<Token> tokens_;
  int top_;
  State state_;
  size_t done_ = 0;
  std::vector<float> log_probabilities_;
};

// The mean over a text's tokens of what the head gets, (C), from a fresh state.
class Pooling {
 public:
  // The model must outlive it. REQUIRES: ids in [0, V), at least one. Errors as of Scoring.
  static Result<Pooling> start(const Model& model, std::vector<Token> tokens);
  const Model& model() const { return model_; }
  bool is_done() const { return done_ == tokens_.size(); }
  // Reads the next chunk. REQUIRES: !is_done().
  Status next(Arena& arena);
  // In two halves, as of Scoring: rows of hidden states.
  Status has_room() const { return Done{}; }
  size_t next_rows() const;
  Slice next_slice(float* hidden);
  Status take(std::span<const float> hidden);
  // REQUIRES: is_done().
  std::vector<float> mean() const;

 private:
  Pooling(const Model& model, std::vector<Token> tokens);

  const Model& model_;
  std::vector<Token> tokens_;
  State state_;
  size_t done_ = 0;
  std::vector<double> sums_;  // (C)
};

}  // namespace rwkv
