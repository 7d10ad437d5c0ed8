// Timing for the programs that measure. Other programs on the machine disturb most runs but not all: beside
// the median there is the time that one run in ten stays below.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace rwkv {

// The function, out of the optimiser's sight. V8 replaces a function by its optimised code when it is entered
// again: one that wasm-opt has put into main() never would be.
template <class F>
F* hidden(F* function) {
  F* volatile pointer = function;
  return pointer;
}

struct Seconds {
  double median, quiet;
};

// Of run(0), run(1), ... run(repeats - 1). Short runs are disturbed less.
template <class F>
Seconds time_of(int repeats, F run) {
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run(i);
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times[times.size() / 10]};
}

}  // namespace rwkv
