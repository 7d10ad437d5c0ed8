// What is learned of a model: which weights have gradients, and which matrices adapters.
#pragma once

#include <map>

#include "kernels/kernels.h"

namespace rwkv {

// y = W x + up down x beside a matrix W that stays as it is.
struct Adapter {
  Matrix down;  // (rank, K)
  Matrix up;    // (M, rank), with the adapter's scale in it
};

// By the address of a weight in the model, or in an adapter.
struct Learned {
  // Where a gradient is summed up: of a vector (C), of a matrix row by row, (M, K) or transposed (K, M).
  struct Place {
    float* data = nullptr;  // nullptr: not learned
    bool transposed = false;
  };
  std::map<const void*, Place> places = {};
  std::map<const Matrix*, const Adapter*> adapters = {};

  Place place(const void* weight) const {
    const auto found = places.find(weight);
    return found == places.end() ? Place{} : found->second;
  }
  float* gradient(const Vector& weight) const { return place(&weight).data; }
  const Adapter* adapter(const Matrix& W) const {
    const auto found = adapters.find(&W);
    return found == adapters.end() ? nullptr : found->second;
  }
};

}  // namespace rwkv
