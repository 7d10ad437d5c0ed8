#include "training/tuning.h"

#include <cmath>

#include "room.h"
#include "training/identity.h"

namespace rwkv {
namespace {

// Of a pass. More rows make its pieces, between which others have their turn, longer; fewer are slow: quantised weights are
// unpacked once a pass, and parts of a text are read once more.
constexpr int kLeastRows = 32, kMostRows = 512;
constexpr uint64_t kPassBytes = uint64_t{272} << 20;  // unless the least rows take more
constexpr double kMostRate = 1e30;                    // far from where steps overflow
// For the states of a pass's texts.
constexpr uint64_t kStateBytes = 32 << 20;

Error refuse(const char* option, const char* expected, int64_t found) {
  return {ErrorKind::kInvalidArgument,
          std::string(option) + ": expected " + expected + ", found " + std::to_string(found)};
}

Status check(const TuningOptions& o) {
  constexpr int64_t kMost = 1 << 30;
  if ((o.steps > 0) == (o.epochs > 0)) return refuse("steps", "either steps or epochs", o.steps);
  if (o.steps > kMost) return refuse("steps", "at most 2^30", o.steps);
  if (o.epochs > kMost) return refuse("epochs", "at most 2^30", o.epochs);
  if (o.context < 1 || o.context > 1 << 20) return refuse("contextLength", "1 to 2^20", o.context);
  if (o.batch < 1 || o.batch > 1 << 20) return refuse("batch", "1 to 2^20", o.batch);
  if (!(o.rate.rate > 0 && o.rate.rate <= kMostRate))
    return Error{ErrorKind::kInvalidArgument, "learningRate: expected above 0, up to " +
                                                  text_of(float(kMostRate)) + ", found " +
                                                  text_of(float(o.rate.rate))};
  if (o.rate.warmup < 0) return refuse("warmup", "at least 0", o.rate.warmup);
  return Done{};
}

WalkSize size_of(const Model& model, const Learned& learned, const TuningOptions& options, int longest) {
  // A text's state, its gradient, and as many again of learning's own.
  const uint64_t bytes = 4 * sizeof(float) * State::size(model.config);
  const auto with_rows = [&](int fit) {
    const int rows = int(std::min(int64_t(fit), int64_t(longest) * options.batch));
    const auto most = uint64_t(std::min(options.batch, rows));
    return WalkSize{rows, int(std::clamp(kStateBytes / bytes, uint64_t{1}, most)),
                    (longest + rows - 1) / rows};
  };
  int rows = kMostRows;
  while (rows > kLeastRows && Walk::bytes(model, learned, with_rows(rows)) > kPassBytes) rows /= 2;
  return with_rows(rows);
}

}  // namespace

Result<Tuning> Tuning::start(Model& model, TuningOptions options, const Checkpoint* file) {
  if (const Status checked = check(options); !checked) return checked.error();
  auto documents = Documents::start(options.context, model.config.vocabulary),
       validation = Documents::start(options.context, model.config.vocabulary);
  if (!documents || !validation) return documents.error();
  const auto made = [&](auto subject) -> Result<Tuning> {
    if (!subject) return subject.error();
    return Tuning(model, std::move(options), Subject(std::move(*subject)), std::move(*documents),
                  std::move(*validation));
  };
  switch (options.method) {
    case Method::kState:
      return made(TrainedState::start(model));
    case Method::kLora:
      options.adapters.seed = options.seed;
      return made(Adapters::start(model, options.adapters));
    case Method::kFull:
      assert(file);
      return made(TrainedWeights::start(*file, model));
  }
  return Error{ErrorKind::kUnsupported, "no such method"};
}

Tuning::Tuning(Model& model, TuningOptions options, Subject subject, Documents documents,
               Documents validation)
    : model_(&model),
      options_(std::move(options)),
      subject_(std::move(subject)),
      documents_(std::move(documents)),
      validation_(std::move(validation)),
      model_identity_(identity_of(model)) {}

std::vector<Parameter>& Tuning::parameters() {
  return std::visit(
      [](auto& subject) -> auto& { return subject.parameters(); }, subject_);
}
const std::vector<Parameter>& Tuning::parameters() const { return const_cast<Tuning*>(this)->parameters(); }
const Learned& Tuning::learned() const {
  return std::visit(
      [](const auto& subject) -> auto& { return subject.learned(); }, subject_);
}

Status Tuning::add(std::span<const int32_t> tokens, std::span<const uint8_t> learned, bool is_validation) {
  assert(!walk_);
  return (is_validation ? validation_ : documents_).add(tokens, learned);
}

// Of parameters, their gradients, and their copies for the kernels.
uint64_t Tuning::subject_bytes() const {
  if (options_.method == Method::kFull) return TrainedWeights::bytes(*model_);
  uint64_t floats = 0;
  for (const Parameter& parameter : parameters()) floats += parameter.values.size();
  return 3 * sizeof(float) * floats;
}

Result<TuningPlan> Tuning::plan() {
  assert(!walk_);
  if (documents_.count() == 0)
    return Error{ErrorKind::kInvalidArgument,
                 "nothing to learn: no document has a token that is to be learned behind its first"};
  const auto batch = uint64_t(options_.batch);
  const uint64_t excerpts = documents_.count();
  const uint64_t steps = options_.steps > 0 ? uint64_t(options_.steps)
                                            : (uint64_t(options_.epochs) * excerpts + batch - 1) / batch;
  if (steps > INT32_MAX) return refuse("epochs", "at most 2^31 - 1 steps in all", int64_t(options_.epochs));
  options_.rate.steps = int(steps);

  const WalkSize size =
      size_of(*model_, learned(), options_, std::max(documents_.longest(), validation_.longest()));
  const uint64_t lists = (batch + uint64_t(size.texts)) * sizeof(Excerpt),
                 orders = (excerpts + validation_.count()) * sizeof(uint32_t),
                 walk = Walk::bytes(*model_, learned(), size), moments = AdamW::bytes(parameters());
  if (const Status room = require_room(walk + moments + lists + orders, "learning"); !room)
    return room.error();
  auto optimizer = AdamW::start(parameters(), options_.optimizer);
  if (!optimizer) return optimizer.error();
  auto walking = Walk::start(*model_, learned(), size);
  if (!walking) return walking.error();
  if (const Status room = require_room(lists + orders, "learning"); !room) return room.error();
  batch_.reserve(size_t(batch));
  validated_.reserve(size_t(size.texts));
  documents_.excerpt(options_.seed, 0, 0);
  if (validation_.count() > 0) validation_.excerpt(options_.seed, 0, 0);
  optimizer_ = std::move(*optimizer);
  walk_.emplace(std::move(*walking));
  passes_.emplace(size.rows, size.texts, true);
  validation_passes_.emplace(size.rows, size.texts, false);
  return TuningPlan{int(steps),
                    0,
                    documents_.learned_tokens(),
                    validation_.learned_tokens(),
                    excerpts,
                    walk + moments + lists + subject_bytes() + documents_.bytes() + validation_.bytes()};
}

// What a pass takes beside the memory that is there: copies of a state, and of a group of rows that are packed.
Status Tuning::require_working_room() const {
  constexpr uint64_t kCopies = 3;
  const auto width = uint64_t(std::max(model_->config.channels, model_->config.hidden));
  return require_room(kCopies * sizeof(float) * State::size(model_->config) + kGroup * sizeof(float) * width,
                      "a step of learning");
}

void Tuning::begin_step() {
  batch_.clear();
  tokens_ = 0, loss_ = 0, is_reading_ = false, is_clipped_ = false;
  const uint64_t count = documents_.count(), first = uint64_t(step_) * uint64_t(options_.batch);
  for (uint64_t i = first; i < first + uint64_t(options_.batch); ++i) {
    const Excerpt excerpt = documents_.excerpt(options_.seed, i / count, size_t(i % count));
    batch_.push_back(excerpt);
    tokens_ += excerpt.learned.size() - size_t(std::count(excerpt.learned.begin(), excerpt.learned.end(), 0));
  }
}

Error Tuning::give_up(const char* what) {
  std::visit([](auto& subject) { subject.collect(); }, subject_);
  for (Parameter& parameter : parameters())
    std::fill(parameter.gradient.begin(), parameter.gradient.end(), 0.0f);
  batch_.clear();
  return {ErrorKind::kBadModel,
          "step " + std::to_string(step_ + 1) + ": the " + what + " is not finite, at the learning rate " +
              text_of(float(learning_rate(options_.rate, step_))) + "; what was learned before it stays"};
}

Result<std::optional<TuningStep>> Tuning::next() {
  assert(walk_ && step_ < options_.rate.steps);
  if (const Status room = require_working_room(); !room) return room.error();
  const auto length_of = [&](size_t i) { return int(batch_[i].learned.size()); };
  if (batch_.empty()) {
    begin_step();
    pass_ = passes_->next({}, batch_.size(), length_of);
  }
  if (pass_) {
    if (!is_reading_) {
      const auto texts = std::span(batch_).subspan(pass_->first, pass_->count);
      walk_->begin(*pass_, texts, 1 / float(tokens_), state(), true);
    }
    const auto loss = walk_->advance();
    is_reading_ = !loss;
    if (!loss) return std::optional<TuningStep>();
    loss_ += *loss;
    if (!std::isfinite(loss_)) return give_up("loss");
    pass_ = passes_->next(pass_, batch_.size(), length_of);
    return std::optional<TuningStep>();
  }

  if (!is_clipped_) {
    std::visit([](auto& subject) { subject.collect(); }, subject_);
    if (!std::isfinite(clip_gradients(parameters(), options_.gradient_clip))) return give_up("gradient");
    is_clipped_ = true;
    return std::optional<TuningStep>();
  }
  const double rate = learning_rate(options_.rate, step_);
  optimizer_->step(parameters(), float(rate));
  std::visit([](auto& subject) { subject.assign(); }, subject_);
  ++step_;
  batch_.clear();
  return std::optional(TuningStep{step_, options_.rate.steps, loss_, tokens_, rate});
}

Result<std::optional<double>> Tuning::validate() {
  assert(walk_ && validation_.count() > 0);
  if (const Status room = require_working_room(); !room) return room.error();
  const auto excerpt = [&](size_t i) { return validation_.excerpt(options_.seed, 0, i); };
  const auto next = [&](const std::optional<Pass>& pass) {
    return validation_passes_->next(pass, validation_.count(),
                                    [&](size_t i) { return int(excerpt(i).learned.size()); });
  };
  if (!validation_pass_) validation_pass_ = next({}), validation_loss_ = 0, is_reading_ = false;
  if (!is_reading_) {
    validated_.clear();
    for (size_t i = 0; i < validation_pass_->count; ++i)
      validated_.push_back(excerpt(validation_pass_->first + i));
    walk_->begin(*validation_pass_, validated_, 1 / float(validation_.learned_tokens()), state(), false);
  }
  const auto loss = walk_->advance();
  is_reading_ = !loss;
  if (!loss) return std::optional<double>();
  validation_loss_ += *loss;
  validation_pass_ = next(validation_pass_);
  if (validation_pass_) return std::optional<double>();
  if (std::isfinite(validation_loss_)) return std::optional(validation_loss_);
  return Error{ErrorKind::kBadModel,
               "after step " + std::to_string(step_) + ": the validation loss is not finite"};
}

}  // namespace rwkv
