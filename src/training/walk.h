// Excerpts read and learned from pass by pass, with all the memory that it takes.
#pragma once

#include "training/documents.h"
#include "training/learning.h"
#include "training/passes.h"
#include "training/states.h"

namespace rwkv {

// Of one pass, at most; and parts of the longest text.
struct WalkSize {
  int rows = 1, texts = 1, parts = 1;
};

class Walk {
 public:
  // Model and `learned` must outlive it and stay where they are. Errors: kOutOfMemory.
  static Result<Walk> start(const Model& model, const Learned& learned, const WalkSize& size);
  // All that start() asks for.
  static uint64_t bytes(const Model& model, const Learned& learned, const WalkSize& size);

  // Begins a pass of Passes over its texts, in their order: for the loss and, where it `learns`, the gradients, which are
  // added to those of what is learned. Texts start from `state`, which learns too, or (nullptr) from the model's own. Each learned token
  // has the weight `weight`. REQUIRES: texts and state stay where they are until it is over.
  void begin(const Pass& pass, std::span<const Excerpt> texts, float weight, TrainedState* state,
             bool learns);
  // A piece of it, short enough for others to wait for; the loss behind the last.
  std::optional<double> advance();

 private:
  Walk(const Model& model, Learning learning, const WalkSize& size);
  void fill(const Pass& pass, std::span<const Excerpt> texts, float weight, const TrainedState* state);

  Learning learning_;
  TrainedState* state_ = nullptr;  // that learns of the pass
  State fresh_, zeros_;            // of the model; a gradient
  std::vector<State> between_;     // before each part of a long text but the first
  std::vector<State> gradients_;
  std::vector<Lesson> lessons_;
  std::vector<float> weights_;  // of all lessons
};

}  // namespace rwkv
