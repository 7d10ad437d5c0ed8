// Learning where no oracle is: batches, numbers of threads, versions and number formats; and its memory.
#include "training/learning.h"

#include "fuzz/tiny_models.h"
#include "memory_budget.h"
#include "model/reference_model.h"
#include "model/tiny_models.h"
#include "training/adapters.h"
#include "training/gradient_oracle.h"
#include "training/states.h"
#include "training/weights.h"

using namespace rwkv;

namespace {

// What is learned of all weights in one pass: the parameters' gradients, then the lessons' states'.
std::vector<std::vector<float>> learn_all(const std::string& name,
                                          const std::vector<std::vector<Token>>& texts) {
  const Bytes file = oracle_file(name);
  const MemorySource source(name, file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  Oracle oracle = load_oracle(name);
  TrainedWeights weights = require(TrainedWeights::start(checkpoint, oracle.model));
  int rows = 0;
  for (const auto& text : texts) rows += int(text.size()) - 1;
  Learning learning = require(Learning::start(oracle.model, weights.learned(), rows, int(texts.size())));
  const State start(oracle.model.config);
  std::vector<State> gradients(texts.size(), zeros(oracle.model.config));
  std::vector<Lesson> lessons;
  const std::vector<float> ones(size_t(rows), 1.0f);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::span<const Token> text(texts[i]);
    lessons.push_back({&start, &gradients[i], text.first(text.size() - 1), text.subspan(1),
                       std::span(ones).first(text.size() - 1)});
  }
  learning.learn(lessons);
  weights.collect();
  std::vector<std::vector<float>> all;
  for (const Parameter& parameter : weights.parameters()) all.push_back(parameter.gradient);
  for (const State& gradient : gradients) all.push_back(gradient.values());
  return all;
}

Model load(const Parts& parts, Quantization quantization = Quantization::kF32) {
  const Bytes file = write_safetensors(parts);
  const MemorySource source("tiny.safetensors", file);
  return require(load_model(require(open_checkpoint(source)), quantization));
}

// The mean cross-entropy of the tokens but the first, in doubles.
double reference_loss(const std::map<std::string, reference::Doubles>& weights, const Config& c,
                      const std::vector<Token>& tokens) {
  const auto V = size_t(c.vocabulary);
  const auto logits =
      reference::Model(weights, version_name(c.version), c.heads, c.layers, c.vocabulary).logits(tokens);
  double loss = 0;
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    double sum = 0;
    for (size_t v = 0; v < V; ++v) sum += std::exp(logits[t * V + v]);
    loss += std::log(sum) - logits[t * V + size_t(tokens[t + 1])];
  }
  return loss / double(tokens.size() - 1);
}

using Weights = std::map<std::string, reference::Doubles>;

// The slope of the loss along a direction in which `moved(h)` gives the weights at distance h.
template <class Moved>
double slope(Moved moved, const Config& c, const std::vector<Token>& tokens) {
  constexpr double kStep = 1e-4;
  return (reference_loss(moved(kStep), c, tokens) - reference_loss(moved(-kStep), c, tokens)) / (2 * kStep);
}

double inner(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * b[i];
  return sum;
}

constexpr double kSlope = 1e-4;  // relative: of one direction, in which parts cancel

std::vector<Token> short_text() {
  const auto tokens = load_oracle("v7-bf16").tokens;
  return {tokens.begin(), tokens.begin() + 8};
}

}  // namespace

TEST_CASE("a ragged batch learns what its texts learn one by one") {
  for (const char* name : kOracles) {
    INFO(name);
    const auto tokens = load_oracle(name).tokens;
    const std::vector<std::vector<Token>> texts{{tokens.begin(), tokens.begin() + 20},
                                                {tokens.begin() + 20, tokens.begin() + 22},
                                                {tokens.begin() + 22, tokens.end()}};
    const auto together = learn_all(name, texts);
    std::vector<std::vector<float>> sums;
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto alone = learn_all(name, {texts[i]});
      const size_t weights = alone.size() - 1;
      if (i == 0) sums.assign(alone.begin(), alone.begin() + ptrdiff_t(weights));
      else
        for (size_t k = 0; k < weights; ++k)
          for (size_t j = 0; j < sums[k].size(); ++j) sums[k][j] += alone[k][j];
      CHECK(relative_error(together[weights + i], alone[weights]) < 1e-5);
    }
    for (size_t k = 0; k < sums.size(); ++k) CHECK(relative_error(together[k], sums[k]) < 1e-5);
  }
}

TEST_CASE("weights of versions 5.0 and 5.1 and their states learn along differences of the reference") {
  for (const bool is_51 : {false, true}) {
    Parts parts = is_51 ? tiny_51(oracle_parts("v52-fp16"), false) : tiny_50(oracle_parts("v52-fp16"));
    const std::vector<Token> tokens = short_text();
    const Bytes file = write_safetensors(parts);
    const MemorySource source("tiny.safetensors", file);
    const Checkpoint checkpoint = require(open_checkpoint(source));
    Model model = require(load_model(checkpoint, Quantization::kF32));
    const Config& c = model.config;
    INFO(version_name(c.version));
    TrainedWeights weights = require(TrainedWeights::start(checkpoint, model));
    Learning learning = require(Learning::start(model, weights.learned(), 7, 1));
    State gradient = zeros(c);
    const double loss = Text{tokens}.learn(learning, model, State(c), gradient, 7);
    weights.collect();
    const Weights at = weights_of(parts);
    CHECK(std::fabs(loss - reference_loss(at, c, tokens)) < 1e-5);
    for (const Parameter& parameter : weights.parameters()) {
      // Each kind of tensor once, and what only these versions have in every layer.
      if (parameter.name.starts_with("blocks.1.") && !parameter.name.ends_with("time_decay")) continue;
#ifdef __SANITIZE_ADDRESS__  // the reference is a hundred times as slow there
      if (!parameter.name.ends_with("time_decay")) continue;
#endif
      INFO(parameter.name);
      const auto direction = reference::random_floats(parameter.values.size(), -1, 1, 1);
      const double expected = slope(
          [&](double h) {
            Weights moved = at;
            auto& values = moved[parameter.name];
            for (size_t i = 0; i < values.size(); ++i) values[i] += h * direction[i];
            return moved;
          },
          c, tokens);
      CHECK(std::fabs(inner(parameter.gradient, direction) - expected) <=
            kSlope * (std::fabs(expected) + std::sqrt(inner(parameter.gradient, parameter.gradient))));
    }
  }
}

TEST_CASE("states and adapters of version 7a learn along differences of the reference") {
  const Parts parts = tiny_7a(oracle_parts("v7-bf16"));
  const std::vector<Token> tokens = short_text();
  Model model = load(parts);
  const Config& c = model.config;
  Adapters adapters = require(Adapters::start(model, {.rank = 2, .alpha = 3}));
  for (size_t i = 0; i < adapters.parameters().size(); ++i)
    adapters.parameters()[i].values =
        reference::random_floats(adapters.parameters()[i].values.size(), -0.1f, 0.1f, unsigned(i) + 1);
  adapters.assign();
  Learning learning = require(Learning::start(model, adapters.learned(), 7, 1));
  State gradient = zeros(c);
  const double loss = Text{tokens}.learn(learning, model, State(c), gradient, 7);
  adapters.collect();
  TrainedState of_state = require(TrainedState::start(model));
  of_state.add(gradient);

  // The weights with the adapters' values moved along `direction`, merged into the matrices.
  const Weights at = weights_of(parts);
  const auto merged = [&](double h, const std::vector<std::vector<float>>& direction) {
    Weights moved = at;
    for (size_t i = 0; i < adapters.parameters().size(); i += 2) {
      const Parameter &A = adapters.parameters()[i], &B = adapters.parameters()[i + 1];
      auto& W = moved[A.name.substr(0, A.name.rfind(".lora_"))];
      const auto rank = size_t(A.shape[0]), K = size_t(A.shape[1]), M = size_t(B.shape[0]);
      for (size_t m = 0; m < M; ++m)
        for (size_t k = 0; k < K; ++k)
          for (size_t r = 0; r < rank; ++r)
            W[m * K + k] += 1.5 * (B.values[m * rank + r] + h * direction[i + 1][m * rank + r]) *
                            (A.values[r * K + k] + h * direction[i][r * K + k]);
    }
    return moved;
  };
  std::vector<std::vector<float>> direction, still;
  double along = 0, size = 0;
  for (const Parameter& parameter : adapters.parameters()) {
    still.emplace_back(parameter.values.size());
    direction.push_back(
        reference::random_floats(parameter.values.size(), -1, 1, unsigned(direction.size()) + 100));
    along += inner(parameter.gradient, direction.back()),
        size += inner(parameter.gradient, parameter.gradient);
  }
  CHECK(std::fabs(loss - reference_loss(merged(0, still), c, tokens)) < 1e-5);
  const double expected = slope([&](double h) { return merged(h, direction); }, c, tokens);
  CHECK(std::fabs(along - expected) <= kSlope * (std::fabs(expected) + std::sqrt(size)));

  // The reference takes states as files have them: [head][value][key].
  for (const Parameter& state : of_state.parameters()) {
    INFO(state.name);
    const auto N = size_t(c.head_size);
    const auto to = reference::random_floats(state.values.size(), -1, 1, 7);
    const double slope_of_state = slope(
        [&](double h) {
          Weights moved = merged(0, still);
          for (int layer = 0; layer < c.layers; ++layer)
            moved[in_layer(layer, "att.time_state")] = reference::Doubles(state.values.size());
          auto& values = moved[state.name];
          for (size_t i = 0; i < values.size(); ++i) {
            const size_t head = i / (N * N) * (N * N), key = i / N % N, value = i % N;
            values[head + value * N + key] = h * to[i];
          }
          return moved;
        },
        c, tokens);
    CHECK(std::fabs(inner(state.gradient, to) - slope_of_state) <=
          kSlope * (std::fabs(slope_of_state) + std::sqrt(inner(state.gradient, state.gradient))));
  }
}

TEST_CASE("through quantised weights go the gradients of those that they stand for") {
  for (const char* name : kOracles)
    // f16 products are those of the same floats. q8 and q4 round activations and gradients to 127 steps of a
    // block: the gradients differ by 0.019 to 0.043, by 0.009 to 0.036 where activations alone are rounded.
    for (const auto& [quantization, bound] :
         {std::pair{Quantization::kF16, 1e-6}, {Quantization::kQ8, 0.05}, {Quantization::kQ4, 0.05}}) {
      INFO(name << " " << quantization_name(quantization));
      const Oracle oracle = load_oracle(name, quantization);
      const Model rounded = load_rounded(oracle_file(name), quantization);
      const Learned nothing;
      const auto gradient_of = [&](const Model& model) {
        Learning learning = require(Learning::start(model, nothing, 39, 1));
        State gradient = zeros(model.config), start(model.config);
        auto values = start.values();
        const auto noise = reference::random_floats(values.size(), 0.5f, 1, 3);
        const size_t stride = values.size() / size_t(model.config.layers);
        for (size_t i = 0; i < values.size(); ++i)
          if (i % stride >= 2 * size_t(model.config.channels)) values[i] = noise[i];
        start.set_values(values);
        Text{oracle.tokens}.learn(learning, model, start, gradient, 39);
        return gradient.values();
      };
      const double error = relative_error(gradient_of(oracle.model), gradient_of(rounded));
      CHECK(error < bound);
    }
}

TEST_CASE("tokens of no weight are not learned, whatever they are") {
  const Oracle oracle = load_oracle("v7-bf16");
  const Learned nothing;
  Learning learning = require(Learning::start(oracle.model, nothing, 39, 1));
  const auto learned = [&](Token last) {
    Text text{oracle.tokens};
    text.tokens.back() = last, text.weights.back() = 0;
    State gradient = zeros(oracle.model.config);
    const double loss = text.learn(learning, oracle.model, State(oracle.model.config), gradient, 39);
    return std::pair{loss, gradient.values()};
  };
  CHECK(learned(1) == learned(2));
}

TEST_CASE("the loss alone is that of learning, and changes no gradient") {
  const Oracle oracle = load_oracle("v6-bf16");
  const Learned nothing;
  Learning learning = require(Learning::start(oracle.model, nothing, 39, 1));
  const State start(oracle.model.config);
  State gradient = zeros(oracle.model.config);
  const std::span<const Token> tokens(oracle.tokens);
  const std::vector<float> ones(39, 1.0f);
  const Lesson lesson{&start, &gradient, tokens.first(39), tokens.subspan(1), ones};
  const double loss = learning.evaluate({&lesson, 1});
  CHECK(gradient.values() == zeros(oracle.model.config).values());
  CHECK(learning.learn({&lesson, 1}) == loss);
}

TEST_CASE("learning takes the memory that it tells, or is refused before it starts") {
  for (const Version version : {Version::k4, Version::k5_2, Version::k6, Version::k7, Version::k7a}) {
    INFO(version_name(version));
    const fuzz::OpenFile file(write_safetensors(fuzz::tiny_model(version, 64, 2, 4096)));
    Model model = require(load_model(file.checkpoint, Quantization::kF32));
    Adapters adapters = require(Adapters::start(model, {}));
    constexpr int kRows = 96, kLessons = 3;
    const uint64_t bytes = Learning::bytes(model, adapters.learned(), kRows, kLessons);
    std::string code;
    {
      const MemoryBudget budget(bytes + kSmallBytes - 1);
      const auto started = Learning::start(model, adapters.learned(), kRows, kLessons);
      code = started ? "" : error_code(started.error().kind);
    }
    CHECK(code == "out-of-memory");
    const std::vector<Token> tokens(kRows / kLessons, 7);
    const std::vector<float> ones(tokens.size(), 1.0f);
    const State start(model.config);
    std::vector<State> gradients(kLessons, zeros(model.config));
    std::vector<Lesson> lessons;
    for (State& gradient : gradients) lessons.push_back({&start, &gradient, tokens, tokens, ones});
    const int64_t before = live_bytes();
    int64_t after = 0, later = 0;
    double loss = NAN;
    {
      const MemoryBudget budget(bytes + kSmallBytes);
      auto learning = Learning::start(model, adapters.learned(), kRows, kLessons);
      if (learning) {
        after = live_bytes() - before;
        loss = learning->learn(lessons);
        later = live_bytes() - before;
      }
    }
    CHECK(std::isfinite(loss));
    CHECK(after <= int64_t(bytes));
    CHECK(after > int64_t(bytes) / 2);
    CHECK(later == after);
  }
}

TEST_CASE("adapters that make no sense are refused, and whole models that cannot be learned") {
  Model model = load_oracle("v7-bf16").model;
  for (const AdapterOptions& options :
       {AdapterOptions{.rank = 0}, AdapterOptions{.rank = 1 << 20}, AdapterOptions{.alpha = NAN},
        AdapterOptions{.alpha = -1}, AdapterOptions{.targets = {"att.gate"}},
        AdapterOptions{.targets = {}}}) {
    const auto adapters = Adapters::start(model, options);
    REQUIRE(!adapters);
    CHECK(adapters.error().kind == ErrorKind::kInvalidArgument);
  }
  const Bytes file = oracle_file("v7-bf16");
  const MemorySource source("v7", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  Model quantised = require(load_model(checkpoint, Quantization::kQ8));
  const auto weights = TrainedWeights::start(checkpoint, quantised);
  REQUIRE(!weights);
  CHECK(weights.error().kind == ErrorKind::kUnsupported);
}
