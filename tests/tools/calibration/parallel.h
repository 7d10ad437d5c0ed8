#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace rwkv {

constexpr size_t kThreads = 2;

// f(i) for each i < count.
template <class F>
void in_parallel(size_t count, const F& f) {
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next++) < count;) f(i);
  };
  std::vector<std::jthread> others;
  for (size_t i = 1; i < kThreads; ++i) others.emplace_back(work);
  work();
}

}  // namespace rwkv
