// State tuning: the state that texts start from is learned, the weights stay as they are.
#pragma once

#include <memory>

#include "model/model.h"
#include "model/state.h"
#include "training/learned.h"
#include "training/parameter.h"

namespace rwkv {

class TrainedState {
 public:
  // From the model's initial state, or the fresh one. Errors: kOutOfMemory.
  static Result<TrainedState> start(const Model& model);

  // Nothing of the model.
  const Learned& learned() const { return *learned_; }
  // What lessons start from.
  const State& state() const { return state_; }
  // "blocks.N.att.time_state", (H, N, N) as [head][key][value]; version 4: (3, C): aa, bb, pp.
  std::vector<Parameter>& parameters() { return parameters_; }
  // Adds the gradient of a lesson to its start.
  void add(const State& gradient);
  void collect() {}
  // The values become the state's.
  void assign();

 private:
  explicit TrainedState(const Model& model) : state_(model.config, model.initial_state) {}

  State state_;
  std::vector<Parameter> parameters_;
  std::unique_ptr<const Learned> learned_ = std::make_unique<Learned>();
};

}  // namespace rwkv
