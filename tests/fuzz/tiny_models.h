// Models of every version in a few kilobytes, to write into files of every format.
#pragma once

#include <vector>

#include "model/config.h"
#include "support.h"

namespace rwkv::fuzz {

struct TinyTensor {
  std::string name;  // the authors'
  Shape shape;

  uint64_t count() const {
    uint64_t count = 1;
    for (const int64_t size : shape) count *= uint64_t(size);
    return count;
  }
};

// All tensors of a model with sizes C channels, V = F = C + 1, two heads, rank 2, as many layers.
std::vector<TinyTensor> tiny_model(Version version, int C = 8, int layers = 1);

// `count` halves from -0.5 to 0.5, which are as good as weights.
Bytes tiny_halves(uint64_t count);

}  // namespace rwkv::fuzz
