// A list of operations, replayed, is the pass itself: to the last bit, for each version and shape.
#include "recording/recording.h"

#include "model/oracle.h"
#include "model/tiny_models.h"
#include "recording/replayer.h"

using namespace rwkv;

namespace {

Model load(const Parts& parts, Quantization quantization, int most_layers = 1 << 20) {
  const Bytes file = write_safetensors(parts);
  const MemorySource source("tiny.safetensors", file);
  Checkpoint checkpoint = require(open_checkpoint(source));
  checkpoint.most_layers = most_layers;
  return require(load_model(checkpoint, quantization));
}

// Every version that there is.
std::map<std::string, Parts> every_version() {
  const Parts v52 = oracle_parts("v52-fp16"), v7 = oracle_parts("v7-bf16");
  return {{"4", oracle_parts("v4-bf16")},
          {"5.0", tiny_50(v52)},
          {"5.1", tiny_51(v52, false)},
          {"5.2", v52},
          {"6", oracle_parts("v6-bf16")},
          {"7", v7},
          {"7a", tiny_7a(v7)}};
}

// What each text of a batch reads, how many rows of logits it wants, and whether the hidden states.
struct Text {
  int tokens;
  size_t wanted;
  bool hidden = false;
};

struct Read {
  std::vector<float> logits, hidden, states;
  bool operator==(const Read&) const = default;
};

class Batches {
 public:
  explicit Batches(const Model& model, size_t texts) : model_(model) {
    for (size_t i = 0; i < texts; ++i) states_.emplace_back(model.config);
  }

  // The slices of a pass; tokens go on where the last pass ended.
  std::vector<Slice> next(std::span<const Text> texts) {
    const auto V = size_t(model_.config.vocabulary), C = size_t(model_.config.channels);
    size_t rows = 0, wanted = 0;
    for (const Text& t : texts) rows += size_t(t.tokens), wanted += t.wanted;
    read_ = {std::vector<float>(wanted * V), std::vector<float>(rows * C), {}};
    tokens_.assign(rows, 0);
    for (size_t i = 0; i < rows; ++i) tokens_[i] = Token((i * 37 + 11 * seed_++) % V);
    std::vector<Slice> slices;
    size_t row = 0, logits = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      const Text& t = texts[i];
      slices.push_back({&states_[i], std::span(tokens_).subspan(row, size_t(t.tokens)), t.wanted,
                        read_.logits.data() + logits * V,
                        t.hidden ? read_.hidden.data() + row * C : nullptr});
      row += size_t(t.tokens), logits += t.wanted;
    }
    return slices;
  }
  Read& read() { return read_; }
  State& state(size_t i) { return states_[i]; }

 private:
  const Model& model_;
  std::deque<State> states_;
  std::vector<Token> tokens_;
  Read read_;
  size_t seed_ = 0;
};

std::span<const float> floats(State& state) { return {state.data(), state.size()}; }

// Two passes of `texts`, one behind the other: as forward() reads them in `expected`, and as lists of `model` do, of so many layers.
void check_same(const Model& expected, const Model& model, int layers, std::span<const Text> texts) {
  Recording recording(model);
  Replayer replayer(model, recording.weights(), 2 * texts.size() + 1);
  Batches straight(expected, texts.size()), listed(model, texts.size());
  Arena arena;
  std::vector<uint32_t> slots;
  for (size_t i = 0; i < texts.size(); ++i) {
    slots.push_back(uint32_t(2 * i + 1));
    std::ranges::copy(floats(listed.state(i)), replayer.slot(slots[i]).begin());
  }
  for (int pass = 0; pass < 2; ++pass) {
    forward(expected, straight.next(texts), arena);
    const std::vector<Slice> slices = listed.next(texts);
    const Batch batch(slices);
    const auto list = require(recording.list(
        {batch.rows(), int(texts.size()), int(batch.wanted.size()), batch.wants_hidden, layers}));
    replayer.replay(list, tables(batch, slots));
    Outputs out{{nullptr, int(batch.wanted.size()), model.config.vocabulary},
                {nullptr, batch.rows(), model.config.channels}};
    std::vector<float> logits, hidden;
    const auto taken = [&](uint32_t address, Rows& rows, std::vector<float>& floats) {
      if (address == kNone) return;
      const auto from = replayer.scratch(address, rows.size());
      floats.assign(from.begin(), from.end());
      rows.data = floats.data();
    };
    taken(list[4], out.logits, logits), taken(list[5], out.hidden, hidden);
    deliver(out, batch, slices);
    CHECK(listed.read().logits == straight.read().logits);
    CHECK(listed.read().hidden == straight.read().hidden);
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto state = floats(straight.state(i));
      CHECK(std::ranges::equal(replayer.slot(slots[i]).first(state.size()), state));
    }
  }
}
void check_same(const Model& model, std::span<const Text> texts) { check_same(model, model, 0, texts); }

}  // namespace

TEST_CASE("a list gives the bits of forward() for each version and shape, and leaves its states") {
  const Text kOne[] = {{1, 1}}, kChunk[] = {{32, 1}}, kGuesses[] = {{5, 4}},
             kRagged[] = {{3, 1}, {1, 0}, {9, 9, true}, {2, 2}}, kHidden[] = {{4, 0, true}, {3, 0, true}};
  for (const auto& [version, parts] : every_version()) {
    const Model model = load(parts, Quantization::kF32);
    CHECK(version_name(model.config.version) == version);
    INFO("version " << version);
    for (const std::span<const Text> texts :
         {std::span<const Text>(kOne), {kChunk}, {kGuesses}, {kRagged}, {kHidden}})
      check_same(model, texts);
  }
}

TEST_CASE("a list gives the bits of forward() in each number format") {
  const Text texts[] = {{1, 1}, {6, 2, true}};
  for (const Quantization quantization : kQuantizations) {
    INFO(quantization_name(quantization));
    check_same(load(oracle_parts("v7-bf16"), quantization), texts);
  }
}

TEST_CASE("a list of the first layers gives the bits of a model that has no more") {
  const Text texts[] = {{1, 1}, {3, 1, true}};
  for (const auto& [version, parts] : every_version()) {
    INFO("version " << version);
    const Model first = load(parts, Quantization::kQ8, 1);
    CHECK(first.config.layers == 1);
    check_same(first, load(parts, Quantization::kQ8), 1, texts);
  }
}

TEST_CASE("a list depends on nothing but the shape, and weights keep their numbers") {
  const Parts parts = oracle_parts("v7-bf16");
  const Model a = load(parts, Quantization::kQ8), b = load(parts, Quantization::kQ8);
  Recording of_a(a), of_b(b);
  const size_t weights = of_a.weights().weights().size();
  const auto first = require(of_a.list({7, 2, 3, false}));
  (void)require(of_b.list({1, 1, 1, true}));
  CHECK(require(of_b.list({7, 2, 3, false})) == first);
  CHECK(require(of_a.list({7, 2, 3, false})) == first);
  CHECK(of_a.weights().weights().size() == weights);
  CHECK(of_b.weights().weights().size() == weights);
  CHECK((first[0] == 7 && first[1] == 2 && first[2] == 3 && first[5] == kNone &&
         first.size() % kOperationWords == 0));
  for (const Weight& weight : of_a.weights().weights())
    CHECK((weight.bytes > 0 && weight.rows > 0 && weight.cols > 0));
}

TEST_CASE("a list is refused for shapes that no pass has and where scratch memory has no addresses") {
  const Model model = load_oracle("v4-bf16").model;
  Recording recording(model);
  for (const PassShape shape : {PassShape{0, 0, 0, false},
                                {1, 2, 1, false},
                                {4, 0, 1, false},
                                {4, 1, 5, false},
                                {4, 1, -1, false},
                                {4, 1, 1, false, -1},
                                {4, 1, 1, false, 99}})
    CHECK(recording.list(shape).error().kind == ErrorKind::kInvalidArgument);
  CHECK(recording.list({1 << 24, 1, 1 << 24, false}).error().kind == ErrorKind::kOutOfMemory);
}
