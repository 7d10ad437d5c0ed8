// Logits -> token: pure, seeded. The formulas and their order are those of the authors' functions
// PIPELINE.sample_logits and PIPELINE.generate (ChatRWKV, rwkv_pip_package/src/rwkv/utils.py).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "sampling/options.h"

namespace rwkv {

// PCG32 (O'Neill 2014): small, the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed);
  // Goes on where another one stood.
  static Random at(uint64_t position);
  uint64_t position() const { return state_; }
  uint32_t next();
  float uniform();  // [0, 1), 24 bits

 private:
  uint64_t state_, increment_;
};

// Leaves the tokens whose bits are set, token t being bit t % 32 of word t / 32: the logits of all others
// become -infinity. Tokens behind the last word are not among those left.
void keep_allowed(std::span<float> logits, std::span<const uint32_t> allowed);

class Sampler {
 public:
  explicit Sampler(uint64_t seed) : random_(seed) {}
  void reseed(uint64_t seed) { random_ = Random(seed); }

  // All that it remembers: where chance stands, and how often (decayed) each token was generated.
  struct Memory {
    uint64_t random;
    std::map<int32_t, float> occurrence;
  };
  Memory memory() const { return {random_.position(), occurrence_}; }
  explicit Sampler(Memory memory)
      : random_(Random::at(memory.random)), occurrence_(std::move(memory.occurrence)) {}

  size_t seen() const { return occurrence_.size(); }  // tokens that it remembers
  void forget() { occurrence_.clear(); }
  void go_on_as(const Sampler& other) { random_ = other.random_; }  // chance does
  uint64_t chance() const { return random_.position(); }
  void go_on_at(uint64_t chance) { random_ = Random::at(chance); }

  // Draws from `logits` (V), which it leaves changed:
  //   logit[n] += logit_bias[n]
  //   logit[n] -= presence + frequency * occurrence[n], for n seen
  //   p = softmax(logits)
  //   keep p >= the p at which the descending cumulative sum first reaches top_p
  //   keep the top_k largest
  //   keep p >= min_p max(p)
  //   keep the smallest |-log p - H| until their sum reaches typical_p, p scaled to the sum 1, H its entropy
  //   draw by p^(1/temperature)
  // NaN logits are never drawn, +infinity always; where all are NaN or -infinity the result is kEndOfText.
  // The same seed gives the same tokens on every machine.
  // REQUIRES: check(options) is ok, logits not empty.
  int32_t sample(std::span<float> logits, const SamplingOptions& options);

  // Records a token that was generated: occurrence[*] *= decay, then occurrence[token] += 1 (0 for digits and
  // blanks, which texts repeat by nature). `text` is the token's.
  void accept(int32_t token, std::string_view text, const SamplingOptions& options);

 private:
  Random random_;
  std::map<int32_t, float> occurrence_;
};

}  // namespace rwkv
