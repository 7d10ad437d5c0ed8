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
  if (!ids.empty()) ahead_.reset();
  queue_.insert(queue_.end(), ids.begin(), ids.end());
  if (queue_.empty() && logits_.empty()) queue_.push_back(kEndOfText);
  return Done{};
}

Error not_finite(const State& state, const Config& config) {
  if (!state.is_here()) return {ErrorKind::kBadModel, "the model's numbers are not finite"};
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

std::span<const float> Session::logits() const {
  if (!is_ahead()) return logits_;
  const size_t V = size_t(model_.config.vocabulary), certain = ahead_->tokens.size() - ahead_->guesses;
  return {&ahead_->logits[(queue_.size() - certain) * V], V};
}

Status Session::check() const {
  if (count_not_finite(logits()) == 0) return Done{};
  if (Status room = require_room(sizeof(float) * state_.size(), "a look at a state"); !room) return room;
  return not_finite(is_ahead() ? ahead_->state : state_, model_.config);
}

Result<Piece> Session::sample(const SamplingOptions& options, std::span<const uint32_t> allowed) {
  assert(pending() == 0 && !logits().empty());
  if (const Status finite = check(); !finite) return finite.error();
  if (const Status room = require_room(kSamplingBytes * logits().size(), "the choice of a token"); !room)
    return room.error();
  std::vector<float> scratch(logits().begin(), logits().end());
  if (!allowed.empty()) keep_allowed(scratch, allowed);
  const Token token = sampler_.sample(scratch, options);
  return token == kEndOfText ? Piece{token, ""} : keep(token, options);
}

Result<Piece> Session::take(Token id, const SamplingOptions& options) {
  if (const Status room = require_room(sizeof(Token) * (queue_.size() + 1), "a token"); !room)
    return room.error();
  return keep(id, options);
}

Piece Session::keep(Token id, const SamplingOptions& options) {
  const std::string_view bytes = tokenizer_ ? tokenizer_->bytes(id) : std::string_view();
  sampler_.accept(id, bytes, options);
  queue_.push_back(id);
  if (!is_ahead() || ahead_->tokens[queue_.size() - 1] != id) {
    ahead_.reset();
  } else if (queue_.size() == ahead_->tokens.size()) {  // all guesses were right
    logits_.assign(&ahead_->logits[ahead_->guesses * size_t(model_.config.vocabulary)],
                   &ahead_->logits[(ahead_->guesses + 1) * size_t(model_.config.vocabulary)]);
    state_ = std::move(ahead_->state);
    queue_.clear();
    ahead_.reset();
  }
  return {id, text_.push(bytes)};
}

void Session::guess(std::span<const Token> ids) {
  if (pending() == 0) return;
  ahead_.reset();
  ids = ids.first(std::min(ids.size(), size_t(kMostGuesses)));
  const size_t count = queue_.size() + ids.size(), rows = 1 + ids.size(),
               V = size_t(model_.config.vocabulary);
  if (ids.empty() || count > size_t(kChunk)) return;
  if (!require_room(sizeof(float) * (state_.size() + rows * V + count), "guesses")) return;
  std::vector<Token> tokens = queue_;
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  ahead_.reset(
      new Ahead{state_, std::move(tokens), ids.size(), std::make_unique_for_overwrite<float[]>(rows * V)});
}

Status Session::repeat(std::span<const Token> ids, const SamplingOptions& options, const Session& other) {
  const size_t queued = queue_.size() + ids.size();
  const uint64_t bytes = sizeof(Token) * queued + kOccurrenceBytes * (2 * sampler_.seen() + 2 * ids.size());
  if (Status room = require_room(bytes, "tokens to repeat"); !room) return room;
  queue_.reserve(queued);
  ahead_.reset();
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
  ahead_.reset();
}

void Session::adopt(const Session& other) {
  state_ = other.state_;
  logits_ = other.logits_;
  text_.reset();
  queue_.clear();
  ahead_.reset();
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

Status PendingPass::plan(std::span<Session* const> sessions, std::span<const int> most) {
  constexpr uint64_t kBytesOfSlice = 256;
  if (Status room = require_room(kBytesOfSlice * sessions.size(), "a pass"); !room) return room;
  for (size_t i = 0; i < sessions.size(); ++i) {
    Session* s = sessions[i];
    if (s->pending() == 0) continue;
    const size_t count =
        std::min(s->queue_.size(), size_t(most.empty() ? kChunk : std::min(kChunk, most[i])));
    const bool is_last = count == s->queue_.size();
    if (!is_last) s->ahead_.reset();
    readers_.push_back({s, count});
    if (auto* ahead = s->ahead_.get())
      slices_.push_back({&ahead->state, ahead->tokens, 1 + ahead->guesses, ahead->logits.get()});
    else slices_.push_back({&s->state_, {s->queue_.data(), count}, is_last, s->logits_.data()});
  }
  return Done{};
}

bool PendingPass::has_guesses() const {
  return std::ranges::any_of(readers_, [](const Reader& r) { return bool(r.session->ahead_); });
}

void PendingPass::forget_guesses() {
  for (const Reader& r : readers_) r.session->ahead_.reset();
}

void PendingPass::start() {
  for (Reader& r : readers_) {
    r.had_logits = !r.session->logits_.empty();
    if (r.count == r.session->queue_.size())
      r.session->logits_.resize(size_t(r.session->model_.config.vocabulary));
  }
}

void PendingPass::finish() {
  for (const Reader& r : readers_) {
    Session& s = *r.session;
    if (s.ahead_) s.ahead_->is_read = true;
    else s.queue_.erase(s.queue_.begin(), s.queue_.begin() + ptrdiff_t(r.count));
  }
}

void PendingPass::give_up() {
  for (const Reader& r : readers_)
    if (!r.had_logits) r.session->logits_.clear();
}

}  // namespace rwkv
