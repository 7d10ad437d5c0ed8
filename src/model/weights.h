// Checkpoint -> Model: every tensor by its name, with its shape, into its field, normalised so that nothing
// after this knows the file's dialect.
#pragma once

#include <functional>

#include "formats/checkpoint.h"
#include "model/model.h"

namespace rwkv {

// Called after each tensor with the bytes of the file that are done and to do.
using LoadProgress = std::function<void(uint64_t loaded_bytes, uint64_t total_bytes)>;

// Reads and packs tensor by tensor: the peak is the packed model, the largest tensor and a few rows. The
// large matrices take `quantization`; the low-rank ones, which quantising would ruin, stay f32 or f16, the
// vectors f32. Errors: kBadModel and kUnsupported (detect_config; a missing tensor, a wrong shape, with name,
// expected and found), kReadFailed, kOutOfMemory.
Result<Model> load_model(const Checkpoint& checkpoint, Quantization quantization,
                         const LoadProgress& progress = {});

}  // namespace rwkv
