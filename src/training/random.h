// Random numbers from a seed, the same on every machine.
#pragma once

#include <cstdint>

namespace rwkv {

// Steele, Lea and Flood 2014.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // In [0, 1).
  float uniform() { return float(next() >> 40) * 0x1p-24f; }
  // In [0, count). REQUIRES: 0 < count < 2^32.
  uint64_t below(uint64_t count) { return (next() >> 32) * count >> 32; }

 private:
  uint64_t state_;
};

}  // namespace rwkv
