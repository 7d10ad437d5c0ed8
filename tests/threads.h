// Threads for tests and benchmarks: real ones, lent to the process's pool for as long as this lives.
#pragma once

#include <thread>
#include <vector>

#include "pool.h"

namespace rwkv {

class Threads {
 public:
  // `count` in all, the caller's too; `least_ns` and `always` as Pool::expect takes them.
  explicit Threads(int count, double least_ns = Pool::kLeastNs, bool always = true) {
    pool.expect(count, least_ns, always);
    for (int i = 1; i < count; ++i) helpers_.emplace_back([i] { pool.serve(i); });
  }
  ~Threads() {
    pool.stop();
    for (std::thread& helper : helpers_) helper.join();
    pool.expect(1);
  }
  Threads(const Threads&) = delete;

 private:
  std::vector<std::thread> helpers_;
};

}  // namespace rwkv
