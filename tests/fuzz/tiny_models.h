// Models of every version in a few kilobytes, to write into files of every format.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "formats/safetensors_writer.h"
#include "model/config.h"

namespace rwkv::fuzz {

// All tensors of a model in the authors' names, as halves: C channels, V = F wide, two heads, rank 2.
std::vector<FileTensor> tiny_model(Version version, int C = 8, int layers = 1, int wide = 9);

// blocks.N.att.time_state for the same sizes.
std::vector<FileTensor> tiny_states(int C = 8, int layers = 1);

// `count` halves from -0.5 to 0.5, which are as good as weights.
Bytes tiny_halves(uint64_t count);

// A file that is open as long as this lives. REQUIRES: a good one.
struct OpenFile {
  explicit OpenFile(Bytes file);
  OpenFile(const OpenFile&) = delete;

  Bytes bytes;
  MemorySource source;
  Checkpoint checkpoint;
};

}  // namespace rwkv::fuzz
