#include "session/session.h"

#include <algorithm>
#include <cmath>

#include "quant/dtype.h"
#include "room.h"

namespace rwkv {
namespace {

// Of sampling, for each logit: copies and candidates (sampling/selection.cpp) in vectors that grow.
constexpr uint64_t kSamplingBytes = 128;

}  // namespace

Session::Session(const Model& model, const Tokenizer* tokenizer, uint64_t seed,
                 std::shared_ptr<const InitialState> initial)
    : model_(model),
      tokenizer_(tokenizer),
      initial_(std::move(initial)),
      state_(model.config, initial_ ? *initial_ : model.initial_state),
      sampler_(seed) {
  logits_.reserve(size_t(model.config.vocabulary));
}

uint64_t Session::bytes(const Model& model) {
  return sizeof(float) * (State::size(model.config) + uint64_t(model.config.vocabulary));
}

uint64_t Session::bytes() const {
  return bytes(model_) + sizeof(Token) * queue_.size() + kOccurrenceBytes * sampler_.seen();
}

Result<Session> Session::create(const Model& model, const Tokenizer* tokenizer, uint64_t seed,
                                std::optional<InitialState> initial) {
  if (const Status room = require_room(bytes(model), "a session"); !room) return room.error();
  std::shared_ptr<const InitialState> own;
  if (initial) own = std::make_shared<const InitialState>(std::move(*initial));
  return Session(model, tokenizer, seed, std::move(own));
}

Result<Session> Session::fork() const {
  if (const Status room = require_room(bytes(), "a copy of a session"); !room) return room.error();
  Session copy = *this;
  copy.logits_.reserve(size_t(model_.config.vocabulary));
  return copy;
}

Status Session::prompt(std::span<const Token> ids) {
  for (const Token id : ids)
    if (id < 0 || id >= model_.config.vocabulary)
      return Error{ErrorKind::kInvalidArgument, "token id: expected 0 to " +
                                                    std::to_string(model_.config.vocabulary - 1) +
                                                    ", found " + std::to_string(id)};
  const size_t queued = queue_.size() + ids.size() + 1;
  if (Status room = require_room(sizeof(Token) * queued, "a prompt"); !room) return room;
  queue_.reserve(queued);
  if (!ids.empty()) text_.reset();  // half a character of a generated text cannot go on in a prompt
  queue_.insert(queue_.end(), ids.begin(), ids.end());
  if (queue_.empty() && logits_.empty()) queue_.push_back(kEndOfText);
  return Done{};
}

Error not_finite(const State& state, const Config& config) {
  const std::vector<float> values = state.values();
  const size_t stride = values.size() / size_t(config.layers);
  const auto is_finite = [](float value) { return std::isfinite(value); };
  const auto found = size_t(std::find_if_not(values.begin(), values.end(), is_finite) - values.begin());
  // Of each layer: what its time mix was given (C), which the layer below made; then what its time mix made.
  const size_t layer = found / stride;
  std::string where = "blocks." + std::to_string(layer) + ".att";
  if (found == values.size()) where = "the head, or blocks." + std::to_string(layer - 1) + ".ffn,";
  else if (found < size_t(config.channels)) where = "the embedding";
  else if (found % stride < size_t(config.channels)) where = "blocks." + std::to_string(layer - 1) + ".ffn";
  return {ErrorKind::kBadModel, "the model's numbers are not finite from " + where + " on"};
}

Status Session::check() const {
  if (count_not_finite(logits_) == 0) return Done{};
  if (Status room = require_room(sizeof(float) * state_.size(), "a look at a state"); !room) return room;
  return not_finite(state_, model_.config);
}

Result<Piece> Session::sample(const SamplingOptions& options, std::span<const uint32_t> allowed) {
  assert(queue_.empty() && !logits_.empty());
  if (const Status finite = check(); !finite) return finite.error();
  if (const Status room = require_room(kSamplingBytes * logits_.size(), "the choice of a token"); !room)
    return room.error();
  std::vector<float> scratch = logits_;
  if (!allowed.empty()) keep_allowed(scratch, allowed);
  const Token token = sampler_.sample(scratch, options);
  if (token == kEndOfText) return Piece{token, ""};
  const std::string_view bytes = tokenizer_ ? tokenizer_->bytes(token) : std::string_view();
  sampler_.accept(token, bytes, options);
  queue_.push_back(token);
  return Piece{token, text_.push(bytes)};
}

Status Session::repeat(std::span<const Token> ids, const SamplingOptions& options, const Session& other) {
  const size_t queued = queue_.size() + ids.size();
  const uint64_t bytes = sizeof(Token) * queued + kOccurrenceBytes * (2 * sampler_.seen() + 2 * ids.size());
  if (Status room = require_room(bytes, "tokens to repeat"); !room) return room;
  queue_.reserve(queued);
  for (const Token id : ids) {
    sampler_.accept(id, tokenizer_->bytes(id), options);
    text_.push(tokenizer_->bytes(id));
  }
  queue_.insert(queue_.end(), ids.begin(), ids.end());
  sampler_.go_on_as(other.sampler_);
  return Done{};
}

void Session::reset() {
  state_.reset(initial_ ? *initial_ : model_.initial_state);
  sampler_.forget();
  text_.reset();
  queue_.clear();
  logits_.clear();
}

void Session::adopt(const Session& other) {
  state_ = other.state_;
  logits_ = other.logits_;
  text_.reset();
  queue_.clear();
}

std::string Session::text_of(Token id) const {
  if (!tokenizer_) return "";
  Utf8Stream stream;
  std::string text = stream.push(tokenizer_->bytes(id));
  return text += stream.finish();
}

Status check_vocabulary(const std::string& file_name, const Tokenizer* tokenizer, const Config& config) {
  if (!tokenizer || tokenizer->size() <= config.vocabulary) return Done{};
  return Error{ErrorKind::kBadVocabulary,
               file_name + ": the vocabulary has ids up to " + std::to_string(tokenizer->size() - 1) +
                   ", the model only up to " + std::to_string(config.vocabulary - 1)};
}

Status read_pending(std::span<Session* const> sessions, Arena& arena, std::span<const int> most) {
  const ArenaScope scope(arena);
  constexpr uint64_t kBytesOfSlice = 256;
  if (Status room = require_room(kBytesOfSlice * sessions.size(), "a pass"); !room) return room;
  std::vector<Slice> slices;
  std::vector<size_t> counts(sessions.size());
  uint64_t rows = 0, last_rows = 0;
  for (size_t i = 0; i < sessions.size(); ++i) {
    Session* s = sessions[i];
    if (s->queue_.empty()) continue;
    counts[i] = std::min(s->queue_.size(), size_t(most.empty() ? kChunk : std::min(kChunk, most[i])));
    const bool is_last = counts[i] == s->queue_.size();
    rows += counts[i], last_rows += is_last;
    slices.push_back({&s->state_,
                      {s->queue_.data(), counts[i]},
                      is_last ? Slice::Logits::kLast : Slice::Logits::kNone,
                      s->logits_.data()});
  }
  if (slices.empty()) return Done{};
  const Model& model = sessions.front()->model_;
  if (Status room = arena.reserve(scratch_bytes(model, rows, last_rows), "a pass"); !room) return room;
  for (size_t i = 0; i < sessions.size(); ++i)
    if (counts[i] == sessions[i]->queue_.size() && counts[i] > 0)
      sessions[i]->logits_.resize(size_t(model.config.vocabulary));
  forward(model, slices, arena);
  for (size_t i = 0; i < sessions.size(); ++i)
    sessions[i]->queue_.erase(sessions[i]->queue_.begin(), sessions[i]->queue_.begin() + counts[i]);
  return Done{};
}

}  // namespace rwkv
