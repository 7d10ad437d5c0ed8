#include "model/state.h"

#include <algorithm>

#include "kernels/kernels.h"

namespace rwkv {

State::State(const Config& config, const InitialState& initial)
    : channels_(config.channels),
      head_size_(config.version == Version::k4 ? 0 : config.head_size),
      stride_(2 * config.channels + config.wkv_floats()),
      values_(size_t(stride_) * config.layers) {
  if (head_size_ == 0)
    for (int layer = 0; layer < config.layers; ++layer)
      std::fill_n(wkv(layer) + 2 * channels_, channels_, -1e30f);
  for (size_t layer = 0; layer < initial.size(); ++layer)
    over_heads([&, from = initial[layer].data()](size_t plain, size_t kept) {
      wkv(int(layer))[kept] = from[plain];
    });
}

std::vector<float> State::values() const {
  std::vector<float> values = values_;
  for (size_t at = 2 * size_t(channels_); at < size(); at += size_t(stride_))
    over_heads([&](size_t plain, size_t kept) { values[at + plain] = values_[at + kept]; });
  return values;
}

void State::set_values(std::span<const float> values) {
  std::copy(values.begin(), values.end(), values_.begin());
  for (size_t at = 2 * size_t(channels_); at < size(); at += size_t(stride_))
    over_heads([&](size_t plain, size_t kept) { values_[at + kept] = values[at + plain]; });
}

template <class F>
void State::over_heads(F f) const {
  for (int c = 0; c < channels_ && head_size_ > 0; c += head_size_)
    for (int key = 0; key < head_size_; ++key)
      for (int value = 0; value < head_size_; ++value) {
        const size_t head = size_t(c) * head_size_;
        f(head + size_t(key) * head_size_ + value, head + state_index(head_size_, key, value));
      }
}

}  // namespace rwkv
