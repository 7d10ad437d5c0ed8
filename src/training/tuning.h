// Teaching a model from documents: steps of AdamW, each made of passes, and these of pieces that are short enough for
// others to have their turn between them.
#pragma once

#include <optional>
#include <variant>

#include "training/adapters.h"
#include "training/documents.h"
#include "training/optimizer.h"
#include "training/walk.h"
#include "training/weights.h"

namespace rwkv {

enum class Method : uint8_t { kState, kLora, kFull };

struct TuningOptions {
  Method method = Method::kState;
  int64_t steps = 0, epochs = 0;  // one of them; the other is 0
  int context = 512;              // tokens of a document that are read at once, at most
  int batch = 1;                  // excerpts a step
  RateOptions rate = {};          // but for its steps
  AdamWOptions optimizer = {};
  float gradient_clip = 1;  // 0: none
  AdapterOptions adapters = {};
  uint64_t seed = 0;  // of the order of excerpts, and of the adapters
};

struct TuningPlan {
  int steps = 0, step = 0;                             // all, and done before
  uint64_t learned_tokens = 0, validation_tokens = 0;  // of all documents
  uint64_t excerpts = 0;
  uint64_t bytes = 0;  // of memory, beside the weights
};

struct TuningStep {
  int step = 0, steps = 0;  // from 1
  double loss = 0;          // before its update
  uint64_t tokens = 0;      // that were learned in it
  double rate = 0;
};

class Tuning {
 public:
  // The model must outlive it and stay where it is. `file`, of the model, is read for Method::kFull alone: the model's own
  // weights are learned then. Errors: kInvalidArgument (an option, named), kUnsupported, kOutOfMemory, those of reading.
  static Result<Tuning> start(Model& model, TuningOptions options, const Checkpoint* file);

  // A document to learn from, or one that is only foretold: as Documents::add. REQUIRES: no plan yet.
  Status add(std::span<const int32_t> tokens, std::span<const uint8_t> learned, bool is_validation);
  // Takes all memory. Errors: kInvalidArgument (nothing to learn, too many steps), kOutOfMemory.
  Result<TuningPlan> plan();
  // A piece of the next step, short enough for others to wait for; the step behind its last. Where numbers are not finite
  // (kBadModel) or there is no memory, all that is learned is as it was before the step. REQUIRES: a plan with steps left, no
  // validation half made.
  Result<std::optional<TuningStep>> next();
  // A piece of reading what is only foretold; the mean loss of its tokens behind the last. REQUIRES: there are some, and no step
  // half made. Errors: as next().
  Result<std::optional<double>> validate();

  const TuningOptions& options() const { return options_; }
  // Done so far.
  int step() const { return step_; }
  // What was learned so far.
  const std::vector<Parameter>& parameters() const;

  // All that makes the steps that are left the same bits (tuning_checkpoint.md). REQUIRES: a plan.
  // Errors: kOutOfMemory.
  Result<std::vector<std::byte>> save() const;
  // Goes on from there. REQUIRES: a plan, no step made. Errors: kInvalidArgument (of another model, options or
  // documents: which, expected and found), kBadFile, kReadFailed, kOutOfMemory; all is as it was then.
  Status restore(const Source& file);

 private:
  using Subject = std::variant<TrainedState, Adapters, TrainedWeights>;

  Tuning(Model& model, TuningOptions options, Subject subject, Documents documents, Documents validation);
  std::vector<Parameter>& parameters();
  const Learned& learned() const;
  TrainedState* state() { return std::get_if<TrainedState>(&subject_); }
  uint64_t subject_bytes() const;
  std::string identity() const;
  uint64_t saved_bytes(uint64_t identity_bytes) const;
  Status require_working_room() const;
  void begin_step();
  Error give_up(const char* what);

  Model* model_;
  TuningOptions options_;
  Subject subject_;
  Documents documents_, validation_;
  std::string model_identity_;  // before it learned
  std::optional<Passes> passes_ = {}, validation_passes_ = {};
  std::optional<Walk> walk_ = {};
  std::optional<AdamW> optimizer_ = {};
  int step_ = 0;  // done
  // Of the step that is under way; no batch: there is none.
  std::vector<Excerpt> batch_ = {};
  std::optional<Pass> pass_ = {};  // the next, or the one that is read
  bool is_reading_ = false;        // a pass, of validation too
  bool is_clipped_ = false;        // no pass is left, and the gradients are ready for the optimizer
  uint64_t tokens_ = 0;            // that it learns
  double loss_ = 0;
  // Of the validation that is under way.
  std::vector<Excerpt> validated_ = {};  // in a pass
  std::optional<Pass> validation_pass_ = {};
  double validation_loss_ = 0;
};

}  // namespace rwkv
