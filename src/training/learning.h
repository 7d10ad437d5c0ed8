// The backward pass of the model: from texts to a loss and its gradients, through the same equations that
// forward() runs.
#pragma once

#include <memory>
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
  // back, so that what grows with rows is a layer's intermediates, one row for each layer, and, of products with weights, as many
  // as fit into some 100 MB.
  // Model and `learned` must outlive it. Errors: kOutOfMemory, with all the bytes that it takes.
  static Result<Learning> start(const Model& model, const Learned& learned, int rows, int lessons);
  // All that start() asks for.
  static uint64_t bytes(const Model& model, const Learned& learned, int rows, int lessons);

  // A pass over lessons: for the states behind them alone; their loss too; the gradients too, which are added to those of what is
  // learned, and the lessons' written.
  enum class Goal : uint8_t { kStates, kLoss, kGradients };
  // Begins one; of one that was not over nothing is left but what it added to gradients. REQUIRES: no more than start() was
  // told; lessons stay where they are until it is over.
  void begin(std::span<const Lesson> lessons, Goal goal);
  // A piece of it: a layer, some calls of one walked back, some rows of the head or the way back of them. Whether it is over.
  bool advance();
  // Of the pass that is over: the loss.
  double loss() const { return loss_; }

  // A whole pass with gradients. Any way of cutting texts into passes gives the same but for rounding, where the last part of a
  // text comes first and hands its gradient on.
  double learn(std::span<const Lesson> lessons) { return pass(lessons, Goal::kGradients); }
  double evaluate(std::span<const Lesson> lessons) { return pass(lessons, Goal::kLoss); }

 private:
  enum class Stage : uint8_t { kForward, kHead, kHeadBackward, kBackward };
  // The rows that a pass keeps until its end.
  struct Stream {
    Rows x, v_first, embedding, h;  // (R, C); h: what the head gets
  };
  // Some rows that the head reads, the gradient to them, and what it gives, which becomes its own gradient.
  struct Head {
    Rows h, gradient, logits;
  };

  Learning(const Model& model, const Learned& learned) : model_(&model), learned_(&learned) {}
  double pass(std::span<const Lesson> lessons, Goal goal);
  Tape tape();
  void run_layer(Tape& tape);
  void restart();
  void read_head();
  void walk_head_back();
  bool leave_head();
  void embed_backward(Rows gradient);
  bool backwards() const { return goal_ == Goal::kGradients; }
  Rows input(int layer) const {
    return {inputs_ + size_t(layer) * stream_.x.size(), stream_.x.count, stream_.x.width};
  }

  const Model* model_;
  const Learned* learned_;
  Kept kept_ = Kept::kNone;
  uint64_t layer_products_ = 0;  // floats that are kept of a layer
  Buffer values_;
  Arena arena_;
  std::vector<State> states_, gradients_;  // of each lesson
  // Of the pass that is under way.
  std::span<const Lesson> lessons_ = {};
  std::vector<Sequence> sequences_;
  std::vector<int32_t> targets_;  // of all lessons
  std::vector<float> weights_;
  Goal goal_ = Goal::kStates;
  Stage stage_ = Stage::kForward;
  int at_ = 0;  // a layer, or a row of the head
  double loss_ = 0;
  Stream stream_ = {};
  Head head_ = {};
  float *inputs_ = nullptr, *products_ = nullptr;  // of all layers
  Tape::Mark mark_ = {};                           // behind them
  std::unique_ptr<Tape> walked_ = nullptr;         // of the layer that is walked back
};

}  // namespace rwkv
