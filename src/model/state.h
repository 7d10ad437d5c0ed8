// All that a model remembers of a text: a small array of floats, the same size however long the text is.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "model/config.h"

namespace rwkv {

// What state tuning trains: the recurrence's first state in each layer, (L) of (H, N, N) as
// [head][key][value]; empty: zeros.
using InitialState = std::vector<std::vector<float>>;

// For each layer: the previous token's normed input of the time mix (C) and of the channel mix (C), and the
// recurrence's state: (3, C) aa, bb, pp in version 4, else (H, N, N) as [head][key][value].
class State {
 public:
  // A fresh state: zeros or `initial`, but for version 4's pp, a running maximum, which starts at -1e30.
  // REQUIRES: `initial` is empty or was made for `config`.
  explicit State(const Config& config, const InitialState& initial = {})
      : channels_(config.channels),
        stride_(2 * config.channels + config.wkv_floats()),
        values_(size_t(stride_) * config.layers) {
    if (config.version == Version::k4)
      for (int layer = 0; layer < config.layers; ++layer)
        std::fill_n(wkv(layer) + 2 * channels_, channels_, -1e30f);
    for (size_t layer = 0; layer < initial.size(); ++layer)
      std::copy(initial[layer].begin(), initial[layer].end(), wkv(int(layer)));
  }

  float* time_shift(int layer) { return values_.data() + size_t(stride_) * layer; }
  float* channel_shift(int layer) { return time_shift(layer) + channels_; }
  float* wkv(int layer) { return time_shift(layer) + 2 * channels_; }
  // All of it, layer after layer.
  std::span<float> values() { return values_; }
  std::span<const float> values() const { return values_; }

 private:
  int channels_, stride_;
  std::vector<float> values_;
};

}  // namespace rwkv
