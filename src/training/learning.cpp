#include "training/learning.h"

#include "model/run_model.h"

namespace rwkv {
namespace {

constexpr uint64_t kLogitBytes = 16 << 20;  // of logits at a time

// Rows of logits at a time, of so many.
int logit_rows(const Config& config, int rows) {
  const uint64_t fit = kLogitBytes / (sizeof(float) * uint64_t(config.vocabulary));
  return int(std::clamp(fit, uint64_t{1}, uint64_t(rows)));
}

// The rows that a pass keeps until its end.
struct Stream {
  Rows x, v_first, embedding;  // (R, C)

  Stream(Tape& tape, int R, int C)
      : x(tape.rows(R, C)), v_first(tape.rows(R, C)), embedding(tape.rows(R, C)) {}
};

// What a tape takes for the layer that takes most.
TapeBytes tape_bytes(const Model& model, const Learned& learned, std::span<const Sequence> sequences,
                     int rows) {
  TapeBytes most;
  for (int i = 0; i < model.config.layers; ++i) {
    Tape tape(learned);
    const Stream stream(tape, rows, model.config.channels);
    run_layer(tape, model.layers[size_t(i)],
              {{}, {}, sequences, model.config, i, stream.v_first, stream.embedding}, stream.x);
    most = {std::max(most.values, tape.bytes().values), std::max(most.arena, tape.bytes().arena)};
  }
  return most;
}

// What a pass takes of the arena beside a layer: its inputs, and the head.
uint64_t arena_bytes(const Model& model, int rows) {
  const Config& c = model.config;
  const auto R = uint64_t(rows), C = uint64_t(c.channels), L = uint64_t(c.layers);
  const uint64_t head =
      uint64_t(logit_rows(c, rows)) * (uint64_t(c.vocabulary) + C) + (kPanelGroups * kGroup + 4 * R) * C;
  constexpr uint64_t kRounding = 16 << 10;
  return sizeof(float) * (R * C * L + head) + kRounding;
}

}  // namespace

uint64_t Learning::bytes(const Model& model, const Learned& learned, int rows, int lessons) {
  const std::vector<Sequence> sequences(size_t(lessons), Sequence{nullptr, 0, rows, nullptr});
  const TapeBytes tape = tape_bytes(model, learned, sequences, rows);
  const uint64_t states =
      (2 * uint64_t(lessons) + 1) * (sizeof(State) + State::size(model.config) * sizeof(float));
  return 2 * tape.values + tape.arena + arena_bytes(model, rows) + states + uint64_t(rows) * 8 +
         3 * uint64_t(lessons) * sizeof(Sequence);
}

Result<Learning> Learning::start(const Model& model, const Learned& learned, int rows, int lessons) {
  const uint64_t listed = uint64_t(lessons) * sizeof(Sequence);
  if (const Status room = require_room(listed, "learning"); !room) return room.error();
  const uint64_t total = bytes(model, learned, rows, lessons);
  if (const Status room = require_room(total, "learning"); !room) return room.error();
  Learning made(model, learned);
  const std::vector<Sequence> sequences(size_t(lessons), Sequence{nullptr, 0, rows, nullptr});
  const TapeBytes tape = tape_bytes(model, learned, sequences, rows);
  made.values_ = Buffer(size_t(2 * tape.values));
  if (!made.values_) return no_room(total, "learning");
  if (!made.arena_.reserve(tape.arena + arena_bytes(model, rows), "learning"))
    return no_room(total, "learning");
  made.states_.assign(size_t(lessons), State(model.config));
  made.gradients_.assign(size_t(lessons), State(model.config));
  made.targets_.reserve(size_t(rows));
  made.weights_.reserve(size_t(rows));
  return made;
}

double Learning::pass(std::span<const Lesson> lessons, Goal goal) {
  const bool backwards = goal == Goal::kGradients;
  const ArenaScope scope(arena_);
  const Config& c = model_->config;
  std::vector<Sequence> sequences;
  targets_.clear(), weights_.clear();
  int R = 0;
  for (size_t i = 0; i < lessons.size(); ++i) {
    const Lesson& lesson = lessons[i];
    sequences.push_back({&states_[i], R, int(lesson.tokens.size()), lesson.tokens.data()});
    R += int(lesson.tokens.size());
    targets_.insert(targets_.end(), lesson.targets.begin(), lesson.targets.end());
    weights_.insert(weights_.end(), lesson.weights.begin(), lesson.weights.end());
    if (backwards) gradients_[i] = *lesson.gradient;
  }
  const auto restart = [&] {
    for (size_t i = 0; i < lessons.size(); ++i) states_[i] = *lessons[i].start;
  };

  Tape tape(*learned_, {values_.as<float>(), values_.bytes() / sizeof(float)}, gradients_, arena_);
  tape.record(backwards);
  const Stream stream(tape, R, c.channels);
  const auto run = [&](int i) {
    run_layer(tape, model_->layers[size_t(i)], {{}, {}, sequences, c, i, stream.v_first, stream.embedding},
              stream.x);
  };
  Calls calls(arena_);
  embed(calls, *model_, sequences, stream.embedding);
  copy(stream.embedding, stream.x);
  float* const inputs = backwards ? arena_.floats(size_t(c.layers) * stream.x.size()) : nullptr;
  const auto input = [&](int i) { return Rows{inputs + size_t(i) * stream.x.size(), R, c.channels}; };
  const Tape::Mark mark = tape.mark();
  tape.record(false);
  restart();
  for (int i = 0; i < c.layers; ++i) {
    if (backwards) copy(stream.x, input(i));
    run(i);
    tape.rewind(mark);
  }
  for (size_t i = 0; i < lessons.size(); ++i)
    if (lessons[i].end) *lessons[i].end = states_[i];
  if (goal == Goal::kStates) return 0;
  tape.record(backwards);
  const double loss = read_head(tape, stream.x, backwards);
  tape.rewind(mark);
  if (!backwards) return loss;

  restart();
  for (int i = c.layers - 1; i >= 0; --i) {
    copy(input(i), stream.x);
    run(i);
    tape.walk_back();
    tape.rewind(mark);
  }
  add(tape.gradient(stream.x), tape.gradient(stream.embedding));
  embed_backward(lessons, tape.gradient(stream.embedding));
  for (size_t i = 0; i < lessons.size(); ++i) *lessons[i].gradient = gradients_[i];
  return loss;
}

// The loss of x, the last layer's output; its gradient goes to x.
double Learning::read_head(Tape& tape, Rows x, bool backwards) {
  const Rows h = tape.rows(x.count, x.width);
  tape.layer_norm(x, model_->ln_out, kNormEps, h);
  const Learned::Place head = learned_->place(&model_->head);
  double loss = 0;
  const int most = logit_rows(model_->config, x.count);
  for (int first = 0; first < x.count; first += most) {
    const ArenaScope scope(arena_);
    const int count = std::min(most, x.count - first);
    const auto weights = std::span(weights_).subspan(size_t(first), size_t(count));
    if (std::count(weights.begin(), weights.end(), 0.0f) == count) continue;
    const Rows part{h.row(first), count, h.width}, logits = arena_.rows(count, model_->config.vocabulary);
    matmul(model_->head, part, logits, arena_);
    loss += cross_entropy(logits, std::span(targets_).subspan(size_t(first), size_t(count)), weights);
    if (!backwards) continue;
    matmul_backward(model_->head, logits, tape.gradient(part), arena_);
    matmul_weight_backward(logits, part, head.transposed, head.data);
  }
  tape.walk_back();
  return loss;
}

// To the embedding, from the gradient to ln0(emb[token]).
void Learning::embed_backward(std::span<const Lesson> lessons, Rows gradient) {
  float* const table = learned_->place(&model_->embedding).data;
  float *const weight = learned_->gradient(model_->ln0.weight), *const bias =
                                                                    learned_->gradient(model_->ln0.bias);
  if (!table && !weight && !bias) return;
  const ArenaScope scope(arena_);
  const Rows raw = arena_.rows(1, gradient.width), draw = arena_.rows(1, gradient.width);
  int row = 0;
  for (const Lesson& lesson : lessons)
    for (const int32_t token : lesson.tokens) {
      model_->embedding.row(token, {raw.data, raw.size()});
      std::fill_n(draw.data, draw.size(), 0.0f);
      norm_backward(raw, 1, model_->ln0, kNormEps, {gradient.row(row++), 1, gradient.width}, draw, weight,
                    bias);
      if (table) add(draw, {table + size_t(token) * size_t(raw.width), 1, raw.width});
    }
}

}  // namespace rwkv
