#include "model/state.h"

#include <algorithm>

#include "kernels/kernels.h"

namespace rwkv {

State::State(const Config& config, const InitialState& initial)
    : channels_(config.channels),
      head_size_(config.version == Version::k4 ? 0 : config.head_size),
      stride_(2 * config.channels + config.wkv_floats()),
      values_(size_t(stride_) * config.layers) {
  reset(initial);
}

void State::reset(const InitialState& initial) {
  std::fill(values_.begin(), values_.end(), 0.0f);
  if (head_size_ == 0)
    for (size_t at = 0; at < size(); at += size_t(stride_))
      std::fill_n(&values_[at] + 4 * channels_, channels_, -1e30f);
  for (size_t layer = 0; layer < initial.size(); ++layer)
    over_heads([&](size_t plain, size_t kept, int count) {
      std::copy_n(&initial[layer][plain], count, wkv(int(layer)) + kept);
    });
}

std::vector<float> State::values() const {
  std::vector<float> values = values_;
  for (size_t at = 2 * size_t(channels_); at < size(); at += size_t(stride_))
    over_heads([&](size_t plain, size_t kept, int count) {
      std::copy_n(&values_[at + kept], count, &values[at + plain]);
    });
  return values;
}

void State::set_values(std::span<const float> values) {
  std::copy(values.begin(), values.end(), values_.begin());
  for (size_t at = 2 * size_t(channels_); at < size(); at += size_t(stride_))
    over_heads([&](size_t plain, size_t kept, int count) {
      std::copy_n(&values[at + plain], count, &values_[at + kept]);
    });
}

template <class F>
void State::over_heads(F f) const {
  const int N = head_size_;
  if (N == 0) f(0, 0, 3 * channels_);
  for (int c = 0; c < channels_ && N > 0; c += N)
    for (int value = 0, width; value < N; value += width) {
      width = state_width(N, value);
      for (int key = 0; key < N; ++key) {
        const size_t head = size_t(c) * N;
        f(head + size_t(key) * N + value, head + state_index(N, key, value), width);
      }
    }
}

}  // namespace rwkv
