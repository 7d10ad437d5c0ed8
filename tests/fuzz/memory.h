// How much memory a call takes, told by AddressSanitizer's allocator.
#pragma once

#include <cstdint>
#include <string>

namespace rwkv::fuzz {

// The bytes alive at once while it exists, at their peak, beyond those that were alive before. One at a time.
class MemoryMeter {
 public:
  MemoryMeter();
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;

  uint64_t peak() const;  // 0 in builds without the sanitizer
};

// What any reader may take for a file, beyond what its tables stand for.
constexpr uint64_t twice(uint64_t file_bytes) { return 2 * file_bytes + (64 << 10); }

// Tells of a peak above what is justified; empty where it is not.
std::string broken_promise(const MemoryMeter& meter, uint64_t justified);

}  // namespace rwkv::fuzz
