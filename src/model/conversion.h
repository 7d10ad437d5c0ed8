// A model file as a packed file: our own safetensors, whose matrices lie as the kernels want them, so that
// loading is plain reading.
#pragma once

#include "model/weights.h"

namespace rwkv {

// The packed file (formats/packed.md), piece by piece: the header, then tensor after tensor, each read and
// packed when its turn comes; the peak is the largest of them, packed.
class Conversion {
 public:
  // The checkpoint must outlive it. Errors: those of plan_model.
  static Result<Conversion> start(const Checkpoint& checkpoint, Quantization quantization,
                                  LoadProgress progress = {});

  // Of the whole file.
  uint64_t bytes() const { return bytes_; }
  // The next piece; of no bytes after the last. Errors: those of load_model.
  Result<Buffer> next();

 private:
  Conversion(const Checkpoint& checkpoint, ModelPlan plan, Quantization quantization, LoadProgress progress)
      : checkpoint_(&checkpoint),
        plan_(std::move(plan)),
        quantization_(quantization),
        reader_(checkpoint, quantization, std::move(progress)) {}
  std::string header();
  Result<Buffer> read(const PlannedTensor& planned);
  Result<Buffer> piece(size_t turn);

  const Checkpoint* checkpoint_;
  ModelPlan plan_;
  Quantization quantization_;
  WeightReader reader_;
  std::string header_;
  uint64_t bytes_ = 0;
  std::vector<uint64_t> checksums_;  // of the pieces so far
  size_t next_ = 0;                  // 0: the header; i + 1: tensor i; then the vocabulary, and the checksums
};

}  // namespace rwkv
