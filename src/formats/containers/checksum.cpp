#include "formats/containers/checksum.h"

#include <algorithm>
#include <cstring>

namespace rwkv {

void Checksum::add_steps(const std::byte* bytes, size_t count) {
  // Local, so that they stay in registers.
  uint64_t a0 = sum_[0], a1 = sum_[1], a2 = sum_[2], a3 = sum_[3];
  uint64_t b0 = sum_of_sums_[0], b1 = sum_of_sums_[1], b2 = sum_of_sums_[2], b3 = sum_of_sums_[3];
  for (; count > 0; --count, bytes += kStep) {
    uint32_t word[kSeries];
    std::memcpy(word, bytes, kStep);
    b0 += a0 += word[0], b1 += a1 += word[1], b2 += a2 += word[2], b3 += a3 += word[3];
  }
  sum_[0] = a0, sum_[1] = a1, sum_[2] = a2, sum_[3] = a3;
  sum_of_sums_[0] = b0, sum_of_sums_[1] = b1, sum_of_sums_[2] = b2, sum_of_sums_[3] = b3;
}

void Checksum::add(std::span<const std::byte> bytes) {
  const size_t held = length_ % kStep;
  length_ += bytes.size();
  if (held > 0) {
    const size_t taken = std::min(kStep - held, bytes.size());
    std::copy_n(bytes.begin(), taken, rest_ + held);
    bytes = bytes.subspan(taken);
    if (held + taken < kStep) return;
    add_steps(rest_, 1);
    std::fill_n(rest_, kStep, std::byte{0});
  }
  const size_t steps = bytes.size() / kStep;
  add_steps(bytes.data(), steps);
  std::copy(bytes.begin() + ptrdiff_t(steps * kStep), bytes.end(), rest_);
}

uint64_t Checksum::value() const {
  Checksum whole = *this;
  whole.add_steps(rest_, 1);
  uint64_t hash = length_;
  // Each step is one to one, so that no single sum is lost.
  const auto mix = [&](uint64_t sum) {
    hash = (hash ^ sum) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  };
  for (int i = 0; i < kSeries; ++i) mix(whole.sum_[i]), mix(whole.sum_of_sums_[i]);
  return hash;
}

uint64_t checksum(std::span<const std::byte> bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace rwkv
