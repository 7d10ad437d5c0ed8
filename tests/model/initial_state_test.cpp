#include "model/initial_state.h"

#include "formats/pth_writer.h"
#include "model/oracle.h"
#include "model/reference_model.h"
#include "model/tiny_models.h"
#include "session/session.h"

using namespace rwkv;

namespace {

constexpr const char* kTunable[] = {"v52-fp16", "v6-bf16", "v7-bf16"};

// A file in memory, open as long as it lives.
struct File {
  Bytes bytes;
  MemorySource source;
  Checkpoint checkpoint;

  explicit File(const Parts& parts, const char* name = "state.pth")
      : bytes(write_safetensors(parts)), source(name, bytes), checkpoint(require(open_checkpoint(source))) {}
  File(const File&) = delete;
};

Parts states_for(const Config& c) { return tiny_states(c.layers, c.heads, c.head_size); }

Parts merged(Parts model, const Parts& states) {
  model.insert(model.end(), states.begin(), states.end());
  return model;
}

// Logits at every position, (T, V), from an initial state.
std::vector<float> read_from(const Model& model, const InitialState& initial,
                             const std::vector<Token>& tokens) {
  std::vector<float> logits(tokens.size() * size_t(model.config.vocabulary));
  State state(model.config, initial);
  Arena arena;
  const Slice slice{&state, tokens, tokens.size(), logits.data()};
  forward(model, {&slice, 1}, arena);
  return logits;
}

Error refusal(const Config& config, const Parts& parts) {
  const File file(parts);
  const auto state = load_initial_state(file.checkpoint, config);
  REQUIRE(!state.ok());
  return state.error();
}

}  // namespace

TEST_CASE("a state merged into a model starts every version as the authors' loops start") {
  for (const char* name : kTunable) {
    const Oracle plain = load_oracle(name);
    const Config& c = plain.model.config;
    const Parts parts = merged(oracle_parts(name), states_for(c));
    const File file(parts);
    const Model model = require(load_model(file.checkpoint, Quantization::kF32));
    INFO(name);
    CHECK(model.initial_state.size() == size_t(c.layers));
    CHECK(model.parameters == plain.model.parameters);
    CHECK(model.warnings.empty());

    const std::vector<Token> tokens(plain.tokens.begin(), plain.tokens.begin() + 8);
    const auto expected =
        reference::Model(weights_of(parts), version_name(c.version), c.heads, c.layers, c.vocabulary)
            .logits(tokens);
    CHECK(reference::max_difference(read_from(model, model.initial_state, tokens), expected) < 2e-4);
    // Neither zeros nor the state turned the other way come near it.
    CHECK(reference::max_difference(read_from(model, {}, tokens), expected) > 0.01);
    InitialState turned = model.initial_state;
    const size_t N = size_t(c.head_size);
    for (auto& heads : turned)
      for (size_t at = 0; at < heads.size(); ++at) {
        const size_t head = at / (N * N) * N * N, i = at / N % N, j = at % N;
        if (i < j) std::swap(heads[at], heads[head + j * N + i]);
      }
    CHECK(reference::max_difference(read_from(model, turned, tokens), expected) > 0.01);
  }
}

TEST_CASE("a state in a file of its own is the state merged into the model") {
  for (const char* name : kTunable) {
    const Model model = load_oracle(name).model;
    const Parts states = states_for(model.config);
    const File file(states), whole(merged(oracle_parts(name), states));
    INFO(name);
    CHECK(require(load_initial_state(file.checkpoint, model.config)) ==
          require(load_model(whole.checkpoint, Quantization::kQ8)).initial_state);
  }
}

TEST_CASE("a packed file keeps the merged state as the source has it") {
  const Parts states = states_for(load_oracle("v6-bf16").model.config);
  const File whole(merged(oracle_parts("v6-bf16"), states));
  const Bytes bytes = converted(whole.checkpoint, Quantization::kQ8);
  const MemorySource source("packed", bytes);
  const Checkpoint packed = require(open_checkpoint(source));
  const Model from_packed = require(load_model(packed, Quantization::kQ8)),
              from_source = require(load_model(whole.checkpoint, Quantization::kQ8));
  CHECK(!from_packed.initial_state.empty());
  CHECK(from_packed.initial_state == from_source.initial_state);
  CHECK(from_packed.parameters == from_source.parameters);
}

TEST_CASE("a fresh session starts from the model's state, or from the one it is given") {
  const Oracle oracle = load_oracle("v7-bf16");
  const File file(merged(oracle_parts("v7-bf16"), states_for(oracle.model.config)));
  const Model tuned = require(load_model(file.checkpoint, Quantization::kF32));
  const auto read = [&](Session session) {
    require(session.prompt({{5, 6, 7}}));
    Arena arena;
    Session* one[] = {&session};
    while (session.pending()) require(read_pending(one, arena));
    return std::vector<float>(session.logits().begin(), session.logits().end());
  };
  const auto from_state = read(require(Session::create(tuned, nullptr, 1)));
  CHECK(from_state == read(require(Session::create(oracle.model, nullptr, 1, tuned.initial_state))));
  CHECK(from_state != read(require(Session::create(oracle.model, nullptr, 1))));
  CHECK(read(require(Session::create(tuned, nullptr, 1, InitialState()))) ==
        read(require(Session::create(oracle.model, nullptr, 1))));
}

TEST_CASE("a state tells its values as files keep them, whatever their order in memory") {
  for (const char* name : kTunable) {
    const Config config = load_oracle(name).model.config;
    const File file(states_for(config));
    const InitialState initial = require(load_initial_state(file.checkpoint, config));
    State state(config, initial), other(config);
    const std::vector<float> values = state.values();
    REQUIRE(values.size() == state.size());
    const size_t C = size_t(config.channels), stride = values.size() / size_t(config.layers);
    for (size_t layer = 0; layer < initial.size(); ++layer)
      CHECK(std::equal(initial[layer].begin(), initial[layer].end(), &values[layer * stride + 2 * C]));
    other.set_values(values);
    CHECK(other.values() == values);
    CHECK(std::equal(state.wkv(0), state.wkv(0) + initial[0].size(), other.wkv(0)));
  }
}

TEST_CASE("states come in any type of floats") {
  const Config config = load_oracle("v7-bf16").model.config;
  Parts states = states_for(config);
  for (FileTensor& part : states) part = part_of(part.name, DType::kBF16, part.shape, floats_of(part));
  const File file(states);
  const InitialState state = require(load_initial_state(file.checkpoint, config));
  const auto first = floats_of(states[0]);
  CHECK(state[0][1] == first[size_t(config.head_size)]);
  CHECK(state[0][size_t(config.head_size)] == first[1]);
}

TEST_CASE("a state comes from a .pth as from a .safetensors") {
  const Config config = load_oracle("v7-bf16").model.config;
  const Parts states = states_for(config);
  const Bytes pth = write_pth(states);
  const MemorySource source("state.pth", pth);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  const File file(states);
  CHECK(require(load_initial_state(checkpoint, config)) ==
        require(load_initial_state(file.checkpoint, config)));
}

TEST_CASE("what is no state for the model is refused and named") {
  const Config v7 = load_oracle("v7-bf16").model.config, v4 = load_oracle("v4-bf16").model.config;
  const Parts good = states_for(v7);
  const std::string shape = to_string({v7.heads, v7.head_size, v7.head_size});
  const auto check = [](const Error& error, const std::string& message) {
    CHECK(error.kind == ErrorKind::kBadModel);
    CHECK(error.message == "state.pth: " + message);
  };
  check(refusal(v4, good), "blocks.0.att.time_state: expected (3, 64), file has " + shape);
  check(refusal(v7, oracle_parts("v7-bf16")), "a model, not an initial state");
  check(refusal(v7, merged(oracle_parts("v7-bf16"), good)), "a model, not an initial state");
  check(refusal(v7, {part_of("blocks.0.att.key.other", DType::kF32, {2, 2}, {1, 2, 3, 4})}),
        "not an initial state: expected blocks.N.att.time_state only, file has blocks.0.att.key.other");
  check(refusal(v7, {good[0]}), "blocks.1.att.time_state: missing, expected " + shape);
  check(refusal(v7, {good[1]}), "blocks.0.att.time_state: missing, expected " + shape);
  check(refusal(v7, tiny_states(v7.layers + 1, v7.heads, v7.head_size)),
        "expected the states of " + std::to_string(v7.layers) + " layers, file has " +
            std::to_string(v7.layers + 1));
  check(refusal(v7, {part_of("blocks.7.att.time_state", DType::kF32, {1, 1, 1}, {0})}),
        "blocks.0.att.time_state: missing");
  check(refusal(v7, tiny_states(v7.layers, v7.heads * 2, v7.head_size / 2)),
        "blocks.0.att.time_state: expected " + shape + ", file has " +
            to_string({v7.heads * 2, v7.head_size / 2, v7.head_size / 2}));
  Parts not_finite = good;
  std::vector<float> values = floats_of(good[1]);
  values[3] = NAN;
  not_finite[1] = part_of(good[1].name, DType::kF32, good[1].shape, values);
  check(refusal(v7, not_finite), "blocks.1.att.time_state: 1 value is not finite");
}

TEST_CASE("a merged state that lacks layers, or belongs to no version, makes no model") {
  const auto refused = [](const char* name, const Parts& states) {
    const File file(merged(oracle_parts(name), states), "merged");
    const auto model = load_model(file.checkpoint, Quantization::kF32);
    REQUIRE(!model.ok());
    CHECK(model.error().kind == ErrorKind::kBadModel);
    return model.error().message;
  };
  const Parts good = states_for(load_oracle("v7-bf16").model.config);
  CHECK(refused("v7-bf16", {good[0]}).starts_with("merged: blocks.1.att.time_state: missing"));
  CHECK(refused("v7-bf16", {good[1]}).starts_with("merged: blocks.0.att.time_state: missing"));
  CHECK(refused("v4-bf16", good).find("att.time_state: expected (3, ") != std::string::npos);
}

TEST_CASE("a state that is taken for a model is named") {
  const Config config = load_oracle("v7-bf16").model.config;
  const File file(states_for(config));
  const auto model = load_model(file.checkpoint, Quantization::kF32);
  REQUIRE(!model.ok());
  CHECK(model.error().kind == ErrorKind::kBadModel);
  CHECK(model.error().message.starts_with("state.pth: an initial state (att.time_state), not a model"));
}
