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

#if RWKV_ASAN
void on_malloc(const volatile void*, size_t bytes) {
  if (metering) most = std::max(most, live += int64_t(bytes));
}

void on_free(const volatile void* memory) {
  if (metering && memory) live -= int64_t(__sanitizer_get_allocated_size(memory));
}

const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#endif

}  // namespace

MemoryMeter::MemoryMeter() { live = most = 0, metering = true; }
MemoryMeter::~MemoryMeter() { metering = false; }
uint64_t MemoryMeter::peak() const { return uint64_t(most); }

std::string broken_promise(const MemoryMeter& meter, uint64_t justified) {
  const uint64_t peak = meter.peak();
  if (peak <= justified) return {};
  return "took " + std::to_string(peak) + " bytes of memory where " + std::to_string(justified) +
         " are justified";
}

}  // namespace rwkv::fuzz
