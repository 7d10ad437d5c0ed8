// A checksum against damage, not against forgers: Fletcher's, whose sums of sums tell where a word stood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rwkv {

// Of bytes that come in parts, however they are cut. Blocks of 4096 bytes are summed up each for itself, as two series of u64 words: two
// additions of vectors for 16 bytes. (WebAssembly has no product without carries: hashes that multiply take three times as long.) A change
// within one word is always seen, others but by chance: two in the highest eight bits of words of a series may cancel each other.
class Checksum {
 public:
  void add(std::span<const std::byte> bytes);
  uint64_t value() const;

 private:
  static constexpr size_t kBlock = 4096;
  [[gnu::noinline]] void add_block(const std::byte* bytes);

  uint64_t hash_ = 0, length_ = 0;
  std::byte rest_[kBlock] = {};  // length_ % kBlock bytes that make no block yet
};

uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace rwkv
