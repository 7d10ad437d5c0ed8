#include "session/scoring.h"

#include <algorithm>

#include "sampling/logprobs.h"
#include "session/session.h"

namespace rwkv {

Scoring::Scoring(const Model& model, std::vector<Token> tokens, int top)
    : model_(model), tokens_(std::move(tokens)), top_(top), state_(model.config, model.initial_state) {}

void Scoring::next(Arena& arena) {
  const ArenaScope scope(arena);
  const size_t count = std::min(tokens_.size() - 1 - done_, size_t(kChunk));
  const Rows rows = arena.rows(int(count), model_.config.vocabulary);
  const Slice slice{&state_, {tokens_.data() + done_, count}, Slice::Logits::kAll, rows.data};
  forward(model_, {&slice, 1}, arena);
  for (int i = 0; i < rows.count; ++i) {
    const std::span<const float> logits{rows.row(i), size_t(rows.width)};
    log_probabilities_.push_back(log_probability(logits, tokens_[++done_]));
    for (const auto& [token, value] : top_log_probabilities(logits, top_)) {
      log_probabilities_.push_back(float(token));
      log_probabilities_.push_back(value);
    }
  }
}

Pooling::Pooling(const Model& model, std::vector<Token> tokens)
    : model_(model),
      tokens_(std::move(tokens)),
      state_(model.config, model.initial_state),
      sums_(size_t(model.config.channels)) {}

void Pooling::next(Arena& arena) {
  const ArenaScope scope(arena);
  const size_t count = std::min(tokens_.size() - done_, size_t(kChunk));
  const Rows hidden = arena.rows(int(count), model_.config.channels);
  const Slice slice{&state_, {tokens_.data() + done_, count}, Slice::Logits::kNone, nullptr, hidden.data};
  forward(model_, {&slice, 1}, arena);
  for (int i = 0; i < hidden.count; ++i)
    for (int c = 0; c < hidden.width; ++c) sums_[size_t(c)] += hidden.row(i)[c];
  done_ += count;
}

std::vector<float> Pooling::mean() const {
  std::vector<float> mean;
  for (const double sum : sums_) mean.push_back(float(sum / double(tokens_.size())));
  return mean;
}

}  // namespace rwkv
