// Naming styles: RWKV weights as other projects name and turn them.
#pragma once

#include "formats/checkpoint.h"

namespace rwkv {

// Gives the tensors of a file the authors' names and orientation. The styles, and what is different in them:
//
//   the authors'   blocks.0.att.time_maa_x, blocks.0.att.time_faaaa, blocks.0.att.w1 (C, rank)
//   web-rwkv       time_mix_x in version 6, time_first in 5 and 6; low-rank matrices turned: w1 (rank, C)
//   Hugging Face   blocks.0.attention.time_mix_key, versions 4 to 6
//   fla            layers.0.attn.w_lora.lora.0.weight (rank, C), version 7; group norm of eps N 1e-5
//
// All of them behind whatever modules and dicts the model was put into: rwkv., module.model., state_dict.; what
// lies outside of these is left out. Adapters have the names of their matrices and an ending:
// base_model.model.blocks.0.att.key.lora_A.weight.
//
// Errors: kBadFile (two models or two styles in one file, one tensor under two names), kUnsupported (LoRA
// adapters, an output tied to the embedding, fla's version 6).
Status use_authors_names(Checkpoint& file, Holds holds = Holds::kModel);

}  // namespace rwkv
