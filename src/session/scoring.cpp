#include "session/scoring.h"

#include <algorithm>

#include "sampling/logprobs.h"
#include "session/session.h"

namespace rwkv {

Scoring::Scoring(const Model& model, std::vector<Token> tokens)
    : model_(model), tokens_(std::move(tokens)), state_(model.config, model.initial_state) {
  read_.push_back(kEndOfText);
  if (!tokens_.empty()) read_.insert(read_.end(), tokens_.begin(), tokens_.end() - 1);
}

void Scoring::next(Arena& arena) {
  const ArenaScope scope(arena);
  const size_t done = log_probabilities_.size(), count = std::min(tokens_.size() - done, size_t(kChunk));
  const Rows logits = arena.rows(int(count), model_.config.vocabulary);
  const Slice slice{&state_, {read_.data() + done, count}, Slice::Logits::kAll, logits.data};
  forward(model_, {&slice, 1}, arena);
  for (size_t i = 0; i < count; ++i)
    log_probabilities_.push_back(
        log_probability({logits.row(int(i)), size_t(logits.width)}, tokens_[done + i]));
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
