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

// All tensors of a model with C channels, V = F = 9, two heads and rank 2.
std::vector<TinyTensor> tiny_model(Version version, int C = 8, int layers = 1);

// A header and its data.
Bytes safetensors_of(std::string_view header, uint64_t data_bytes);
// The model in the form that every tool reads: a safetensors file of halves.
Bytes tiny_safetensors(const std::vector<TinyTensor>& tensors);

// `count` halves from -0.5 to 0.5, which are as good as weights.
Bytes tiny_halves(uint64_t count);

}  // namespace rwkv::fuzz
