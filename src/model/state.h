// All that a model remembers of a text: a small array of floats, the same size however long the text is.
#pragma once

#include <span>
#include <vector>

#include "model/config.h"
#include "model/state_floats.h"

namespace rwkv {

// Where the parts of a state lie, in floats from its beginning. For each layer: the previous token's normed
// input of the time mix (C) and of the channel mix (C), and the recurrence's state, as kernels.h keeps it.
class StateLayout {
 public:
  explicit StateLayout(const Config& config)
      : channels_(size_t(config.channels)),
        stride_(2 * channels_ + size_t(config.wkv_floats())),
        size_(stride_ * size_t(config.layers)) {}

  size_t time_shift(int layer) const { return stride_ * size_t(layer); }
  size_t channel_shift(int layer) const { return time_shift(layer) + channels_; }
  size_t wkv(int layer) const { return time_shift(layer) + 2 * channels_; }
  size_t size() const { return size_; }

 private:
  size_t channels_, stride_, size_;
};

// The floats of that layout.
class State {
 public:
  // A fresh state: zeros or `initial`, but for version 4's pp, a running maximum, which starts at -1e30.
  // REQUIRES: `initial` is empty or was made for `config`.
  explicit State(const Config& config, const InitialState& initial = {});
  // Fresh again, as State(config, initial) is.
  void reset(const InitialState& initial);

  float* data() { return values_.write().data(); }
  float* wkv(int layer) { return data() + layout_.wkv(layer); }

  static uint64_t size(const Config& config) { return StateLayout(config).size(); }
  size_t size() const { return values_.size(); }
  // Where it is kept. Not here: on a device alone, where values() is not to be asked.
  StateFloats& floats() { return values_; }
  bool is_here() const { return values_.is_here(); }
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

  StateLayout layout_;
  int channels_, layers_, head_size_;  // head_size_: 0 in version 4, which has no heads
  StateFloats values_;
};

}  // namespace rwkv
