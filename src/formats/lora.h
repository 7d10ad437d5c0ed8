// LoRA: a file of low-rank adapters, W + scale B A, and the model that they were made for, read as one.
//
//   blocks.0.att.key.lora_A, .lora_B                  RWKV-PEFT, RWKV-LM-LoRA, and what learning here writes
//   base_model.model.blocks.0.att.key.lora_A.weight   peft, also with a name of the adapter before .weight; modules
//                                                     are named in any style of dialects/dialect.h
//   lora_alpha                                        ours: scale = alpha / rank. Others keep it elsewhere
//   blocks.0.ln1.weight, blocks.0.att.time_decay, ... what RWKV-PEFT trains whole beside them: in place of the
//                                                     model's
//
// All else makes the file one of another kind. PiSSA alone writes the same names and means something else.
#pragma once

#include <cmath>

#include "formats/checkpoint.h"

namespace rwkv {

constexpr std::string_view kAdapter = ".lora_";

// The bytes of one file behind those of another.
class JoinedSource final : public Source {
 public:
  // Both must outlive it.
  JoinedSource(const Source& first, const Source& second)
      : Source(first.name() + " with " + second.name()), first(first), second(second) {}
  uint64_t size() const override { return first.size() + second.size(); }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    return offset < first.size() ? first.read(offset, out) : second.read(offset - first.size(), out);
  }

  const Source &first, &second;
};

// NaN: not given. Then the file's alpha; `scale` goes before alpha / rank.
struct LoraScale {
  float alpha = NAN, scale = NAN;
};

// Adds the adapters to the tensors of their model, "blocks.0.att.key.lora_A" (rank, K) and "... lora_B" (M, rank) with the
// scale in its values: from now on reading the model merges them (model/weight_reader.h), which also checks their shapes.
// `both`: its file and theirs, which must outlive it. Errors: those of open_checkpoint; kInvalidArgument (nothing tells
// the scale), kUnsupported (adapters of another kind), kBadModel (matrices that the model has not). The checkpoint is of no
// use then.
Status join_lora(Checkpoint& model, const JoinedSource& both, LoraScale scale);

}  // namespace rwkv
