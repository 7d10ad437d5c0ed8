// What is learned does not depend on the number of threads, bit for bit.
#include "threads.h"

#include "training/gradient_oracle.h"
#include "training/states.h"
#include "training/weights.h"

using namespace rwkv;

namespace {

// Holds what learned() answers on several threads against what it answers on one.
template <class F>
void check_on_threads(const std::string& what, F learned) {
  const auto alone = learned();
  for (const int threads : {2, 3})
    for (const double least_ns : {1e-3, Pool::kLeastNs}) {
      const Threads helpers(threads, least_ns);
      INFO(what << " on " << threads << " threads, ranges of " << least_ns << " ns");
      CHECK(learned() == alone);
    }
}

}  // namespace

TEST_CASE("gradients are the same on 1, 2 and 3 threads, for each version") {
  for (const char* name : kOracles) {
    const Bytes file = oracle_file(name);
    const MemorySource source(name, file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    Oracle oracle = load_oracle(name);
    TrainedWeights weights = require(TrainedWeights::start(checkpoint, oracle.model));
    Learning learning = require(Learning::start(oracle.model, weights.learned(), 20, 1));
    check_on_threads(name, [&] {
      for (Parameter& parameter : weights.parameters())
        std::fill(parameter.gradient.begin(), parameter.gradient.end(), 0.0f);
      const Config& c = oracle.model.config;
      State gradient = zeros(c);
      const double loss = Text{oracle.tokens}.learn(learning, oracle.model, State(c), gradient, 20);
      weights.collect();
      std::vector<std::vector<float>> all{gradient.values(), {float(loss)}};
      for (const Parameter& parameter : weights.parameters()) all.push_back(parameter.gradient);
      return all;
    });
  }
}

TEST_CASE("gradients through weights of 8 bits and less are the same on 1, 2 and 3 threads") {
  for (const char* name : kOracles)
    for (const Quantization format : {Quantization::kQ8, Quantization::kQ4}) {
      Oracle oracle = load_oracle(name, format);
      const Config& c = oracle.model.config;
      const TrainedState state = require(TrainedState::start(oracle.model));
      Learning learning = require(Learning::start(oracle.model, state.learned(), 20, 1));
      check_on_threads(std::string(name) + " in " + quantization_name(format), [&] {
        State gradient = zeros(c);
        const double loss = Text{oracle.tokens}.learn(learning, oracle.model, State(c), gradient, 20);
        return std::pair{gradient.values(), loss};
      });
    }
}

TEST_CASE("products with turned weights are the same on 1, 2 and 3 threads, at odd sizes") {
  Arena arena;
  const int R = 7, M = 331, K = 160;
  for (const Quantization format : {Quantization::kQ8, Quantization::kQ4}) {
    Matrix W = make_matrix(format, M, K);
    for (int group = 0; group * kGroup < M; ++group)
      pack_group(W, group, reference::random_floats(size_t(kGroup) * K, -1, 1, unsigned(group) + 1).data());
    auto dy = reference::random_floats(size_t(R) * M, -1, 1, 99);
    check_on_threads(std::string(quantization_name(format)), [&] {
      std::vector<float> dx(size_t(R) * K);
      matmul_backward(W, {dy.data(), R, M}, {dx.data(), R, K}, arena);
      return dx;
    });
  }
}
