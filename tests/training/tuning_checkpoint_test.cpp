// Checkpoints of learning: what goes on from one, and what none is.
#include "training/gradient_oracle.h"
#include "training/identity.h"
#include "training/tuned.h"

using namespace rwkv;

namespace {

using Saved = std::vector<std::byte>;

Status restore(Tuned& tuned, const Saved& saved) {
  const MemorySource file("run.checkpoint", saved);
  return tuned.tuning.restore(file);
}

std::string refusal(Tuned& tuned, const Saved& saved) {
  const Status restored = restore(tuned, saved);
  return restored ? "" : std::string(error_code(restored.error().kind)) + ": " + restored.error().message;
}

}  // namespace

TEST_CASE("learning that goes on from a checkpoint ends with the bits of one that was never stopped") {
  for (const char* name : {"v4-bf16", "v7-bf16"})
    for (const Method method : kMethods) {
      INFO(name << ", method " << int(method));
      Tuned whole(name, quick(method));
      whole.plan({40, 11, 30});
      std::vector<double> losses;
      Saved at_two;
      for (int step = 1; step <= 6; ++step) {
        losses.push_back(whole.step().loss);
        if (step == 2) at_two = require(whole.tuning.save());
      }
      Tuned later(name, quick(method));
      later.plan({40, 11, 30});
      require(restore(later, at_two));
      CHECK(require(later.tuning.save()) == at_two);
      for (size_t step = 3; step <= 6; ++step) {
        const TuningStep made = later.step();
        CHECK(made.step == int(step));
        CHECK(made.loss == losses[step - 1]);
      }
      CHECK(later.values() == whole.values());
      CHECK(require(later.tuning.save()) == require(whole.tuning.save()));
    }
}

TEST_CASE("between the pieces of a step the last whole step is saved") {
  TuningOptions options = quick(Method::kState);
  options.context = 700, options.batch = 1;
  Tuned tuned("v7-bf16", options);
  tuned.plan({701});
  tuned.step();
  const Saved after = require(tuned.tuning.save());
  while (!require(tuned.tuning.next())) CHECK(require(tuned.tuning.save()) == after);
  CHECK(require(tuned.tuning.save()) != after);
}

TEST_CASE("a checkpoint of another model, other options or other texts is refused by what differs") {
  Tuned tuned("v7-bf16", quick(Method::kLora));
  tuned.plan({40});
  tuned.step();
  const Saved saved = require(tuned.tuning.save());
  const auto of = [&](auto change, const char* name = "v7-bf16", size_t length = 40,
                      Quantization quantization = Quantization::kF32) {
    TuningOptions options = quick(Method::kLora);
    change(options);
    Tuned other(name, options, quantization);
    other.plan({length});
    const auto before = other.values();
    const std::string text = refusal(other, saved);
    CHECK(other.values() == before);
    CHECK(other.step().step == 1);  // it learns on its own
    return text;
  };
  const auto same = [](auto&) {};
  const std::string start = "invalid-argument: run.checkpoint: a checkpoint of other learning: ";
  CHECK(of([](auto& o) { o.rate.rate = 0.02; }) == start + "learningRate: expected 0.02, found 0.01");
  CHECK(of([](auto& o) { o.steps = 7; }) == start + "steps: expected 7, found 6");
  CHECK(of([](auto& o) { o.batch = 1; }) == start + "batch: expected 1, found 2");
  CHECK(of([](auto& o) { o.seed = 6; }) == start + "seed: expected 6, found 5");
  CHECK(of([](auto& o) { o.adapters.rank = 3; }) == start + "rank: expected 3, found 2");
  CHECK(of([](auto& o) { o.method = Method::kState; }) == start + "method: expected state, found lora");
  CHECK(of([](auto& o) {
          o.adapters.targets = {"att.key"};
        }).starts_with(start + "targets: expected att.key, "));
  CHECK(of(same, "v6-bf16") == start + "version: expected 6, found 7");
  CHECK(of(same, "v7-bf16", 41).starts_with(start + "texts: "));
  CHECK(of(same, "v7-bf16", 40, Quantization::kQ8) == start + "quantization: expected q8, found f32");
}

TEST_CASE("a model of which a matrix is another is another model") {
  Model model = load_oracle("v7-bf16").model, other = load_oracle("v7-bf16").model;
  CHECK(identity_of(model) == identity_of(other));
  std::get<TimeMix7>(other.layers[1].time_mix).K.data.span()[5] ^= std::byte{1};
  CHECK(difference(identity_of(model), identity_of(other)).starts_with("weights: expected "));
}

TEST_CASE("a damaged checkpoint is refused wherever it is damaged, and nothing of it is taken") {
  Tuned tuned("v7-bf16", quick(Method::kState));
  tuned.plan({40});
  const Saved saved = require(tuned.tuning.save());
  const auto values = tuned.values();
  const size_t step = saved.size() / 97;
  for (size_t at = 0; at < saved.size(); at += at < 600 ? 1 : step) {
    Saved damaged = saved;
    damaged[at] ^= std::byte{0x41};
    CHECK(refusal(tuned, damaged).starts_with("bad-file: run.checkpoint: "));
    damaged = {saved.begin(), saved.begin() + ptrdiff_t(at)};
    CHECK(refusal(tuned, damaged).starts_with("bad-file: run.checkpoint: "));
  }
  Saved longer = saved;
  longer.resize(saved.size() + 64);
  CHECK(refusal(tuned, longer).starts_with("bad-file: "));
  CHECK(tuned.values() == values);
  CHECK(refusal(tuned, saved).empty());
}
