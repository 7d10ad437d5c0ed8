#include "model/state.h"

#include <algorithm>

#include "kernels/kernels.h"

namespace rwkv {

State::State(const Config& config, const InitialState& initial)
    : layout_(config),
      channels_(config.channels),
      layers_(config.layers),
      head_size_(config.version == Version::k4 ? 0 : config.head_size),
      values_(layout_.size()) {
  reset(initial);
}

void State::reset(const InitialState& initial) {
  std::fill_n(data(), size(), 0.0f);
  if (head_size_ == 0)
    for (int layer = 0; layer < layers_; ++layer) std::fill_n(wkv(layer) + 2 * channels_, channels_, -1e30f);
  for (size_t layer = 0; layer < initial.size(); ++layer)
    over_heads([&](size_t plain, size_t kept, int count) {
      std::copy_n(&initial[layer][plain], count, wkv(int(layer)) + kept);
    });
}

std::vector<float> State::values() const {
  std::vector<float> values = values_.read();
  for (int layer = 0; layer < layers_; ++layer)
    over_heads([&, at = layout_.wkv(layer)](size_t plain, size_t kept, int count) {
      std::copy_n(&values_.read()[at + kept], count, &values[at + plain]);
    });
  return values;
}

void State::set_values(std::span<const float> values) {
  std::copy(values.begin(), values.end(), data());
  for (int layer = 0; layer < layers_; ++layer)
    over_heads([&, at = layout_.wkv(layer)](size_t plain, size_t kept, int count) {
      std::copy_n(&values[at + plain], count, data() + at + kept);
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
