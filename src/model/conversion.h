// A model file as a packed file: our own safetensors, whose matrices lie as the kernels want them, so that
// loading is plain reading.
#pragma once

#include "model/weights.h"

namespace rwkv {

// The packed file, piece by piece: the header, then tensor after tensor, each read and packed when its turn
// comes; the peak is the largest of them, packed. Tensors keep the authors' names. Vectors are F32; matrices
// and block types are U8, with their type and shape in the metadata:
//
//   rwkv_wasm_version       "2"; readers refuse any other: it changes whenever the kernels' layout does
//   rwkv_wasm_quantization  "q8": what the file was made for
//   rwkv_wasm_eps           the bits of the group norm's eps, as an unsigned integer
//   rwkv_wasm_vocabulary    "KIND COUNT" where the tensor of that name holds a vocabulary
//   (EmbeddedVocabulary) blocks.0.att.key.weight "q8 3072 768": a matrix in kernel layout (quant.h); "f16.T
//   64 768": the transpose of one;
//                           "Q8_0 65536 768": ggml's blocks, row by row
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
  std::string header() const;
  Buffer read(const PlannedTensor& planned);

  const Checkpoint* checkpoint_;
  ModelPlan plan_;
  Quantization quantization_;
  WeightReader reader_;
  std::string header_;
  uint64_t bytes_ = 0;
  size_t next_ = 0;  // 0: the header; i + 1: tensor i; then the vocabulary
};

}  // namespace rwkv
