// Gradients against the oracles'.
#include "training/adapters.h"
#include "training/gradient_oracle.h"
#include "training/optimizer.h"
#include "training/states.h"
#include "training/weights.h"

using namespace rwkv;

namespace {

// A program in f32 that is not ours is off by 2e-6.
constexpr double kTolerance = 2e-5;

// A state whose recurrence is `tensors`' PREFIXlayerI.
State state_of(const Config& c, const Tensors& tensors, const std::string& prefix) {
  State state(c);
  std::vector<float> values = state.values();
  const size_t stride = values.size() / size_t(c.layers);
  for (int i = 0; i < c.layers; ++i) {
    const auto layer = tensors.floats(prefix + "layer" + std::to_string(i));
    std::copy(layer.begin(), layer.end(), values.begin() + ptrdiff_t(stride * size_t(i + 1) - layer.size()));
  }
  state.set_values(values);
  return state;
}

std::vector<float> recurrence_of(const Config& c, const State& state, int layer) {
  const std::vector<float> values = state.values();
  const auto end = values.begin() + ptrdiff_t(values.size() / size_t(c.layers) * size_t(layer + 1));
  return {end - c.wkv_floats(), end};
}

// Calls test(oracle, gradients) for the oracles whose gradients are here.
template <class F>
void each_oracle(F test) {
  for (const char* name : kOracles) {
    INFO(name);
    const auto gradients = gradients_of(name);
    if (!gradients) {
      WARN("skipped: its gradients are not here");
      continue;
    }
    Oracle oracle = load_oracle(name);
    test(name, oracle, *gradients);
  }
}

// The losses before the first of five steps and after each, for the learning of `parameters` by learn().
template <class Learn>
void check_five_steps(const std::vector<float>& losses, std::vector<Parameter>& parameters, float rate,
                      float beta2, Learn learn) {
  AdamW optimizer = require(AdamW::start(parameters, {.beta2 = beta2}));
  for (size_t step = 0; step < losses.size(); ++step) {
    INFO("step " << step);
    CHECK(std::fabs(learn() - losses[step]) < 1e-4);
    optimizer.step(parameters, rate);
  }
}

}  // namespace

TEST_CASE("gradients to all weights and to the initial state are the oracle's, however the text is cut") {
  each_oracle([](const char* name, Oracle& model, const Tensors& gradients) {
    const Bytes file = oracle_file(name);
    const MemorySource source(name, file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    const Config& c = model.model.config;
    TrainedWeights weights = require(TrainedWeights::start(checkpoint, model.model));
    Learning learning = require(Learning::start(model.model, weights.learned(), 39, 1));
    for (const bool from_zeros : {true, false})
      for (const size_t chunk : {39, 16, 5}) {
        const std::string prefix = from_zeros ? "" : "at_S0.";
        INFO(prefix << " in passes of " << chunk << " tokens");
        for (Parameter& parameter : weights.parameters())
          std::fill(parameter.gradient.begin(), parameter.gradient.end(), 0.0f);
        State gradient = zeros(c);
        const State start = from_zeros ? State(c) : state_of(c, gradients, "S0.");
        const double loss = Text{model.tokens}.learn(learning, model.model, start, gradient, chunk);
        weights.collect();
        CHECK(std::fabs(loss - gradients.floats(prefix + "loss")[0]) < 1e-5);
        size_t met = 0;
        for (const Parameter& parameter : weights.parameters()) {
          const std::string key = prefix + "dW." + parameter.name;
          INFO(parameter.name);
          if (gradients.has(key)) {
            ++met;
            CHECK(relative_error(parameter.gradient, gradients.floats(key)) < kTolerance);
          }
        }
        INFO(met << " tensors");
        CHECK(met == gradients.names(prefix + "dW.").size());
        for (int i = 0; i < c.layers; ++i) {
          INFO("state of layer " << i);
          CHECK(relative_error(recurrence_of(c, gradient, i),
                               gradients.floats(prefix + "dS0.layer" + std::to_string(i))) < kTolerance);
        }
      }
  });
}

TEST_CASE("gradients to adapters are the oracle's, also where B is zero") {
  each_oracle([](const char*, Oracle& oracle, const Tensors& gradients) {
    Model& model = oracle.model;
    const Config& c = model.config;
    Adapters adapters = require(Adapters::start(model, {.rank = 4, .alpha = 8}));
    Learning learning = require(Learning::start(model, adapters.learned(), 39, 1));
    const auto part =
        [](const Parameter& parameter) {  // "lora.A.blocks.0.att.key.weight" as ("A", "blocks...")
          const size_t dot = parameter.name.rfind(".lora_");
          return std::pair{parameter.name.substr(dot + 6), parameter.name.substr(0, dot)};
        };
    for (const bool at_zero : {false, true}) {
      for (Parameter& parameter : adapters.parameters()) {
        const auto [letter, tensor] = part(parameter);
        parameter.values = gradients.floats("lora." + letter + "." + tensor);
        if (at_zero && letter == "B") std::fill(parameter.values.begin(), parameter.values.end(), 0.0f);
        std::fill(parameter.gradient.begin(), parameter.gradient.end(), 0.0f);
      }
      adapters.assign();
      State gradient = zeros(c);
      const double loss = Text{oracle.tokens}.learn(learning, model, State(c), gradient, 39);
      adapters.collect();
      CHECK(std::fabs(loss - gradients.floats(at_zero ? "loss" : "lora.loss")[0]) < 1e-5);
      for (const Parameter& parameter : adapters.parameters()) {
        const auto [letter, tensor] = part(parameter);
        INFO(parameter.name << (at_zero ? " at zero" : ""));
        if (at_zero && letter == "A")
          CHECK(parameter.gradient == std::vector<float>(parameter.gradient.size()));
        else
          CHECK(relative_error(parameter.gradient,
                               gradients.floats((at_zero ? "lora.dB_at_zero." : "lora.d" + letter + ".") +
                                                tensor)) < kTolerance);
      }
    }
  });
}

TEST_CASE("five steps of AdamW have the oracle's losses: all weights, a state from zeros or not, adapters") {
  each_oracle([](const char* name, Oracle& oracle, const Tensors& gradients) {
    const Config& c = oracle.model.config;
    const Text text{oracle.tokens};
    {
      Adapters adapters = require(Adapters::start(oracle.model, {.rank = 4, .alpha = 8}));
      for (Parameter& parameter : adapters.parameters())
        if (const size_t dot = parameter.name.rfind(".lora_A"); dot != std::string::npos)
          parameter.values = gradients.floats("lora.A." + parameter.name.substr(0, dot));
      Learning learning = require(Learning::start(oracle.model, adapters.learned(), 39, 1));
      INFO("adapters");
      check_five_steps(gradients.floats("adamw.lora_f64"), adapters.parameters(), 1e-3f, 0.99f, [&] {
        adapters.assign();
        State gradient = zeros(c);
        const double loss = text.learn(learning, oracle.model, State(c), gradient, 39);
        adapters.collect();
        return loss;
      });
    }
    for (const char* run : {"state", "state_at_S0"}) {
      const std::string key = std::string("adamw.") + run + "_f64";
      if (!gradients.has(key)) continue;  // a fresh state of version 4 has no gradient
      const Learned nothing;
      TrainedState trained = require(TrainedState::start(oracle.model));
      if (run != std::string("state"))
        for (int i = 0; i < c.layers; ++i)
          trained.parameters()[size_t(i)].values = gradients.floats("S0.layer" + std::to_string(i));
      Learning learning = require(Learning::start(oracle.model, nothing, 39, 1));
      INFO(run);
      check_five_steps(gradients.floats(key), trained.parameters(), 1e-2f, 0.999f, [&] {
        trained.assign();
        State gradient = zeros(c);
        const double loss = text.learn(learning, oracle.model, trained.state(), gradient, 39);
        trained.add(gradient);
        return loss;
      });
    }
    const Bytes file = oracle_file(name);
    const MemorySource source(name, file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    TrainedWeights weights = require(TrainedWeights::start(checkpoint, oracle.model));
    Learning learning = require(Learning::start(oracle.model, weights.learned(), 39, 1));
    INFO("all weights");
    check_five_steps(gradients.floats("adamw.weights_f64"), weights.parameters(), 1e-3f, 0.99f, [&] {
      weights.assign();
      State gradient = zeros(c);
      const double loss = text.learn(learning, oracle.model, State(c), gradient, 39);
      weights.collect();
      return loss;
    });
  });
}
