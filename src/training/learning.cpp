#include "training/learning.h"

#include "model/run_model.h"

namespace rwkv {
namespace {

constexpr uint64_t kLogitBytes = 32 << 20;  // of logits at a time, at most
constexpr uint64_t kHeadWeights = uint64_t{1}
                                  << 27;  // times rows of the head at a time: a piece of a pass is short
constexpr uint64_t kLeastHeadRows = 128;  // unless weights would be unpacked for few rows
constexpr uint64_t kMostBytes = uint64_t{256} << 20;  // that all takes where products are kept
constexpr int kPieceCalls = 6;                        // walked back at a time, a sixth of a layer
constexpr uint64_t kRounding = 32 << 10;

// Rows of logits at a time, of so many.
int logit_rows(const Config& config, int rows) {
  const auto V = uint64_t(config.vocabulary);
  const uint64_t fit = std::min(kLogitBytes / (sizeof(float) * V),
                                std::max(kHeadWeights / (V * uint64_t(config.channels)), kLeastHeadRows));
  return int(std::clamp(fit, uint64_t{1}, uint64_t(rows)));
}

// What all takes.
struct Sizes {
  Kept kept = Kept::kNone;
  TapeBytes tape;  // of the layer that takes most
  uint64_t arena = 0, other = 0;

  uint64_t total() const { return 2 * tape.values + arena + other; }
};

Sizes sizes_with(Kept kept, const Model& model, const Learned& learned, int rows, int lessons) {
  const Config& c = model.config;
  const std::vector<Sequence> sequences(size_t(lessons), Sequence{nullptr, 0, rows, nullptr});
  const auto R = uint64_t(rows), C = uint64_t(c.channels), L = uint64_t(c.layers);
  TapeBytes most;
  for (int i = 0; i < c.layers; ++i) {
    Tape tape(learned, kept);
    const Rows x = tape.rows(rows, c.channels), v_first = tape.rows(rows, c.channels),
               embedding = tape.rows(rows, c.channels);
    tape.rows(rows, c.channels);
    run_layer(tape, model.layers[size_t(i)], {{}, {}, sequences, c, i, v_first, embedding}, x);
    const TapeBytes bytes = tape.bytes();
    most = {std::max(most.values, bytes.values), std::max(most.arena, bytes.arena),
            std::max(most.products, bytes.products)};
  }
  const uint64_t head =
      uint64_t(logit_rows(c, rows)) * (uint64_t(c.vocabulary) + C) + matmul_backward_floats(c.channels);
  const uint64_t states = (2 * uint64_t(lessons) + 1) * (sizeof(State) + State::size(c) * sizeof(float));
  return {
      kept, most,
      L * (sizeof(float) * R * C + most.products) + std::max(most.arena, sizeof(float) * head) + kRounding,
      states + R * 8 + 4 * uint64_t(lessons) * sizeof(Sequence)};
}

// With as many products as fit.
Sizes sizes_of(const Model& model, const Learned& learned, int rows, int lessons) {
  for (const Kept kept : {Kept::kAll, Kept::kNarrow})
    if (const Sizes sizes = sizes_with(kept, model, learned, rows, lessons); sizes.total() <= kMostBytes)
      return sizes;
  return sizes_with(Kept::kNone, model, learned, rows, lessons);
}

}  // namespace

uint64_t Learning::bytes(const Model& model, const Learned& learned, int rows, int lessons) {
  return sizes_of(model, learned, rows, lessons).total();
}

Result<Learning> Learning::start(const Model& model, const Learned& learned, int rows, int lessons) {
  const uint64_t listed = uint64_t(lessons) * sizeof(Sequence);
  if (const Status room = require_room(listed, "learning"); !room) return room.error();
  const Sizes sizes = sizes_of(model, learned, rows, lessons);
  if (const Status room = require_room(sizes.total(), "learning"); !room) return room.error();
  Learning made(model, learned);
  made.kept_ = sizes.kept, made.layer_products_ = sizes.tape.products / sizeof(float);
  made.values_ = Buffer(size_t(2 * sizes.tape.values));
  if (!made.values_) return no_room(sizes.total(), "learning");
  if (!made.arena_.reserve(sizes.arena, "learning")) return no_room(sizes.total(), "learning");
  made.states_.assign(size_t(lessons), State(model.config));
  made.gradients_.assign(size_t(lessons), State(model.config));
  made.sequences_.reserve(size_t(lessons));
  made.targets_.reserve(size_t(rows));
  made.weights_.reserve(size_t(rows));
  return made;
}

double Learning::pass(std::span<const Lesson> lessons, Goal goal) {
  begin(lessons, goal);
  while (!advance()) continue;
  return loss_;
}

void Learning::begin(std::span<const Lesson> lessons, Goal goal) {
  lessons_ = lessons, goal_ = goal, stage_ = Stage::kForward, at_ = 0, loss_ = 0;
  sequences_.clear(), targets_.clear(), weights_.clear();
  int R = 0;
  for (size_t i = 0; i < lessons.size(); ++i) {
    const Lesson& lesson = lessons[i];
    sequences_.push_back({&states_[i], R, int(lesson.tokens.size()), lesson.tokens.data()});
    R += int(lesson.tokens.size());
    targets_.insert(targets_.end(), lesson.targets.begin(), lesson.targets.end());
    weights_.insert(weights_.end(), lesson.weights.begin(), lesson.weights.end());
    if (backwards()) gradients_[i] = *lesson.gradient;
  }
  restart();
  mark_ = {}, walked_.reset();
  Tape tape = this->tape();
  tape.record(backwards());
  const int C = model_->config.channels;
  stream_ = {tape.rows(R, C), tape.rows(R, C), tape.rows(R, C), tape.rows(R, C)};
  if (backwards()) {
    inputs_ = arena_.floats(size_t(model_->config.layers) * stream_.x.size());
    products_ = arena_.floats(size_t(model_->config.layers) * size_t(layer_products_));
  }
  mark_ = tape.mark();
  Calls calls(arena_);
  embed(calls, *model_, sequences_, stream_.embedding);
  copy(stream_.embedding, stream_.x);
}

// One behind the rows of the pass.
Tape Learning::tape() {
  return {*learned_, {values_.as<float>(), values_.bytes() / sizeof(float)}, gradients_, arena_, mark_};
}

void Learning::restart() {
  for (size_t i = 0; i < lessons_.size(); ++i) states_[i] = *lessons_[i].start;
}

void Learning::run_layer(Tape& tape) {
  if (backwards()) tape.keep_products(kept_, products_ + size_t(at_) * size_t(layer_products_));
  rwkv::run_layer(tape, model_->layers[size_t(at_)],
                  {{}, {}, sequences_, model_->config, at_, stream_.v_first, stream_.embedding}, stream_.x);
}

bool Learning::advance() {
  const int layers = model_->config.layers;
  switch (stage_) {
    case Stage::kForward: {
      Tape tape = this->tape();
      tape.record(false);
      if (backwards()) copy(stream_.x, input(at_));
      run_layer(tape);
      if (++at_ < layers) break;
      for (size_t i = 0; i < lessons_.size(); ++i)
        if (lessons_[i].end) *lessons_[i].end = states_[i];
      if (goal_ == Goal::kStates) return true;
      stage_ = Stage::kHead, at_ = 0;
      layer_norm(stream_.x, model_->ln_out, kNormEps, stream_.h);
      break;
    }
    case Stage::kHead:
      read_head();
      if (!backwards() || !head_.logits.data) return leave_head();
      stage_ = Stage::kHeadBackward;
      break;
    case Stage::kHeadBackward:
      walk_head_back();
      return leave_head();
    case Stage::kBackward: {
      if (!walked_) {
        walked_.reset(new Tape(this->tape()));
        copy(input(at_), stream_.x);
        run_layer(*walked_);
        break;
      }
      if (walked_->walk_back(kPieceCalls)) break;
      walked_.reset();
      if (at_-- > 0) break;
      const Tape tape = this->tape();
      add(tape.gradient(stream_.x), tape.gradient(stream_.embedding));
      embed_backward(tape.gradient(stream_.embedding));
      for (size_t i = 0; i < lessons_.size(); ++i) *lessons_[i].gradient = gradients_[i];
      return true;
    }
  }
  return false;
}

// Some rows of the last layer's normed output: their loss, and its gradient to the logits. No logits: nothing of them is learned.
void Learning::read_head() {
  const Tape tape = this->tape();
  const int first = at_,
            count = std::min(logit_rows(model_->config, stream_.h.count), stream_.h.count - first);
  const auto weights = std::span(weights_).subspan(size_t(first), size_t(count));
  const auto targets = std::span(targets_).subspan(size_t(first), size_t(count));
  at_ += count, head_ = {};
  if (std::count(weights.begin(), weights.end(), 0.0f) == count) return;
  const Rows h{stream_.h.row(first), count, stream_.h.width};
  head_ = {h, tape.gradient(h), arena_.rows(count, model_->config.vocabulary)};
  matmul(model_->head, h, head_.logits, arena_);
  loss_ += cross_entropy(head_.logits, targets, weights);
}

void Learning::walk_head_back() {
  const auto& [h, gradient, logits] = head_;
  const Learned::Place head = learned_->place(&model_->head);
  matmul_backward(model_->head, logits, gradient, arena_);
  matmul_weight_backward(logits, h, head.transposed, head.data, arena_);
}

// For other rows, or behind the last for the layers' way back; whether the pass is over.
bool Learning::leave_head() {
  stage_ = Stage::kHead;
  if (at_ < stream_.x.count) return false;
  if (!backwards()) return true;
  const Tape tape = this->tape();
  norm_backward(stream_.x, 1, model_->ln_out, kNormEps, tape.gradient(stream_.h), tape.gradient(stream_.x),
                learned_->gradient(model_->ln_out.weight), learned_->gradient(model_->ln_out.bias));
  restart();
  stage_ = Stage::kBackward, at_ = model_->config.layers - 1;
  return false;
}

// To the embedding, from the gradient to ln0(emb[token]).
void Learning::embed_backward(Rows gradient) {
  float* const table = learned_->place(&model_->embedding).data;
  float *const weight = learned_->gradient(model_->ln0.weight), *const bias =
                                                                    learned_->gradient(model_->ln0.bias);
  if (!table && !weight && !bias) return;
  const ArenaScope scope(arena_);
  const Rows raw = arena_.rows(1, gradient.width), draw = arena_.rows(1, gradient.width);
  int row = 0;
  for (const Lesson& lesson : lessons_)
    for (const int32_t token : lesson.tokens) {
      model_->embedding.row(token, {raw.data, raw.size()});
      std::fill_n(draw.data, draw.size(), 0.0f);
      norm_backward(raw, 1, model_->ln0, kNormEps, {gradient.row(row++), 1, gradient.width}, draw, weight,
                    bias);
      if (table) add(draw, {table + size_t(token) * size_t(raw.width), 1, raw.width});
    }
}

}  // namespace rwkv
