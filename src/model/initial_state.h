// Initial states: what state tuning trains while the weights stay as they are, in a file of its own or merged
// into a model's (ChatRWKV's rwkv_state_merger.py). One tensor a layer: blocks.N.att.time_state, (H, N, N).
//
// The file's order is [head][value][key] in every version. RWKV-PEFT trains it so: rwkvt/operator/rwkvop.py
// turns it for fla's kernels, which take [key][value], for version 6 as for 7. ChatRWKV (API_DEMO_CHAT.py)
// turns it too, for versions 5 and 6, whose state it keeps as [key][value]; RWKV-Runner
// (backend-python/utils/rwkv.py) does not for version 7, whose state the authors keep as [value][key].
//
// Version 4's is ours alone: (3, C), aa, bb and pp.
#pragma once

#include "formats/checkpoint.h"
#include "model/config.h"
#include "model/weight_reader.h"

namespace rwkv {

constexpr std::string_view kTimeState = ".att.time_state";

// The state of every layer, turned to our order; empty where no layer has one.
// Errors: kBadModel where some have.
InitialState read_initial_state(WeightReader& in, const Config& config);

// The same of a file that holds nothing else, for a model with `config`.
// Errors: kBadModel (a model or anything else, missing layers, wrong shapes, values that are not finite),
// kReadFailed, kOutOfMemory.
Result<InitialState> load_initial_state(const Checkpoint& checkpoint, const Config& config);

}  // namespace rwkv
