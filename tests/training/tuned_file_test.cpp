// What was learned, written and read back: to the same bits, by the readers that models and states have.
#include "training/tuned_file.h"

#include "formats/pth_writer.h"
#include "model/initial_state.h"
#include "model/oracle.h"
#include "model/tiny_models.h"
#include "training/adapters.h"
#include "training/gradient_oracle.h"
#include "training/states.h"
#include "training/weights.h"

using namespace rwkv;

namespace {

constexpr const char* kVersions[] = {"v4-bf16", "v52-fp16", "v6-bf16", "v7-bf16"};
constexpr TensorFileFormat kFormats[] = {TensorFileFormat::kSafetensors, TensorFileFormat::kPth};

Bytes bytes_of(Result<TensorFile> made) {
  TensorFile file = require(std::move(made));
  Bytes bytes;
  for (Buffer piece = require(file.next()); piece.bytes() > 0; piece = require(file.next()))
    bytes.insert(bytes.end(), piece.span().begin(), piece.span().end());
  CHECK(bytes.size() == file.bytes());
  return bytes;
}

std::vector<float> values_of(const Checkpoint& checkpoint, const std::string& name) {
  INFO(name);
  const Tensor* tensor = checkpoint.find(name);
  REQUIRE(tensor);
  TensorReader reader(checkpoint, {});
  return require(reader.values(*tensor));
}

// As if it had been learned: no two values are alike.
void fill(std::vector<Parameter>& parameters) {
  float value = 0.5f;
  for (Parameter& parameter : parameters)
    for (float& v : parameter.values) v = value += 0.001f;
}

}  // namespace

TEST_CASE("a state that was learned is read back to the same bits, in every version and format") {
  for (const char* name : kVersions)
    for (const TensorFileFormat format : kFormats) {
      const Model model = load_oracle(name).model;
      TrainedState learned = require(TrainedState::start(model));
      fill(learned.parameters());
      learned.assign();
      const Bytes bytes = bytes_of(state_file(learned.parameters(), format));
      const MemorySource source("state", bytes);
      INFO(name);
      const auto read = require(load_initial_state(require(open_checkpoint(source)), model.config));
      CHECK(State(model.config, read).values() == learned.state().values());
    }
}

TEST_CASE("states are written in the order of the field, [head][value][key]") {
  const Model model = load_oracle("v7-bf16").model;
  TrainedState learned = require(TrainedState::start(model));
  fill(learned.parameters());
  const Bytes bytes = bytes_of(state_file(learned.parameters(), TensorFileFormat::kPth));
  const MemorySource source("state.pth", bytes);
  const auto written = values_of(require(open_checkpoint(source)), "blocks.1.att.time_state");
  const auto N = size_t(model.config.head_size);
  CHECK(written[1] == learned.parameters()[1].values[N]);
  CHECK(written[N * N + 3 * N + 2] == learned.parameters()[1].values[N * N + 2 * N + 3]);
}

TEST_CASE("adapters are written under the names of the field, with their alpha") {
  for (const TensorFileFormat format : kFormats) {
    Model model = load_oracle("v6-bf16").model;
    Adapters adapters = require(Adapters::start(model, {.rank = 4, .alpha = 6, .targets = {"att.key"}}));
    fill(adapters.parameters());
    const Bytes bytes = bytes_of(lora_file(adapters.parameters(), 6, format));
    const MemorySource source("lora", bytes);
    const Checkpoint file =
        require(format == TensorFileFormat::kPth ? open_pth(source) : open_safetensors(source));
    CHECK(file.tensors.size() == adapters.parameters().size() + 1);
    CHECK(values_of(file, "lora_alpha") == std::vector<float>{6});
    CHECK(file.find("blocks.1.att.key.lora_A")->shape == Shape{4, model.config.channels});
    CHECK(values_of(file, "blocks.1.att.key.lora_B") == adapters.parameters()[3].values);
  }
}

TEST_CASE("all weights are written as a model that every loader takes, with what the file has beside them") {
  for (const char* name : kVersions)
    for (const TensorFileFormat format : kFormats) {
      Parts parts = oracle_parts(name);
      parts.push_back(part_of("of.no \"use\"\\", DType::kF16, {2, 1}, {1, 2}));
      const Bytes base = write_pth(parts);
      const MemorySource base_source("base", base);
      const Checkpoint checkpoint = require(open_pth(base_source));
      Model model = require(load_model(checkpoint, Quantization::kF32));
      TrainedWeights weights = require(TrainedWeights::start(checkpoint, model));
      for (float& value : weights.parameters()[0].values) value += 0.25f;
      weights.assign();
      const Bytes bytes = bytes_of(weights_file(weights.parameters(), &checkpoint, format));
      const MemorySource source(name, bytes);
      const Checkpoint written =
          require(format == TensorFileFormat::kPth ? open_pth(source) : open_safetensors(source));
      CHECK(written.tensors.size() == checkpoint.tensors.size());
      for (const auto& [tensor_name, tensor] : checkpoint.tensors) {
        REQUIRE(written.find(tensor_name));
        CHECK(written.find(tensor_name)->shape == tensor.shape);
        CHECK(written.find(tensor_name)->dtype == DType::kF32);
      }
      CHECK(values_of(written, "of.no \"use\"\\") == std::vector<float>{1, 2});
      CHECK(values_of(written, "emb.weight") == weights.parameters()[0].values);
      const Model again = require(load_model(written, Quantization::kF32));
      Arena arena;
      std::vector<float> logits[2];
      const std::vector<Token> tokens = {3, 1, 4, 1, 5};
      for (const Model* one : {&std::as_const(model), &again}) {
        State state(one->config);
        auto& out = logits[one == &again];
        out.resize(tokens.size() * size_t(one->config.vocabulary));
        const Slice slice{&state, tokens, tokens.size(), out.data()};
        forward(*one, {&slice, 1}, arena);
      }
      CHECK(logits[0] == logits[1]);
    }
}

TEST_CASE("a .pth beyond what its zip can tell is refused before anything is written") {
  const TensorToWrite large{"a", {1 << 15, 1 << 15}, [] { return Buffer(0); }};
  const auto file = TensorFile::start({large, large}, TensorFileFormat::kPth);
  REQUIRE(!file.ok());
  CHECK(file.error().kind == ErrorKind::kUnsupported);
  CHECK(TensorFile::start({large, large}, TensorFileFormat::kSafetensors).ok());
}
