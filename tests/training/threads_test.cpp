// What is learned does not depend on the number of threads, bit for bit.
#include "threads.h"

#include "training/gradient_oracle.h"
#include "training/weights.h"

using namespace rwkv;

TEST_CASE("gradients are the same on 1, 2 and 3 threads, for each version") {
  for (const char* name : kOracles) {
    const Bytes file = oracle_file(name);
    const MemorySource source(name, file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    Oracle oracle = load_oracle(name);
    TrainedWeights weights = require(TrainedWeights::start(checkpoint, oracle.model));
    Learning learning = require(Learning::start(oracle.model, weights.learned(), 20, 1));
    const auto learned = [&] {
      for (Parameter& parameter : weights.parameters())
        std::fill(parameter.gradient.begin(), parameter.gradient.end(), 0.0f);
      const Config& c = oracle.model.config;
      State gradient = zeros(c);
      const double loss = Text{oracle.tokens}.learn(learning, oracle.model, State(c), gradient, 20);
      weights.collect();
      std::vector<std::vector<float>> all{gradient.values(), {float(loss)}};
      for (const Parameter& parameter : weights.parameters()) all.push_back(parameter.gradient);
      return all;
    };
    const auto alone = learned();
    for (const int threads : {2, 3})
      for (const double least_ns : {1e-3, Pool::kLeastNs}) {
        const Threads helpers(threads, least_ns);
        INFO(name << " on " << threads << " threads, ranges of " << least_ns << " ns");
        CHECK(learned() == alone);
      }
  }
}
