// A checksum against damage, not against forgers: Fletcher's, whose sums of sums tell where a word stood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rwkv {

// Of bytes that come in parts, however they are cut. Two additions of 64 bits for each 4 bytes, in four series: in WebAssembly, which
// has no product without carries, hashes that multiply take up to twice as long. Of up to a megabyte no sum overflows, so
// whatever happens to one or two words of a series changes its sums.
class Checksum {
 public:
  void add(std::span<const std::byte> bytes);
  uint64_t value() const;

 private:
  static constexpr int kSeries = 4;
  static constexpr size_t kStep = kSeries * sizeof(uint32_t);
  void add_steps(const std::byte* bytes, size_t count);

  uint64_t sum_[kSeries] = {}, sum_of_sums_[kSeries] = {};
  uint64_t length_ = 0;
  std::byte rest_[kStep] = {};  // length_ % kStep bytes that make no step yet, zeros behind them
};

uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace rwkv
