#include "session/scoring.h"

#include <algorithm>

#include "quant/dtype.h"
#include "room.h"
#include "sampling/logprobs.h"
#include "session/session.h"

namespace rwkv {

Result<Scoring> Scoring::start(const Model& model, std::vector<Token> tokens, int top,
                               const InitialState* initial) {
  const uint64_t most = uint64_t(std::clamp(top, 0, model.config.vocabulary));
  const uint64_t numbers = tokens.size() * (1 + 2 * most);
  const uint64_t bytes = sizeof(float) * (2 * State::size(model.config) + numbers);
  if (const Status room = require_room(bytes, "log probabilities"); !room) return room.error();
  Scoring scoring(model, std::move(tokens), int(most), initial ? *initial : model.initial_state);
  scoring.log_probabilities_.reserve(size_t(numbers));
  return scoring;
}

Scoring::Scoring(const Model& model, std::vector<Token> tokens, int top, const InitialState& initial)
    : model_(model), tokens_(std::move(tokens)), top_(top), state_(model.config, initial) {}

Status Scoring::next(Arena& arena) {
  const ArenaScope scope(arena);
  const size_t count = std::min(tokens_.size() - 1 - done_, size_t(kChunk));
  constexpr uint64_t kBytesOfTop = 4 * sizeof(LogProbability);  // of a vector that grows
  if (Status room = require_room(kBytesOfTop * uint64_t(top_ + 1), "log probabilities"); !room) return room;
  const uint64_t bytes = scratch_bytes(model_, count, 2 * count);  // once more for `rows`
  if (Status room = arena.reserve(bytes, "log probabilities"); !room) return room;
  const Rows rows = arena.rows(int(count), model_.config.vocabulary);
  const Slice slice{&state_, {tokens_.data() + done_, count}, count, rows.data};
  forward(model_, {&slice, 1}, arena);
  if (count_not_finite({rows.data, rows.size()}) > 0) return not_finite(state_, model_.config);
  for (int i = 0; i < rows.count; ++i) {
    const std::span<const float> logits{rows.row(i), size_t(rows.width)};
    log_probabilities_.push_back(log_probability(logits, tokens_[++done_]));
    for (const auto& [token, value] : top_log_probabilities(logits, top_)) {
      log_probabilities_.push_back(float(token));
      log_probabilities_.push_back(value);
    }
  }
  return Done{};
}

Result<Pooling> Pooling::start(const Model& model, std::vector<Token> tokens) {
  const uint64_t bytes = 2 * sizeof(float) * State::size(model.config) + 12 * uint64_t(model.config.channels);
  if (const Status room = require_room(bytes, "hidden states"); !room) return room.error();
  return Pooling(model, std::move(tokens));
}

Pooling::Pooling(const Model& model, std::vector<Token> tokens)
    : model_(model),
      tokens_(std::move(tokens)),
      state_(model.config, model.initial_state),
      sums_(size_t(model.config.channels)) {}

Status Pooling::next(Arena& arena) {
  const ArenaScope scope(arena);
  const size_t count = std::min(tokens_.size() - done_, size_t(kChunk));
  const uint64_t bytes = scratch_bytes(model_, 2 * count, 0);  // once more for `hidden`
  if (Status room = arena.reserve(bytes, "hidden states"); !room) return room;
  const Rows hidden = arena.rows(int(count), model_.config.channels);
  const Slice slice{&state_, {tokens_.data() + done_, count}, 0, nullptr, hidden.data};
  forward(model_, {&slice, 1}, arena);
  if (count_not_finite({hidden.data, hidden.size()}) > 0) return not_finite(state_, model_.config);
  for (int i = 0; i < hidden.count; ++i)
    for (int c = 0; c < hidden.width; ++c) sums_[size_t(c)] += hidden.row(i)[c];
  done_ += count;
  return Done{};
}

std::vector<float> Pooling::mean() const {
  std::vector<float> mean;
  mean.reserve(sums_.size());
  for (const double sum : sums_) mean.push_back(float(sum / double(tokens_.size())));
  return mean;
}

}  // namespace rwkv
