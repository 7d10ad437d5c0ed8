#include "sampling/options.h"

#include <cmath>
#include <limits>
#include <string>

namespace rwkv {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// For messages: six decimals, without the weight of printf.
std::string decimal(float value) {
  if (std::isnan(value)) return "NaN";
  const std::string sign = value < 0 ? "-" : "";
  if (std::fabs(value) >= 1e9f) return std::isinf(value) ? sign + "Infinity" : sign + "1e9 or more";
  const int64_t millionths = int64_t(std::fabs(double(value)) * 1e6 + 0.5);
  std::string decimals = std::to_string(1'000'000 + millionths % 1'000'000);
  decimals[0] = '.';
  decimals.resize(decimals.find_last_not_of(".0") + 1);
  return sign + std::to_string(millionths / 1'000'000) + decimals;
}

}  // namespace

Status check(const SamplingOptions& options) {
  const auto outside = [](const char* name, const char* range, std::string value) {
    return Error{ErrorKind::kInvalidArgument, std::string(name) + ": expected " + range + ", got " + value};
  };
  // Written so that NaN is outside of every range.
  if (!(options.temperature >= 0 && options.temperature < kInfinity))
    return outside("temperature", "0 or more", decimal(options.temperature));
  if (!(options.top_p >= 0 && options.top_p <= 1)) return outside("top_p", "0 to 1", decimal(options.top_p));
  if (options.top_k < 0) return outside("top_k", "0 or more", std::to_string(options.top_k));
  if (!(options.min_p >= 0 && options.min_p <= 1)) return outside("min_p", "0 to 1", decimal(options.min_p));
  if (!(options.typical_p > 0 && options.typical_p <= 1))
    return outside("typical_p", "more than 0, up to 1", decimal(options.typical_p));
  for (const auto& [id, bias] : options.logit_bias)
    if (std::isnan(bias)) return outside("logit_bias", "a number", decimal(bias));
  if (!std::isfinite(options.presence_penalty))
    return outside("presence_penalty", "a finite number", decimal(options.presence_penalty));
  if (!std::isfinite(options.frequency_penalty))
    return outside("frequency_penalty", "a finite number", decimal(options.frequency_penalty));
  if (!(options.penalty_decay >= 0 && options.penalty_decay <= 1))
    return outside("penalty_decay", "0 to 1", decimal(options.penalty_decay));
  return Done{};
}

}  // namespace rwkv
