// The oracles as other programs' files: written as their converters write, read, and run.
#include "formats/ggml_writer.h"
#include "formats/gguf_writer.h"
#include "model/oracle.h"
#include "reference.h"

using namespace rwkv;

namespace {

// An oracle's checkpoint, from its .pth file.
struct Original {
  explicit Original(const std::string& name)
      : file(read_file(fixture("oracle/" + name + ".pth"))),
        source(name, file),
        checkpoint(require(open_checkpoint(source))) {}
  Bytes file;
  MemorySource source;
  Checkpoint checkpoint;
};

// The first tokens tell whether a file holds the same weights; oracle_test.cpp reads all of them.
Oracle beginning_of(const std::string& name) {
  Oracle oracle = load_oracle(name);
  oracle.logits.resize(oracle.logits.size() / oracle.tokens.size() * 10);
  oracle.tokens.resize(10);
  return oracle;
}

std::vector<float> logits_of(const Checkpoint& checkpoint, const std::vector<Token>& tokens) {
  return read_all(require(load_model(checkpoint, Quantization::kF32)), tokens, 40);
}

std::vector<float> logits_of(const Bytes& file, const std::vector<Token>& tokens) {
  REQUIRE(!file.empty());
  const MemorySource source("model", file);
  return logits_of(require(open_checkpoint(source)), tokens);
}

// The same model with every value decoded, in f32.
Bytes as_f32(const Bytes& file, bool gguf) {
  const MemorySource source("model", file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  return gguf ? write_gguf(checkpoint) : write_ggml(checkpoint);
}

constexpr DType kBlockTypes[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0};

}  // namespace

TEST_CASE("a GGUF file gives the authors' logits") {
  for (const char* name : {"v6-bf16", "v7-bf16"}) {
    const Original original(name);
    const Oracle oracle = beginning_of(name);
    const auto check = [&](const char* what, const GgufOptions& options) {
      INFO(name << " " << what);
      const auto logits = logits_of(write_gguf(original.checkpoint, options), oracle.tokens);
      CHECK(reference::max_difference(logits, oracle.logits) < 2e-4);
    };
    check("F32", {});
    check("BF16", {.matrices = DType::kBF16});
    check("version 2", {.version = 2});
    check("mus apart", {.fused = false});
    check("halved at every layer", {.rescale_every = 1});
    check("never halved", {.rescale_every = 0});
    check("alignment 4096", {.alignment = 4096});
  }
}

TEST_CASE("every tensor of a GGUF file is the authors', name, shape and value") {
  for (const char* name : {"v6-bf16", "v7-bf16"}) {
    const Original original(name);
    const Bytes file = write_gguf(original.checkpoint);
    const MemorySource source("model.gguf", file);
    const Checkpoint read = require(open_checkpoint(source));
    CHECK(std::string(read.format) == "GGUF");
    CHECK(read.group_norm_eps == 64e-5f);
    for (const auto& [key, tensor] : original.checkpoint.tensors) {
      INFO(name << " " << key);
      const bool is_unused = key == "blocks.0.att.v0" || key == "blocks.0.att.v1" || key == "blocks.0.att.v2";
      const Tensor* found = read.find(key);
      CHECK((found != nullptr) == !is_unused);
      if (!found) continue;
      Shape expected = tensor.shape, shape = found->shape;
      std::erase(expected, 1), std::erase(shape, 1);
      CHECK(shape == expected);
      CHECK(values_of(read, *found) == values_of(original.checkpoint, tensor));
    }
    for (const auto& [key, tensor] : read.tensors) CHECK(original.checkpoint.find(key));
  }
}

TEST_CASE("a quantised GGUF file gives the logits of its decoded values") {
  for (const char* name : {"v6-bf16", "v7-bf16"}) {
    const Original original(name);
    const Oracle oracle = beginning_of(name);
    for (const DType dtype : kBlockTypes) {
      INFO(name << " " << dtype_name(dtype));
      const Bytes file = write_gguf(original.checkpoint, {.matrices = dtype});
      const auto logits = logits_of(file, oracle.tokens);
      CHECK(reference::max_difference(logits, logits_of(as_f32(file, true), oracle.tokens)) < 2e-4);
    }
    const auto halves = logits_of(write_gguf(original.checkpoint, {.matrices = DType::kF16}), oracle.tokens);
    CHECK(reference::max_difference(halves, oracle.logits) < 2e-3);
  }
}

TEST_CASE("an rwkv.cpp file gives the authors' logits, but for its eps") {
  for (const char* name : kOracles) {
    const Original original(name);
    const Oracle oracle = beginning_of(name);
    for (const uint32_t version : {100u, 101u}) {
      INFO(name << " version " << version);
      const Bytes file = write_ggml(original.checkpoint, {.version = version});
      const MemorySource source("model.bin", file);
      Checkpoint checkpoint = require(open_checkpoint(source));
      CHECK(std::string(checkpoint.format) == "rwkv.cpp");
      const bool is_v5 = std::string(name) == "v52-fp16";
      CHECK(checkpoint.group_norm_eps == (is_v5 ? 1e-5f : 64e-5f));
      checkpoint.group_norm_eps = 64e-5f;
      CHECK(reference::max_difference(logits_of(checkpoint, oracle.tokens), oracle.logits) < 2e-4);
    }
  }
}

TEST_CASE("a quantised rwkv.cpp file gives the logits of its decoded values") {
  for (const char* name : kOracles) {
    const Original original(name);
    const std::vector<Token> tokens = beginning_of(name).tokens;
    for (const DType dtype : kBlockTypes) {
      INFO(name << " " << dtype_name(dtype));
      const Bytes file = write_ggml(original.checkpoint, {.matrices = dtype});
      CHECK(reference::max_difference(logits_of(file, tokens), logits_of(as_f32(file, false), tokens)) <
            2e-4);
    }
  }
}

TEST_CASE("a GGUF file with K-types gives the logits of its decoded values") {
#ifdef RWKV_EMULATED_SIMD
  SKIP("a model of 8 million weights takes minutes here; decode_blocks_test.cpp reads such blocks");
#endif
  const Bytes shipped = read_file(RWKV_STORYTELLER "/rwkv7-tales-8.0M-q4.safetensors");
  const MemorySource source("storyteller", shipped);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  // "Oh, look!" cried Bunny Brown. "I see a
  const std::vector<Token> prompt = {0, 35, 343, 45, 1774, 304, 2285, 2095, 2092, 47, 258, 74, 1262, 285};
  for (const DType dtype : {DType::kQ4_K, DType::kQ5_K, DType::kQ6_K}) {
    INFO(dtype_name(dtype));
    const Bytes file = write_gguf(checkpoint, {.matrices = dtype});
    const MemorySource written("model.gguf", file);
    // Its rows are 256 long, a block; those of the channel mix's other matrix, 960, take Q8_0.
    const Checkpoint read = require(open_checkpoint(written));
    CHECK(read.find("blocks.1.ffn.key.weight")->dtype == dtype);
    CHECK(read.find("blocks.1.ffn.value.weight")->dtype == DType::kQ8_0);
    const auto logits = logits_of(read, prompt);
    CHECK(reference::max_difference(logits, logits_of(as_f32(file, true), prompt)) < 2e-4);
    const auto last = std::span(logits).last(size_t(checkpoint.find("emb.weight")->shape[0]));
    CHECK(std::max_element(last.begin(), last.end()) - last.begin() == 1082);  // " big"
  }
}
