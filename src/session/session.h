// A text in the making: model + state + tokenizer + sampler.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/source.h"
#include "model/model.h"
#include "model/state.h"
#include "sampling/sampler.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

// A generated token and the text that is certain now: whole characters, maybe none yet, maybe of earlier
// tokens too.
struct Piece {
  Token token;
  std::string text;
};

// Tokens are queued by prompt() and sample(), read by read_pending(), and only then is there a next one to
// sample. The state is that of all tokens read, wherever prompts and calls were cut.
class Session {
 public:
  // The model and the tokenizer (nullptr: token ids only, all texts empty) must outlive it. It starts from `initial`, made for
  // the model, or from the model's own initial state. Errors of all calls: kOutOfMemory; the session is as it was then.
  static Result<Session> create(const Model& model, const Tokenizer* tokenizer, uint64_t seed,
                                std::optional<InitialState> initial = {});
  Session(Session&&) = default;
  // A copy that goes on alike.
  Result<Session> fork() const;
  // The memory that one takes with nothing pending.
  static uint64_t bytes(const Model& model);

  // Queues a prompt. An empty one starts a fresh session from kEndOfText and leaves a used one as it is.
  // Errors: kInvalidArgument for an id outside [0, V); nothing is queued then.
  Status prompt(std::span<const Token> ids);
  // What it started from, as reset() does; nullptr: from the model's own.
  const InitialState* initial() const { return initial_.get(); }
  // Tokens queued and not read.
  int pending() const { return is_ahead() ? 0 : int(queue_.size()); }
  // What follows all tokens read, (V); empty before the first.
  std::span<const float> logits() const;
  // Errors: kBadModel where logits are not finite, with the layer where that began: of infinity or NaN among the weights, or of
  // sums beyond all floats. Nothing is drawn from them.
  Status check() const;
  // What a token would add by itself; bytes that make no character are U+FFFD.
  std::string text_of(Token id) const;
  // Draws the next token and queues it; kEndOfText is not queued and has no text. `allowed` (empty: all) are
  // the tokens to draw from, as keep_allowed() takes them; where none is left the result is kEndOfText.
  // REQUIRES: nothing pending, logits not empty.
  Result<Piece> sample(const SamplingOptions& options, std::span<const uint32_t> allowed = {});
  // Queues the only token that may come next as if it had been drawn, without chance. REQUIRES: `id` in [0, V), not kEndOfText.
  Result<Piece> take(Token id, const SamplingOptions& options);
  // Guesses what will be drawn behind the pending tokens (speculative decoding). The pass that reads those reads the guesses too, each with
  // its logits: while they prove right, nothing is pending. What is drawn is the same with all guesses and with none. Only kMostGuesses are
  // taken, and none where there is no memory for them.
  // REQUIRES: `ids` in [0, V).
  void guess(std::span<const Token> ids);
  // What was guessed and has not been drawn is pending no more: what was read with it is pending again.
  void forget_guesses() { ahead_.reset(); }
  // Queues tokens as if they had been drawn here; chance then goes on where it stands in `other`. A session
  // that was copied before it drew too much takes back the rest so.
  // REQUIRES: a tokenizer; `ids` in [0, V).
  Status repeat(std::span<const Token> ids, const SamplingOptions& options, const Session& other);
  // As it was before the first token; chance goes on. Takes no memory, as adopt() and reseed() take none. A restored session
  // starts from the model's own initial state.
  void reset();
  // Stands where `other`, of the same model, does, as if it had read all that `other` read and nothing else;
  // chance and penalties stay its own. Where `other` has tokens pending, there are no logits to sample from.
  // REQUIRES: no guesses in `other`.
  void adopt(const Session& other);
  void reseed(uint64_t seed) { sampler_.reseed(seed); }
  // Where chance stands: a session that has read nothing is as it was, after reset() and go_on_at() that.
  uint64_t chance() const { return sampler_.chance(); }
  void go_on_at(uint64_t chance) { sampler_.go_on_at(chance); }

  const Model& model() const { return model_; }
  // Behind all tokens that were drawn and read, guesses not among them.
  State& state() { return state_; }
  // Whether it is not on a device alone. REQUIRES for save().
  bool is_here() const { return state_.is_here(); }

  // All that goes on from here, as bytes: saved_session.md describes them. With kF32 a restored session
  // writes the very text that this one would; kF16 takes half the memory and rounds the state.
  enum class SavedAs : uint32_t { kF32, kF16 };
  Result<std::vector<std::byte>> save(SavedAs format) const;
  // Errors: kBadFile (not a saved session, damaged, of a newer version), kBadModel (of another model),
  // kReadFailed, kOutOfMemory.
  static Result<Session> restore(const Model& model, const Tokenizer* tokenizer, const Source& file);
  // Whether the file begins as saved sessions do.
  static bool is_saved(const Source& file);

 private:
  friend class PendingPass;

  Session(const Model& model, const Tokenizer* tokenizer, uint64_t seed,
          std::shared_ptr<const InitialState> initial);
  Session(const Session&) = default;
  uint64_t bytes() const;
  // A token that was drawn or taken.
  Piece keep(Token id, const SamplingOptions& options);
  static constexpr uint64_t kOccurrenceBytes = 64;  // of a token that was generated, in the sampler's map

  // Of tokens that were read before they were drawn: `state_` stands before the queue then, as if nothing were read.
  struct Ahead {
    State state;                      // behind all of `tokens`
    std::vector<Token> tokens;        // the queue as it was, then guesses
    size_t guesses;                   // so many, at least one
    std::unique_ptr<float[]> logits;  // (1 + guesses, V): behind the last of the queue and each guess
    bool is_read = false;
  };
  // A copy has none, and reads again what is its own.
  struct OwnAhead : std::unique_ptr<Ahead> {
    using std::unique_ptr<Ahead>::unique_ptr;
    OwnAhead(const OwnAhead&) : std::unique_ptr<Ahead>() {}
    OwnAhead(OwnAhead&&) = default;
  };
  // Whether the queue, and maybe more, is read: it is how `ahead_->tokens` begin.
  bool is_ahead() const { return ahead_ && ahead_->is_read; }

  const Model& model_;  // copies are sessions of the same model
  const Tokenizer* tokenizer_;
  std::shared_ptr<const InitialState> initial_;  // nullptr: the model's
  State state_;
  Sampler sampler_;
  Utf8Stream text_;
  std::vector<Token> queue_;
  std::vector<float> logits_;  // there is always room for V
  OwnAhead ahead_;
};

// kBadModel, "the model's numbers are not finite from blocks.3.att on", of the state that is left.
Error not_finite(const State& state, const Config& config);

// Errors: kBadVocabulary where the tokenizer (nullptr: none) knows ids that the model does not.
Status check_vocabulary(const std::string& file_name, const Tokenizer* tokenizer, const Config& config);

// The most tokens of one session that one read_pending() reads: enough for full speed, few enough to be heard
// in between.
constexpr int kChunk = 32;
// The most guesses besides: a tile or two of the kernels' rows (kernels/matmul_tile.h) with the token before them.
constexpr int kMostGuesses = 15;

// A pass over queued tokens in two halves: what each session reads, and what becomes of it once that is read.
class PendingPass {
 public:
  // First: at most kChunk tokens each, and of session i at most most[i], where that is given, with its guesses where those are all it has.
  // Sessions with nothing queued rest. Errors: kOutOfMemory.
  // REQUIRES: sessions of one model, each once; `most` empty or as long as `sessions`, all positive.
  Status plan(std::span<Session* const> sessions, std::span<const int> most = {});

  // To be read; none where nothing is queued.
  std::span<const Slice> slices() const { return slices_; }
  // Whether guesses are read too; without them it is a smaller pass.
  bool has_guesses() const;
  void forget_guesses();
  // From now on there is a place for logits. REQUIRES: then finish(), where the slices were read, or give_up(), as if nothing had been.
  void start();
  void finish();
  void give_up();

 private:
  struct Reader {
    Session* session;
    size_t count;  // tokens of its queue
    bool had_logits = true;
  };
  std::vector<Reader> readers_;
  std::vector<Slice> slices_;
};

// Reads queued tokens of all sessions in one forward call, as PendingPass tells. Errors: kOutOfMemory; nothing is read then.
Status read_pending(std::span<Session* const> sessions, Arena& arena, std::span<const int> most = {});

}  // namespace rwkv
