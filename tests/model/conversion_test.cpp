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

std::vector<float> logits_of(const Checkpoint& checkpoint, Quantization quantization) {
  std::vector<Token> tokens(16);
  for (int i = 0; i < 16; ++i) tokens[size_t(i)] = 3 * i + 1;
  return read_all(require(load_model(checkpoint, quantization)), tokens, 16);
}

constexpr Quantization kAll[] = {Quantization::kF32, Quantization::kF16, Quantization::kQ8,
                                 Quantization::kQ4};

TEST_CASE("a packed file gives the logits of its source to the last bit") {
  for (const char* name : kOracles)
    for (const Quantization quantization : kAll) {
      INFO(name << " " << quantization_name(quantization));
      const OracleFile oracle(name);
      const Bytes file = converted(oracle.checkpoint, quantization);
      const MemorySource source("packed", file);
      const Checkpoint packed = require(open_checkpoint(source));
      CHECK(packed.packed_as == quantization_name(quantization));
      CHECK(logits_of(packed, quantization) == logits_of(oracle.checkpoint, quantization));
    }
}

TEST_CASE("packing a packed file anew changes nothing") {
  for (const Quantization quantization : kAll) {
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
  for (const Quantization quantization : kAll)
    CHECK(logits_of(exact, quantization) == logits_of(oracle.checkpoint, quantization));
  const Bytes q8 = converted(oracle.checkpoint, Quantization::kQ8);
  const MemorySource q8_source("packed", q8);
  CHECK(logits_of(require(open_checkpoint(q8_source)), Quantization::kF32).size() > 0);
}

TEST_CASE("a plan tells the memory that loading takes, without reading a weight") {
  for (const char* name : kOracles)
    for (const Quantization quantization : kAll) {
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
