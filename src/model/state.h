// All that a model remembers of a text: a small array of floats, the same size however long the text is.
#pragma once

#include <span>
#include <vector>

#include "model/config.h"

namespace rwkv {

// What state tuning trains: the recurrence's first state in each layer, (L) of (H, N, N) as
// [head][key][value], in version 4 (3, C): aa, bb, pp; empty: a fresh one.
using InitialState = std::vector<std::vector<float>>;

// For each layer: the previous token's normed input of the time mix (C) and of the channel mix (C), and the
// recurrence's state, as kernels.h keeps it.
class State {
 public:
  // A fresh state: zeros or `initial`, but for version 4's pp, a running maximum, which starts at -1e30.
  // REQUIRES: `initial` is empty or was made for `config`.
  explicit State(const Config& config, const InitialState& initial = {});
  // Fresh again, as State(config, initial) is.
  void reset(const InitialState& initial);

  float* time_shift(int layer) { return values_.data() + size_t(stride_) * layer; }
  float* channel_shift(int layer) { return time_shift(layer) + channels_; }
  float* wkv(int layer) { return time_shift(layer) + 2 * channels_; }

  static uint64_t size(const Config& config) {
    return (2 * uint64_t(config.channels) + uint64_t(config.wkv_floats())) * uint64_t(config.layers);
  }
  size_t size() const { return values_.size(); }
  // All of it, layer after layer, the recurrence's state as (3, C) aa, bb, pp in version 4, else (H, N, N) as
  // [head][key][value].
  std::vector<float> values() const;
  // REQUIRES: size() values in that order.
  void set_values(std::span<const float> values);

 private:
  // Calls f(plain, kept, count) for the runs of floats of a layer's recurrence: where they are in values(), and
  // in here.
  template <class F>
  void over_heads(F f) const;

  int channels_, head_size_, stride_;  // head_size_: 0 in version 4, which has no heads
  std::vector<float> values_;
};

}  // namespace rwkv
