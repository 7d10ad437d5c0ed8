#include "memory_budget.h"

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
std::atomic<int64_t> live = 0, most = kAll;

int64_t size_of(void* memory) { return memory ? int64_t(malloc_usable_size(memory)) : 0; }

void* counted(void* memory) {
  live += size_of(memory);
  return memory;
}

bool fits(size_t bytes) { return int64_t(bytes) <= most - live; }

void* take(size_t bytes, size_t alignment) {
  if (!fits(bytes)) return nullptr;
  if (alignment <= alignof(std::max_align_t)) return counted(std::malloc(bytes));
  return counted(std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment));
}

void* take_or_end(size_t bytes, size_t alignment) {
  if (void* memory = take(bytes, alignment)) return memory;
  std::fprintf(stderr, "%zu bytes that no room was asked for\n", bytes);
  std::abort();
}

void give_back(void* memory) {
  live -= size_of(memory);
  std::free(memory);
}

}  // namespace

void* operator new(size_t bytes) { return take_or_end(bytes, 1); }
void* operator new[](size_t bytes) { return take_or_end(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t a) { return take_or_end(bytes, size_t(a)); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return take(bytes, size_t(a));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { give_back(memory); }

namespace rwkv {

MemoryBudget::MemoryBudget(uint64_t bytes) { most = live + int64_t(bytes); }
MemoryBudget::~MemoryBudget() { most = kAll; }
int64_t live_bytes() { return live; }

}  // namespace rwkv
