// How the kernels share their loops among threads: by what an index costs.
#pragma once

#include <algorithm>

#include "pool.h"

namespace rwkv {

// Costs are counted in multiplications and additions of a matrix product, of which a thread does about 20 in
// a nanosecond.
constexpr double kGrainCost = 1 << 15;  // of a chunk at least: 1.6 us
constexpr double kQuantizeCost = 8;     // of an activation

// Calls f(first, last) for ranges that cover [0, count), on several threads where the loop is long enough.
template <class F>
void share_work(int count, double cost_of_each, const F& f) {
  pool.run(count, int(std::max(1.0, kGrainCost / cost_of_each)), f);
}

}  // namespace rwkv
