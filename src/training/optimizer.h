// AdamW (Loshchilov and Hutter 2019), clipping of gradients, and how the learning rate goes.
#pragma once

#include <span>

#include "result.h"
#include "training/parameter.h"

namespace rwkv {

struct AdamWOptions {
  float beta1 = 0.9f, beta2 = 0.99f, epsilon = 1e-8f;
  float weight_decay = 0;  // a step, times the rate; of matrices
};

class AdamW {
 public:
  // Moments (m, v) for the parameters, in zeros. Errors: kOutOfMemory.
  static Result<AdamW> start(std::span<const Parameter> parameters, const AdamWOptions& options);
  static uint64_t bytes(std::span<const Parameter> parameters);

  // In step s, from 1 on: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
  //   x -= rate (m / (1 - b1^s) / (sqrt(v / (1 - b2^s)) + eps) + decay x).
  // Gradients become zeros. REQUIRES: the parameters that it was made for.
  void step(std::span<Parameter> parameters, float rate);

  struct Moments {
    std::vector<float> m, v;
  };
  // Of each parameter, behind so many steps: what makes the next one, beside the gradients.
  std::span<const Moments> moments() const { return moments_; }
  std::span<Moments> go_on_after(int steps) { return steps_ = steps, moments_; }

 private:
  explicit AdamW(const AdamWOptions& options) : options_(options) {}

  AdamWOptions options_;
  std::vector<Moments> moments_;
  int steps_ = 0;
};

// The length of all gradients as one vector; where it is more than `most` (0: no bound), they are shortened to it.
double clip_gradients(std::span<Parameter> parameters, float most);

enum class Schedule : uint8_t { kConstant, kLinear, kCosine };
struct RateOptions {
  double rate = 1e-3, last_rate = 0;  // the last: what linear and cosine end near
  Schedule schedule = Schedule::kConstant;
  int warmup = 0, steps = 1;  // steps of a rising rate; of all
};
// Of step 0 <= step < steps.
double learning_rate(const RateOptions& options, int step);

}  // namespace rwkv
