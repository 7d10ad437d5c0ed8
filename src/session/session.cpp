#include "session/session.h"

namespace rwkv {

Status Session::prompt(std::span<const Token> ids) {
  for (const Token id : ids)
    if (id < 0 || id >= model_.config.vocabulary)
      return Error{ErrorKind::kInvalidArgument, "token id: expected 0 to " +
                                                    std::to_string(model_.config.vocabulary - 1) +
                                                    ", found " + std::to_string(id)};
  if (!ids.empty()) text_.reset();  // half a character of a generated text cannot go on in a prompt
  queue_.insert(queue_.end(), ids.begin(), ids.end());
  if (queue_.empty() && logits_.empty()) queue_.push_back(kEndOfText);
  return Done{};
}

Piece Session::sample(const SamplingOptions& options, std::span<const uint32_t> allowed) {
  assert(queue_.empty() && !logits_.empty());
  std::vector<float> scratch = logits_;
  if (!allowed.empty()) keep_allowed(scratch, allowed);
  const Token token = sampler_.sample(scratch, options);
  if (token == kEndOfText) return {token, ""};
  const std::string_view bytes = tokenizer_ ? tokenizer_->bytes(token) : std::string_view();
  sampler_.accept(token, bytes, options);
  queue_.push_back(token);
  return {token, text_.push(bytes)};
}

void Session::repeat(std::span<const Token> ids, const SamplingOptions& options, const Session& other) {
  for (const Token id : ids) {
    sampler_.accept(id, tokenizer_->bytes(id), options);
    text_.push(tokenizer_->bytes(id));
  }
  queue_.insert(queue_.end(), ids.begin(), ids.end());
  sampler_ = Sampler({other.sampler_.memory().random, sampler_.memory().occurrence});
}

void Session::reset() {
  state_ = State(model_.config, initial_ ? *initial_ : model_.initial_state);
  sampler_ = Sampler({sampler_.memory().random, {}});
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

void read_pending(std::span<Session* const> sessions, Arena& arena, std::span<const int> most) {
  std::vector<Slice> slices;
  std::vector<size_t> counts(sessions.size());
  for (size_t i = 0; i < sessions.size(); ++i) {
    Session* s = sessions[i];
    if (s->queue_.empty()) continue;
    counts[i] = std::min(s->queue_.size(), size_t(most.empty() ? kChunk : std::min(kChunk, most[i])));
    const bool is_last = counts[i] == s->queue_.size();
    if (is_last) s->logits_.resize(size_t(s->model_.config.vocabulary));
    slices.push_back({&s->state_,
                      {s->queue_.data(), counts[i]},
                      is_last ? Slice::Logits::kLast : Slice::Logits::kNone,
                      s->logits_.data()});
  }
  if (slices.empty()) return;
  forward(sessions.front()->model_, slices, arena);
  for (size_t i = 0; i < sessions.size(); ++i)
    sessions[i]->queue_.erase(sessions[i]->queue_.begin(), sessions[i]->queue_.begin() + counts[i]);
}

}  // namespace rwkv
