// Low-rank adapters (LoRA): W + alpha / rank B A in place of W, of which A and B are learned.
#pragma once

#include <memory>
#include <span>

#include "model/model.h"
#include "training/learned.h"
#include "training/parameter.h"

namespace rwkv {

// The matrices that may have adapters, within a layer.
inline constexpr const char* kAdapterTargets[] = {"att.receptance", "att.key", "att.value",
                                                  "att.output",     "ffn.key", "ffn.value"};

struct AdapterOptions {
  int rank = 8;
  float alpha = 16;
  std::vector<std::string> targets = {std::begin(kAdapterTargets), std::end(kAdapterTargets)};
  uint64_t seed = 0;
};

class Adapters {
 public:
  // A (rank, K) uniform in +-1 / sqrt(K), B (M, rank) zeros: at first they change nothing. The model, of any
  // version and quantization, must outlive it and stay where it is.
  // Errors: kInvalidArgument (rank, alpha, an unknown target), kOutOfMemory.
  static Result<Adapters> start(Model& model, const AdapterOptions& options);

  const Learned& learned() const { return *learned_; }
  // "blocks.0.att.key.weight.lora_A" and "... lora_B" in turns.
  std::vector<Parameter>& parameters() { return parameters_; }
  // The gradients of a step's passes become those of the parameters.
  void collect();
  // The values become those that learning reads.
  void assign();

 private:
  Adapters() = default;

  float scale_ = 1;
  std::vector<Parameter> parameters_;
  std::unique_ptr<Adapter[]> adapters_;
  std::unique_ptr<Learned> learned_ = std::make_unique<Learned>();
};

}  // namespace rwkv
