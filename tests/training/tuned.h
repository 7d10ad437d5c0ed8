// Tunings of the oracles' models, step by step.
#pragma once

#include "model/oracle.h"
#include "training/tuning.h"

namespace rwkv {

// A model and its tuning, which need each other to stay where they are.
struct Tuned {
  explicit Tuned(const std::string& name, TuningOptions options,
                 Quantization quantization = Quantization::kF32)
      : file(oracle_file(name)),
        source(name, file),
        checkpoint(require(open_checkpoint(source))),
        oracle(load_oracle(name, quantization)),
        tuning(require(Tuning::start(oracle.model, std::move(options), &checkpoint))) {}
  Tuned(const Tuned&) = delete;

  // The oracle's tokens, over and over.
  std::vector<Token> text(size_t count, size_t from = 0) const {
    std::vector<Token> tokens;
    for (size_t i = 0; i < count; ++i) tokens.push_back(oracle.tokens[(from + i) % oracle.tokens.size()]);
    return tokens;
  }
  // Documents of these lengths, and one of 30 tokens that is only foretold.
  TuningPlan plan(const std::vector<size_t>& lengths) {
    size_t from = 0;
    for (const size_t length : lengths) require(tuning.add(text(length, from++), {}, false));
    require(tuning.add(text(30, 7), {}, true));
    return require(tuning.plan());
  }
  Result<TuningStep> try_step() {
    for (;;) {
      const auto step = tuning.next();
      if (!step) return step.error();
      if (*step) return **step;
    }
  }
  TuningStep step() { return require(try_step()); }
  double validate() {
    for (;;)
      if (const auto loss = require(tuning.validate())) return *loss;
  }
  std::vector<std::vector<float>> values() const {
    std::vector<std::vector<float>> all;
    for (const Parameter& parameter : std::as_const(tuning).parameters()) all.push_back(parameter.values);
    return all;
  }

  Bytes file;
  MemorySource source;
  Checkpoint checkpoint;
  Oracle oracle;
  Tuning tuning;
};

// What learns fast enough for a few steps.
inline TuningOptions quick(Method method) {
  return {.method = method,
          .steps = 6,
          .context = 24,
          .batch = 2,
          .rate = {.rate = method == Method::kState ? 0.1 : 0.01, .schedule = Schedule::kCosine, .warmup = 2},
          .adapters = {.rank = 2, .alpha = 4},
          .seed = 5};
}

inline constexpr Method kMethods[] = {Method::kState, Method::kLora, Method::kFull};

}  // namespace rwkv
