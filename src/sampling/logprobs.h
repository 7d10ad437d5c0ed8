// Log probabilities of tokens: what the model itself says, before any sampling option.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rwkv {

struct LogProbability {
  int32_t token;
  float value;  // natural logarithm, at most 0
};

// log softmax(logits)[token]. REQUIRES: 0 <= token < logits.size(). Other tokens whose logit is
// NaN count as impossible.
float log_probability(std::span<const float> logits, int32_t token);

// The `count` likeliest tokens, the likeliest first, of equals the lower id first; all where there are fewer.
std::vector<LogProbability> top_log_probabilities(std::span<const float> logits, int count);

}  // namespace rwkv
