#include "training/tuning.h"

#include "memory_budget.h"
#include "training/gradient_oracle.h"
#include "training/tuned.h"

using namespace rwkv;

TEST_CASE("passes are short enough, meet every text, and learn a long one from its last part to its first") {
  const std::vector<int> lengths{3, 4, 5, 21, 1, 9, 10, 11, 2, 2, 2, 2};
  const auto length_of = [&](size_t i) { return lengths[i]; };
  for (const bool backwards : {true, false}) {
    const Passes passes(10, 3, backwards);
    std::vector<int> met(lengths.size());
    std::optional<Pass> before;
    for (auto pass = passes.next({}, lengths.size(), length_of); pass;
         pass = passes.next(pass, lengths.size(), length_of)) {
      INFO("texts from " << pass->first << ", part " << pass->part);
      CHECK(pass->count <= 3);
      CHECK((pass->count == 1 || pass->parts == 1));
      int rows = 0;
      for (size_t i = pass->first; i < pass->first + pass->count; ++i)
        rows += (lengths[i] + pass->parts - 1) / pass->parts, met[i] += !pass->reads_only;
      CHECK(rows <= 10);
      if (pass->reads_only) CHECK((backwards && met[pass->first] == 0 && pass->part + 1 < pass->parts));
      if (before && before->first == pass->first && !pass->reads_only && !before->reads_only)
        CHECK(pass->part == before->part + (backwards ? -1 : 1));
      before = pass;
    }
    for (size_t i = 0; i < lengths.size(); ++i) CHECK(met[i] == (lengths[i] + 9) / 10);
  }
  CHECK(!Passes(1, 1, true).next({}, 0, length_of));
}

TEST_CASE("every method learns a text, in every version, and its steps tell what they did") {
  for (const char* name : kOracles)
    for (const Method method : kMethods) {
      if (method == Method::kState && std::string(name).starts_with("v4"))
        continue;  // from zeros nothing moves
      INFO(name << ", method " << int(method));
      Tuned tuned(name, quick(method));
      const TuningPlan plan = tuned.plan({40, 11, 2});
      CHECK(plan.steps == 6);
      CHECK(plan.step == 0);
      CHECK(plan.learned_tokens == 39 + 10 + 1);
      CHECK(plan.validation_tokens == 29);
      CHECK(plan.excerpts == 2 + 1 + 1);
      const double before = tuned.validate();
      double first = 0, last = 0;
      for (int step = 1; step <= 6; ++step) {
        const TuningStep made = tuned.step();
        CHECK(made.step == step);
        CHECK(made.rate == learning_rate(tuned.tuning.options().rate, step - 1));
        // Two steps are an epoch.
        (step % 2 ? first : last) = made.loss;
        if (step % 2 == 0) CHECK(made.tokens > 0);
      }
      CHECK(tuned.validate() < before);
      CHECK(std::isfinite(first + last));
    }
}

TEST_CASE("epochs count steps that meet every excerpt so often") {
  TuningOptions options = quick(Method::kState);
  options.steps = 0, options.epochs = 3;
  Tuned tuned("v7-bf16", options);
  CHECK(tuned.plan({40, 11, 2, 30, 30}).steps == (3 * 8 + 1) / 2);
}

TEST_CASE("a text in parts is learned as a pass learns it that is long enough, and foretold as well") {
  for (const char* name : kOracles) {
    Oracle oracle = load_oracle(name);
    const std::vector<uint8_t> ones(39, 1);
    const Excerpt text{oracle.tokens, ones};
    // Loss and gradients, and the loss alone.
    const auto learned = [&](int rows) {
      Adapters adapters = require(Adapters::start(oracle.model, {.rank = 2}));
      for (size_t i = 0; i < adapters.parameters().size(); ++i) {
        auto& values = adapters.parameters()[i].values;
        values = reference::random_floats(values.size(), -0.1f, 0.1f, unsigned(i) + 1);
      }
      adapters.assign();
      TrainedState state = require(TrainedState::start(oracle.model));
      Walk walk = require(Walk::start(oracle.model, adapters.learned(), {rows, 1, (38 + rows) / rows}));
      const auto loss = [&](bool backwards) {
        const Passes passes(rows, 1, backwards);
        const auto next = [&](const std::optional<Pass>& pass) {
          return passes.next(pass, 1, [](size_t) { return 39; });
        };
        double sum = 0;
        for (auto pass = next({}); pass; pass = next(pass)) {
          walk.begin(*pass, {&text, 1}, 1 / 39.0f, &state, backwards);
          std::optional<double> loss;
          while (!(loss = walk.advance())) continue;
          sum += *loss;
        }
        return sum;
      };
      std::vector<float> all;
      const double backwards = loss(true);
      CHECK(std::fabs(backwards - loss(false)) < 1e-6);
      adapters.collect();
      for (const auto* parameters : {&adapters.parameters(), &state.parameters()})
        for (const Parameter& parameter : *parameters)
          all.insert(all.end(), parameter.gradient.begin(), parameter.gradient.end());
      return std::pair{backwards, all};
    };
    const auto [loss, gradients] = learned(39);
    for (const int rows : {38, 16, 5, 1}) {
      INFO(name << " in passes of " << rows << " tokens");
      const auto [cut_loss, cut_gradients] = learned(rows);
      CHECK(std::fabs(cut_loss - loss) < 1e-5);
      CHECK(relative_error(cut_gradients, gradients) < 1e-5);
    }
  }
}

TEST_CASE("what is measured between steps changes none of them") {
  for (const Method method : kMethods) {
    Tuned measured("v6-bf16", quick(method)), alone("v6-bf16", quick(method));
    measured.plan({40, 11}), alone.plan({40, 11});
    for (int i = 0; i < 3; ++i) {
      measured.validate();
      CHECK(measured.step().loss == alone.step().loss);
    }
    CHECK(measured.values() == alone.values());
  }
}

TEST_CASE("a step whose numbers are not finite is refused by its number and rate, and changes nothing") {
  for (const Method method : {Method::kLora, Method::kFull}) {  // heads are normed, whatever states hold
    INFO("method " << int(method));
    TuningOptions options = quick(method);
    options.rate = {.rate = 1e30};
    Tuned tuned("v7-bf16", options);
    tuned.plan({40});
    const auto failed = [&] {
      for (;;) {
        const auto values = tuned.values();
        const auto step = tuned.try_step();
        if (step) continue;
        CHECK(tuned.values() == values);
        return step.error();
      }
    };
    const Error error = failed();
    CHECK(error.kind == ErrorKind::kBadModel);
    CHECK(error.message.find("1e+30") != std::string::npos);
    const std::vector<std::byte> saved = require(tuned.tuning.save());
    CHECK(failed().message == error.message);
    CHECK(require(tuned.tuning.save()) == saved);
  }
}

TEST_CASE("options and documents that make no sense are refused by name") {
  Oracle oracle = load_oracle("v7-bf16");
  const auto refusal = [&](auto change) {
    TuningOptions options = quick(Method::kLora);
    change(options);
    const auto tuning = Tuning::start(oracle.model, options, nullptr);
    return tuning ? std::string()
                  : std::string(error_code(tuning.error().kind)) + ": " + tuning.error().message;
  };
  CHECK(refusal([](auto& o) { o.steps = 0; }).starts_with("invalid-argument: steps:"));
  CHECK(refusal([](auto& o) { o.epochs = 1; }).starts_with("invalid-argument: steps:"));
  CHECK(refusal([](auto& o) { o.context = 0; }).starts_with("invalid-argument: contextLength:"));
  CHECK(refusal([](auto& o) { o.batch = -1; }).starts_with("invalid-argument: batch:"));
  for (const double rate : {0.0, -1.0, 2e30, double(NAN)})
    CHECK(refusal([=](auto& o) { o.rate.rate = rate; }).starts_with("invalid-argument: learningRate:"));
  CHECK(refusal([](auto& o) { o.rate.warmup = -1; }).starts_with("invalid-argument: warmup:"));
  CHECK(refusal([](auto& o) { o.adapters.rank = 0; }).starts_with("invalid-argument: adapters:"));
  CHECK(refusal([](auto&) {}).empty());

  Tuned tuned("v7-bf16", quick(Method::kState));
  const std::vector<Token> one{3}, unknown{3, 1 << 30};
  const std::vector<uint8_t> nothing{1, 0};
  require(tuned.tuning.add(one, {}, false));
  require(tuned.tuning.add(std::vector<Token>{3, 4}, nothing, false));
  CHECK(!tuned.tuning.add(unknown, {}, false));
  const auto plan = tuned.tuning.plan();
  REQUIRE(!plan);
  CHECK(plan.error().kind == ErrorKind::kInvalidArgument);
  CHECK(tuned.plan({40}).excerpts == 2);  // it goes on
}

TEST_CASE("where memory lacks that is told, and the rest of the run has the same bits") {
  for (const Method method : kMethods) {
    INFO("method " << int(method));
    Tuned undisturbed("v7-bf16", quick(method)), tuned("v7-bf16", quick(method));
    const TuningPlan plan = undisturbed.plan({40, 11});
    require(tuned.tuning.add(tuned.text(40), {}, false));
    require(tuned.tuning.add(tuned.text(11, 1), {}, false));
    require(tuned.tuning.add(tuned.text(30, 7), {}, true));
    const int64_t before = live_bytes();
    std::vector<std::string> codes;
    const auto with = [&](uint64_t bytes, auto act) {
      const MemoryBudget budget(bytes);
      const auto done = act();
      codes.push_back(done ? "" : error_code(done.error().kind));
    };
    for (const uint64_t bytes : {64ull << 10, (unsigned long long)plan.bytes / 2})
      with(bytes, [&] { return tuned.tuning.plan(); });
    CHECK(codes == std::vector<std::string>{"out-of-memory", "out-of-memory"});
    CHECK(live_bytes() <= before + 4096);
    with(plan.bytes + 2 * kSmallBytes, [&] { return tuned.tuning.plan(); });
    CHECK(codes.back().empty());
    CHECK(live_bytes() <= before + int64_t(plan.bytes));
    for (int i = 0; i < 3; ++i) {
      with(64 << 10, [&] { return tuned.tuning.next(); });
      CHECK(codes.back() == "out-of-memory");
      with(64 << 10, [&] { return tuned.tuning.save(); });
      CHECK(codes.back() == "out-of-memory");
      const double loss = tuned.step().loss;
      CHECK(loss == undisturbed.step().loss);
    }
    CHECK(tuned.values() == undisturbed.values());
  }
}
