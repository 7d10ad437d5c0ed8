// A machine with little memory: what `new` may hand out is counted and bounded.
#pragma once

#include <cstdint>

namespace rwkv {

// While it exists, so many bytes are there beside those in use. What is asked for with std::nothrow is not given beyond them; to ask
// for it otherwise ends the program, as it does where exceptions do not exist. One at a time.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t bytes);
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
};

// Bytes in use.
int64_t live_bytes();

}  // namespace rwkv
