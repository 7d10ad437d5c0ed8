#include "model/conversion.h"

#include "model/oracle.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

struct OracleFile {
  explicit OracleFile(const std::string& name)
      : bytes(read_file(fixture("oracle/" + name + ".pth"))),
        source(name, bytes),
        checkpoint(require(open_checkpoint(source))) {}
  Bytes bytes;
  MemorySource source;
  Checkpoint checkpoint;
};

std::vector<float> logits_of(const Model& model) {
  const std::vector<Token> tokens = {1, 4, 7, 10, 13, 16};  // a tile of rows and a part of one
  return read_all(model, tokens, tokens.size());
}

std::vector<float> logits_of(const Checkpoint& checkpoint, Quantization quantization) {
  return logits_of(require(load_model(checkpoint, quantization)));
}

struct InParts {
  Model model;
  int parts;
};

InParts load_in_parts(const Checkpoint& checkpoint, Quantization quantization, uint64_t part_bytes) {
  Loading loading = require(Loading::start(checkpoint, quantization, {}, part_bytes));
  int parts = 1;
  while (require(loading.next())) ++parts;
  return {loading.finish(), parts};
}

TEST_CASE("a packed file gives the logits of its source to the last bit") {
  for (const auto& [name, quantization] : oracles_in_formats()) {
    INFO(name << " " << quantization_name(quantization));
    const OracleFile oracle(name);
    const Bytes file = converted(oracle.checkpoint, quantization);
    const MemorySource source("packed", file);
    const Checkpoint packed = require(open_checkpoint(source));
    CHECK(packed.packed_as == quantization_name(quantization));
    CHECK(logits_of(packed, quantization) == logits_of(oracle.checkpoint, quantization));
  }
}

TEST_CASE("a model that is loaded in small parts is the same, whatever the file") {
  constexpr uint64_t kPart = 5000;
  for (const auto& [name, quantization] : oracles_in_formats()) {
    INFO(name << " " << quantization_name(quantization));
    const OracleFile oracle(name);
    const auto expected = logits_of(oracle.checkpoint, quantization);
    const InParts own = load_in_parts(oracle.checkpoint, quantization, kPart);
    CHECK(own.parts > int(oracle.bytes.size() / kPart / 2));
    CHECK(logits_of(own.model) == expected);
    CHECK(own.model.bytes == require(load_model(oracle.checkpoint, quantization)).bytes);

    const Bytes file = converted(oracle.checkpoint, quantization);
    const MemorySource source("packed", file);
    const Checkpoint packed = require(open_checkpoint(source));
    CHECK(logits_of(load_in_parts(packed, quantization, kPart).model) == expected);
    for (const Quantization other : {Quantization::kF32, Quantization::kQ8})  // unpacks and packs anew
      CHECK(logits_of(load_in_parts(packed, other, kPart).model) == logits_of(packed, other));
  }
}

TEST_CASE("an error in the middle of a load stays the answer") {
  const OracleFile oracle("v7-bf16");
  const FaultySource faulty("v7", oracle.bytes, oracle.bytes.size() / 2);
  Checkpoint checkpoint = oracle.checkpoint;
  checkpoint.source = &faulty;
  Loading loading = require(Loading::start(checkpoint, Quantization::kQ8, {}, 5000));
  auto more = loading.next();
  int parts = 1;
  for (; more.ok(); ++parts) {
    REQUIRE(*more);
    more = loading.next();
  }
  CHECK(parts > 3);
  CHECK(more.error().kind == ErrorKind::kReadFailed);
  CHECK(loading.next().error().message == more.error().message);
}

TEST_CASE("packing a packed file anew changes nothing") {
  for (const Quantization quantization : kQuantizations) {
    const OracleFile oracle("v6-bf16");
    const Bytes file = converted(oracle.checkpoint, quantization);
    const MemorySource source("packed", file);
    CHECK(converted(require(open_checkpoint(source)), quantization) == file);
  }
}

TEST_CASE("a packed file loads in any other quantization, from what it holds") {
  const OracleFile oracle("v7-bf16");
  const Bytes f32 = converted(oracle.checkpoint, Quantization::kF32);
  const MemorySource source("packed", f32);
  const Checkpoint exact = require(open_checkpoint(source));
  for (const Quantization quantization : kQuantizations)
    CHECK(logits_of(exact, quantization) == logits_of(oracle.checkpoint, quantization));
  const Bytes q8 = converted(oracle.checkpoint, Quantization::kQ8);
  const MemorySource q8_source("packed", q8);
  CHECK(logits_of(require(open_checkpoint(q8_source)), Quantization::kF32).size() > 0);
}

TEST_CASE("a plan tells the memory that loading takes, without reading a weight") {
  for (const auto& [name, quantization] : oracles_in_formats()) {
    const OracleFile oracle(name);
    const Model model = require(load_model(oracle.checkpoint, quantization));
    Checkpoint unreadable = oracle.checkpoint;
    const FaultySource faulty(name, oracle.bytes, 0);
    unreadable.source = &faulty;
    const ModelPlan plan = require(plan_model(unreadable, quantization));
    CHECK(plan.bytes == model.bytes);
    CHECK(plan.parameters == model.parameters);
  }
}

TEST_CASE("packed matrices in the wrong place are refused") {
  const OracleFile oracle("v7-bf16");
  const Bytes file = converted(oracle.checkpoint, Quantization::kQ8);
  const MemorySource source("packed", file);
  const auto error_with = [&](const char* to, const char* from) {
    Checkpoint packed = require(open_checkpoint(source));
    Tensor tensor = *packed.find(from);
    tensor.name = to;
    tensor.shape = packed.find(to)->shape;
    packed.tensors[to] = tensor;
    const auto model = load_model(packed, Quantization::kQ8);
    REQUIRE_FALSE(model.ok());
    return model.error().message;
  };
  CHECK_THAT(error_with("ln_out.weight", "blocks.0.att.key.weight"),
             ContainsSubstring("ln_out.weight: expected no packed"));
  CHECK_THAT(error_with("blocks.0.att.key.weight", "blocks.0.att.w1"),
             ContainsSubstring("packed the other way round"));
}

TEST_CASE("a source that fails in the middle of a conversion gives its own error") {
  const OracleFile oracle("v7-bf16");
  const FaultySource faulty("v7", oracle.bytes, oracle.bytes.size() / 2);
  Checkpoint checkpoint = oracle.checkpoint;
  checkpoint.source = &faulty;
  Conversion conversion = require(Conversion::start(checkpoint, Quantization::kQ8));
  for (;;) {
    auto piece = conversion.next();
    if (!piece.ok()) {
      CHECK(piece.error().kind == ErrorKind::kReadFailed);
      break;
    }
    REQUIRE(piece->bytes() > 0);
  }
}

}  // namespace
}  // namespace rwkv
