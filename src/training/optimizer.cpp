#include "training/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "pool.h"
#include "room.h"

namespace rwkv {
namespace {

constexpr double kNsOfValue = 4;

}  // namespace

uint64_t AdamW::bytes(std::span<const Parameter> parameters) {
  uint64_t bytes = 0;
  for (const Parameter& parameter : parameters)
    bytes += sizeof(Moments) + 2 * sizeof(float) * uint64_t(parameter.values.size());
  return bytes;
}

Result<AdamW> AdamW::start(std::span<const Parameter> parameters, const AdamWOptions& options) {
  if (const Status room = require_room(bytes(parameters), "moments of gradients"); !room) return room.error();
  AdamW made(options);
  made.moments_.reserve(parameters.size());
  for (const Parameter& parameter : parameters) {
    const size_t size = parameter.values.size();
    made.moments_.push_back({std::vector<float>(size), std::vector<float>(size)});
  }
  return made;
}

void AdamW::step(std::span<Parameter> parameters, float rate) {
  ++steps_;
  const auto [b1, b2, epsilon, decay] = options_;
  const auto of_m = float(rate / (1 - std::pow(double(b1), steps_))),
             of_v = float(1 / (1 - std::pow(double(b2), steps_)));
  const auto update = [=, b1 = b1, b2 = b2, epsilon = epsilon, decay = decay](Parameter& p,
                                                                              Moments& moments) {
    auto& [m, v] = moments;
    const bool decays =
        std::count_if(p.shape.begin(), p.shape.end(), [](int64_t size) { return size > 1; }) > 1;
    const float kept = decays ? 1 - rate * decay : 1;
    for (size_t k = 0; k < m.size(); ++k) {
      const float g = std::exchange(p.gradient[k], 0.0f);
      m[k] = b1 * m[k] + (1 - b1) * g;
      v[k] = b2 * v[k] + (1 - b2) * g * g;
      p.values[k] = kept * p.values[k] - of_m * m[k] / (std::sqrt(v[k] * of_v) + epsilon);
    }
  };
  size_t values = 0;
  for (const Parameter& p : parameters) values += p.values.size();
  const auto count = int(parameters.size());
  pool.run(count, kNsOfValue * double(values) / count, [=, this](int first, int last) {
    for (auto i = size_t(first); i < size_t(last); ++i) update(parameters[i], moments_[i]);
  });
}

double clip_gradients(std::span<Parameter> parameters, float most) {
  double squares = 0;
  for (const Parameter& parameter : parameters)
    for (const float g : parameter.gradient) squares += double(g) * g;
  const double length = std::sqrt(squares);
  if (most > 0 && length > double(most))
    for (Parameter& parameter : parameters)
      for (float& g : parameter.gradient) g *= float(double(most) / length);
  return length;
}

double learning_rate(const RateOptions& options, int step) {
  const auto [rate, last_rate, schedule, warmup, steps] = options;
  if (step < warmup) return rate * (step + 1) / warmup;
  const double done = double(step - warmup) / std::max(steps - warmup, 1);
  switch (schedule) {
    case Schedule::kConstant:
      return rate;
    case Schedule::kLinear:
      return rate + (last_rate - rate) * done;
    case Schedule::kCosine:
      return last_rate + (rate - last_rate) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }
  return rate;
}

}  // namespace rwkv
