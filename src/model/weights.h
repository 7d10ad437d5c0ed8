// Checkpoint -> Model: every tensor by its name, with its shape, into its field, normalised so that nothing
// after this knows the file's dialect.
#pragma once

#include "formats/checkpoint.h"
#include "model/model.h"
#include "model/tensor_reader.h"

namespace rwkv {

// Reads and packs piece by piece: the peak is the packed model and about a megabyte, or the largest tensor
// that does not lie row by row. The large matrices take `quantization`; the low-rank ones, which quantising
// would ruin, stay f32 or f16, the vectors f32. Errors: kBadModel and kUnsupported (detect_config; a missing
// tensor, a wrong shape, with name, expected and found), kReadFailed, kOutOfMemory.
Result<Model> load_model(const Checkpoint& checkpoint, Quantization quantization,
                         const LoadProgress& progress = {});

// One tensor of a model as it will lie in memory, and in a packed file.
struct PlannedTensor {
  enum class Kind : uint8_t { kVector, kMatrix, kTransposed, kEmbedding } kind;
  std::string name;
  Shape shape;     // as the authors have it
  DType dtype;     // F32 of vectors, a packed type of matrices
  uint64_t bytes;  // in that type
};

// What loading would give, told from names and shapes alone.
struct ModelPlan {
  Config config;
  uint64_t parameters;
  uint64_t bytes;  // of memory that the weights would take
  std::vector<PlannedTensor> tensors;
};

// Checks all that load_model checks but the weights themselves, which are not read. Errors: its own.
Result<ModelPlan> plan_model(const Checkpoint& checkpoint, Quantization quantization);

}  // namespace rwkv
