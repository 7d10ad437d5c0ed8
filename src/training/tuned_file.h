// What was learned, as a file that this and other RWKV programs take. The parameters, and the checkpoint, must stay as
// they are until the last piece. Errors: those of TensorFile::start; pieces have those of reading the checkpoint.
#pragma once

#include "formats/checkpoint.h"
#include "formats/tensor_file.h"
#include "training/parameter.h"

namespace rwkv {

// Of TrainedState: blocks.N.att.time_state, turned to the order of such files (model/initial_state.h); version 4's as
// it is, (3, C), which no other program reads.
Result<TensorFile> state_file(const std::vector<Parameter>& parameters, TensorFileFormat format);

// Of Adapters: blocks.N.att.key.lora_A (rank, K) and .lora_B (M, rank) as RWKV-PEFT names them, to be merged as
// W + alpha / rank B A, and alpha itself as `lora_alpha` (1), which its merge passes over.
Result<TensorFile> lora_file(const std::vector<Parameter>& parameters, float alpha, TensorFileFormat format);

// Of TrainedWeights: a whole model. What `base` has beside the parameters comes along as it is; nullptr: nothing.
Result<TensorFile> weights_file(const std::vector<Parameter>& parameters, const Checkpoint* base,
                                TensorFileFormat format);

}  // namespace rwkv
