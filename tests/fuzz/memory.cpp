#include "fuzz/memory.h"

#include <algorithm>

#ifdef __has_feature
#define RWKV_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define RWKV_ASAN 1
#endif

#if RWKV_ASAN
// As <sanitizer/allocator_interface.h> has them, a header that not every compiler brings along.
extern "C" {
size_t __sanitizer_get_allocated_size(const volatile void* memory);
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, size_t),
                                              void (*on_free)(const volatile void*));
}
#endif

namespace rwkv::fuzz {
namespace {

int64_t live = 0, most = 0;  // since the meter began; live falls below 0 when older memory is freed
bool metering = false;
// The last piece, which does not count yet: given back at once it was a question, whether there is room (room.h).
const volatile void* asked = nullptr;
int64_t asked_bytes = 0;

#if RWKV_ASAN
void count_asked() {
  most = std::max(most, live += asked_bytes);
  asked = nullptr, asked_bytes = 0;
}

void on_malloc(const volatile void* memory, size_t bytes) {
  if (!metering) return;
  count_asked();
  asked = memory, asked_bytes = int64_t(bytes);
}

void on_free(const volatile void* memory) {
  if (!metering || !memory) return;
  if (memory == asked) {
    asked = nullptr, asked_bytes = 0;
    return;
  }
  count_asked();
  live -= int64_t(__sanitizer_get_allocated_size(memory));
}

const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#endif

}  // namespace

MemoryMeter::MemoryMeter() { live = most = asked_bytes = 0, asked = nullptr, metering = true; }
MemoryMeter::~MemoryMeter() { metering = false; }
uint64_t MemoryMeter::peak() const { return uint64_t(std::max(most, live + asked_bytes)); }

std::string broken_promise(const MemoryMeter& meter, uint64_t justified) {
  const uint64_t peak = meter.peak();
  if (peak <= justified) return {};
  return "took " + std::to_string(peak) + " bytes of memory where " + std::to_string(justified) +
         " are justified";
}

}  // namespace rwkv::fuzz
