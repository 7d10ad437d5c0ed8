// RWKV in GGUF: llama.cpp's tensor names and forms.
#pragma once

#include <string_view>

#include "formats/checkpoint.h"

namespace rwkv {

// What the metadata tells of the tensors.
struct GgufModel {
  int version = 0;        // 6 or 7
  int64_t head_size = 0;  // N
  // Version 6 files hold att.output and ffn.value of layer l divided by 2^(l / rescale_every); 0: undivided.
  uint64_t rescale_every = 0;
};

// Enters the tensor under the authors' name, or leaves it out where a model has no use for it. Errors:
// kUnsupported (not a tensor of such a model), kBadFile (as add_by_rule).
Status add_gguf_tensor(const GgufModel& model, Tensor tensor, Checkpoint& checkpoint);

}  // namespace rwkv
