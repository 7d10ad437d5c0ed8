// How tokens are drawn. min_p is that of Nguyen et al. 2024 ("Turning Up the Heat"), typical_p that of
// Meister et al. 2022 ("Locally Typical Sampling"), all others are the authors'.
#pragma once

#include <cstdint>
#include <map>

#include "result.h"

namespace rwkv {

struct SamplingOptions {
  float temperature = 1.0f;  // >= 0; 0 takes the most likely token
  float top_p = 1.0f;        // 0..1; 0 takes the most likely token
  int top_k = 0;             // >= 0; 0 keeps all
  float min_p = 0.0f;        // 0..1; keeps what is at least so likely, as a share of the likeliest
  float typical_p = 1.0f;    // above 0 to 1; keeps those of the most typical surprise, of so much probability
  float presence_penalty = 0.0f;             // subtracted once from the logit of each token seen
  float frequency_penalty = 0.0f;            // subtracted per (decayed) occurrence
  float penalty_decay = 0.996f;              // 0..1; what every count is multiplied by at each token
  std::map<int32_t, float> logit_bias = {};  // added to the logits of these tokens; -infinity bans one
};

// Errors: kInvalidArgument, naming the option, its range and the value.
Status check(const SamplingOptions& options);

}  // namespace rwkv
