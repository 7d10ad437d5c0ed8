#include "training/states.h"

#include <algorithm>

namespace rwkv {

Result<TrainedState> TrainedState::start(const Model& model) {
  const Config& c = model.config;
  constexpr uint64_t kCopies = 5;  // the state, values and gradients, and all of it as one list
  if (const Status room = require_room(kCopies * sizeof(float) * State::size(c), "a state that is learned");
      !room)
    return room.error();
  TrainedState made(model);
  const std::vector<float> all = made.state_.values();
  const auto size = ptrdiff_t(c.wkv_floats()), stride = ptrdiff_t(all.size()) / c.layers;
  for (int i = 0; i < c.layers; ++i) {
    const auto end = all.begin() + stride * (i + 1);
    const Shape shape =
        c.version == Version::k4 ? Shape{3, c.channels} : Shape{c.heads, c.head_size, c.head_size};
    made.parameters_.push_back({"blocks." + std::to_string(i) + ".att.time_state",
                                shape,
                                {end - size, end},
                                std::vector<float>(size_t(size))});
  }
  return made;
}

void TrainedState::add(const State& gradient) {
  const std::vector<float> all = gradient.values();
  const size_t stride = all.size() / parameters_.size();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    std::vector<float>& to = parameters_[i].gradient;
    const size_t first = stride * (i + 1) - to.size();
    for (size_t k = 0; k < to.size(); ++k) to[k] += all[first + k];
  }
}

void TrainedState::assign() {
  std::vector<float> all = state_.values();
  const size_t stride = all.size() / parameters_.size();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const std::vector<float>& values = parameters_[i].values;
    std::copy(values.begin(), values.end(), all.begin() + ptrdiff_t(stride * (i + 1) - values.size()));
  }
  state_.set_values(all);
}

}  // namespace rwkv
