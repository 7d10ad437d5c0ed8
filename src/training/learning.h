// The backward pass of the model: from texts to a loss and its gradients, through the same equations that
// forward() runs.
#pragma once

#include <optional>

#include "model/model.h"
#include "training/tape.h"

namespace rwkv {

// A text, or a part of one, and what is to be learned of it.
struct Lesson {
  const State* start;                // before the tokens
  State* gradient;                   // the loss's gradient to the state after the tokens (zeros where nothing
                                     // follows); afterwards to `start`
  std::span<const int32_t> tokens;   // (T), at least one, each in [0, V)
  std::span<const int32_t> targets;  // (T): what follows each
  std::span<const float> weights;    // (T): the loss is the sum of weight * -ln p(target); 0: not learned
  State* end = nullptr;              // where it is wanted: becomes the state after the tokens
};

// Memory for lessons of a model, asked for in one piece.
class Learning {
 public:
  // For at most so many rows (tokens of all lessons of a pass) and lessons. Layers are computed again on the way
  // back, so that what grows with rows is a layer's intermediates, and one row for each layer.
  // Model and `learned` must outlive it. Errors: kOutOfMemory, with all the bytes that it takes.
  static Result<Learning> start(const Model& model, const Learned& learned, int rows, int lessons);
  // All that start() asks for.
  static uint64_t bytes(const Model& model, const Learned& learned, int rows, int lessons);

  // The loss of the lessons; adds the gradients to those of what is learned, and writes the lessons'. Any way
  // of cutting texts into passes gives the same but for rounding, where the last part of a text comes first and
  // hands its gradient on. REQUIRES: no more than start() was told.
  double learn(std::span<const Lesson> lessons) { return pass(lessons, Goal::kGradients); }
  // The loss alone.
  double evaluate(std::span<const Lesson> lessons) { return pass(lessons, Goal::kLoss); }
  // The states after the lessons alone.
  void read(std::span<const Lesson> lessons) { pass(lessons, Goal::kStates); }

 private:
  Learning(const Model& model, const Learned& learned) : model_(&model), learned_(&learned) {}
  enum class Goal : uint8_t { kStates, kLoss, kGradients };
  double pass(std::span<const Lesson> lessons, Goal goal);
  double read_head(Tape& tape, Rows x, bool backwards);
  void embed_backward(std::span<const Lesson> lessons, Rows gradient);

  const Model* model_;
  const Learned* learned_;
  Buffer values_;
  Arena arena_;
  std::vector<State> states_, gradients_;  // of each lesson
  std::vector<int32_t> targets_;           // of all lessons
  std::vector<float> weights_;
};

}  // namespace rwkv
