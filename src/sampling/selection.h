// Which tokens may be drawn (elsewhere: logits processors, warpers).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "sampling/options.h"
#include "sampling/softmax.h"

namespace rwkv {

// The tokens that may be drawn, by ascending id.
class Kept {
 public:
  explicit Kept(size_t most)
      : logits_(std::make_unique_for_overwrite<float[]>(most)),
        ids_(std::make_unique_for_overwrite<int32_t[]>(most)) {}

  std::span<float> logits() { return {logits_.get(), count_}; }
  int32_t id(size_t i) const { return ids_[i]; }

  void add(float logit, int32_t id) { logits_[count_] = logit, ids_[count_++] = id; }
  template <class F>
  void keep_if(F keeps) {
    const size_t count = std::exchange(count_, 0);
    for (size_t i = 0; i < count; ++i)
      if (keeps(logits_[i])) add(logits_[i], ids_[i]);
  }

 private:
  std::unique_ptr<float[]> logits_;
  std::unique_ptr<int32_t[]> ids_;
  size_t count_ = 0;
};

// What is left of `logits` by top_p, top_k, min_p and typical_p, in this order; at least one. REQUIRES: the
// summits are those of `logits`, their largest is finite; top_p > 0.
Kept select_tokens(std::span<const float> logits, const Summits& summits, const SamplingOptions& options);

}  // namespace rwkv
