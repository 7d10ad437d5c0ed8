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

size_t Scoring::next_rows() const { return std::min(tokens_.size() - 1 - done_, size_t(kChunk)); }

Status Scoring::has_room() const {
  constexpr uint64_t kBytesOfTop = 4 * sizeof(LogProbability);  // of a vector that grows
  return require_room(kBytesOfTop * uint64_t(top_ + 1), "log probabilities");
}

Slice Scoring::next_slice(float* logits) {
  return {&state_, {tokens_.data() + done_, next_rows()}, next_rows(), logits};
}

Status Scoring::take(std::span<const float> rows) {
  if (count_not_finite(rows) > 0) return not_finite(state_, model_.config);
  for (const auto V = size_t(model_.config.vocabulary); !rows.empty(); rows = rows.subspan(V)) {
    const std::span<const float> logits = rows.first(V);
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

size_t Pooling::next_rows() const { return std::min(tokens_.size() - done_, size_t(kChunk)); }

Slice Pooling::next_slice(float* hidden) {
  return {&state_, {tokens_.data() + done_, next_rows()}, 0, nullptr, hidden};
}

Status Pooling::take(std::span<const float> hidden) {
  if (count_not_finite(hidden) > 0) return not_finite(state_, model_.config);
  for (size_t i = 0; i < hidden.size(); ++i) sums_[i % sums_.size()] += hidden[i];
  done_ += hidden.size() / sums_.size();
  return Done{};
}

std::vector<float> Pooling::mean() const {
  std::vector<float> mean;
  mean.reserve(sums_.size());
  for (const double sum : sums_) mean.push_back(float(sum / double(tokens_.size())));
  return mean;
}

}  // namespace rwkv
