// What kind of model a checkpoint holds, read from the names and shapes of its tensors.
#pragma once

#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "result.h"

namespace rwkv {

// Versions under the authors' names (ChatRWKV): 5.0 has no gate, 5.1 a gate and one decay a head, 5.2 one a
// channel; 7a is 7 with a DeepEmbed in each channel mix.
enum class Version : uint8_t { k4, k5_0, k5_1, k5_2, k6, k7, k7a };

constexpr const char* version_name(Version version) {
  constexpr const char* kNames[] = {"4", "5.0", "5.1", "5.2", "6", "7", "7a"};
  return kNames[int(version)];
}

struct Config {
  Version version;
  int layers;            // L
  int channels;          // C
  int heads;             // H; 1 for version 4
  int head_size;         // N, C = H N
  int hidden;            // F, the width of the channel mix
  int vocabulary;        // V
  float group_norm_eps;  // of the heads' norm, versions 5 to 7

  // Floats of the recurrence's state in one layer: aa, bb, pp of version 4, else a matrix (N, N) for each
  // head.
  int wkv_floats() const { return version == Version::k4 ? 3 * channels : channels * head_size; }
};

// What state tuning trains: the recurrence's first state in each layer, (L) of (H, N, N) as
// [head][key][value], in version 4 (3, C): aa, bb, pp; empty: a fresh one.
using InitialState = std::vector<std::vector<float>>;

constexpr float kNormEps = 1e-5f;

// Errors: kBadModel (no RWKV tensors, sizes that make no sense), kUnsupported (a relative that this version
// does not run, named), each with the file's name.
Result<Config> detect_config(const Checkpoint& checkpoint);

}  // namespace rwkv
