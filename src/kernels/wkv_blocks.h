// How the recurrences of versions 5 to 7 walk through a head's state.
#pragma once

#include "simd.h"

namespace rwkv {

// What the pool is told of an element of a head's state, for each token.
constexpr double kNsOfElement = 0.3;

// Calls f<W>(j) for the blocks of a head's state: W kLanes values at j, which lie at j N as [key][W kLanes].
template <class F>
void over_blocks(int N, F f) {
  int j = 0;
  for (; j + 4 * kLanes <= N; j += 4 * kLanes) f.template operator()<4>(j);
  for (; j < N; j += kLanes) f.template operator()<1>(j);
}

}  // namespace rwkv
