// Adapters merged into their model while it is read.
#include "formats/lora.h"

#include "formats/pth_writer.h"
#include "model/oracle.h"
#include "model/tiny_models.h"
#include "training/weights.h"

using namespace rwkv;

namespace {

constexpr Quantization kAll[] = {Quantization::kF32, Quantization::kF16, Quantization::kQ8,
                                 Quantization::kQ4};

constexpr int kRank = 4;
constexpr float kAlphaOfTests = 6;

struct Named {
  const char *matrix, *module;
};

// Adapters of two matrices of every layer, by the names of a style.
Parts adapters(const Parts& model, const std::string& before, const std::string& blocks,
               const std::string& behind,
               std::initializer_list<Named> matrices = {{"att.key", "att.key"}, {"ffn.value", "ffn.value"}}) {
  Parts parts;
  for (int layer = 0; layer < layers_of(model); ++layer)
    for (const auto& [matrix, module] : matrices) {
      Parts copy = model;
      const Shape W = find(copy, in_layer(layer, std::string(matrix) + ".weight"))->shape;
      const std::string name = before + blocks + "." + std::to_string(layer) + "." + module + ".lora_";
      const auto random = [&](Shape shape, unsigned seed) {
        return reference::random_floats(size_t(shape[0] * shape[1]), -0.2f, 0.2f, seed + unsigned(layer));
      };
      const Shape A = {kRank, W[1]}, B = {W[0], kRank};
      parts.push_back(part_of(name + "A" + behind, DType::kF32, A, random(A, 3)));
      parts.push_back(part_of(name + "B" + behind, DType::kF32, B, random(B, 5)));
    }
  return parts;
}

Parts with_alpha(Parts parts, float alpha = kAlphaOfTests) {
  parts.push_back(part_of("lora_alpha", DType::kF32, {1}, {alpha}));
  return parts;
}

// W + scale B A, in F32, by a plain loop.
Parts merged(Parts model, const Parts& adapters, float scale) {
  for (const FileTensor& A : adapters) {
    if (!A.name.ends_with("lora_A")) continue;
    Parts copy = adapters;
    const std::string stem = A.name.substr(0, A.name.size() - 7);
    const std::vector<float> a = floats_of(A), b = floats_of(*find(copy, stem + ".lora_B"));
    FileTensor& W = *find(model, stem + ".weight");
    std::vector<float> values = floats_of(W);
    const size_t K = size_t(W.shape[1]), M = size_t(W.shape[0]);
    for (size_t m = 0; m < M; ++m)
      for (size_t k = 0; k < K; ++k)
        for (size_t j = 0; j < kRank; ++j) values[m * K + k] += scale * b[m * kRank + j] * a[j * K + k];
    W = part_of(W.name, DType::kF32, W.shape, values);
  }
  return model;
}

// A model's file and one of adapters, open as long as it lives.
struct Pair {
  Bytes model_bytes, lora_bytes;
  MemorySource model{"model", model_bytes}, lora{"lora", lora_bytes};
  JoinedSource both{model, lora};
  Checkpoint checkpoint = require(open_checkpoint(model));
  Status joined;

  Pair(Bytes model, Bytes adapters, LoraScale scale = {})
      : model_bytes(std::move(model)),
        lora_bytes(std::move(adapters)),
        joined(join_lora(checkpoint, both, scale)) {}
  Pair(const Pair&) = delete;
};

std::vector<float> logits_of(const Model& model) {
  const std::vector<Token> tokens = {3, 1, 4, 1, 5, 9};
  std::vector<float> logits(tokens.size() * size_t(model.config.vocabulary));
  State state(model.config);
  Arena arena;
  const Slice slice{&state, tokens, tokens.size(), logits.data()};
  forward(model, {&slice, 1}, arena);
  return logits;
}

std::vector<float> logits_of(const Checkpoint& checkpoint, Quantization quantization = Quantization::kF32) {
  return logits_of(require(load_model(checkpoint, quantization)));
}

std::vector<float> logits_of(const Parts& parts, Quantization quantization = Quantization::kF32) {
  const Bytes bytes = write_safetensors(parts);
  const MemorySource source("merged", bytes);
  return logits_of(require(open_checkpoint(source)), quantization);
}

// Of the bytes of two models' matrices: sums that builds round in their own ways may fall to either side of a step.
double share_of_other_bytes(Model a, Model b) {
  const std::vector<Field> fields = fields_of(a, "att.time_faaaa"), others = fields_of(b, "att.time_faaaa");
  size_t differ = 0, all = 0;
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto* matrix = std::get_if<Matrix*>(&fields[i].place);
    if (!matrix) continue;
    const auto bytes = std::as_bytes((*matrix)->data.span()),
               other = std::as_bytes(std::get<Matrix*>(others[i].place)->data.span());
    REQUIRE(bytes.size() == other.size());
    for (size_t at = 0; at < bytes.size(); ++at) differ += bytes[at] != other[at];
    all += bytes.size();
  }
  return double(differ) / double(all);
}

// Merged while it is read, and before.
double share_of_other_bytes(const Pair& pair, const Parts& expected, Quantization quantization) {
  const Bytes bytes = write_safetensors(expected);
  const MemorySource source("merged", bytes);
  return share_of_other_bytes(require(load_model(pair.checkpoint, quantization)),
                              require(load_model(require(open_checkpoint(source)), quantization)));
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  return reference::max_difference(a, reference::doubles(b));
}

Error refusal(const Parts& model, const Parts& lora, LoraScale scale = {}) {
  const Pair pair(write_safetensors(model), write_safetensors(lora), scale);
  if (!pair.joined) return pair.joined.error();
  const auto loaded = load_model(pair.checkpoint, Quantization::kQ8);
  REQUIRE(!loaded.ok());
  CHECK(!plan_model(pair.checkpoint, Quantization::kQ8).ok());  // known before a weight is read
  return loaded.error();
}

}  // namespace

TEST_CASE("adapters are merged as W + alpha / rank B A, in every version and number format") {
  for (const char* name : kOracles) {
    const Parts model = oracle_parts(name), lora = adapters(model, "", "blocks", "");
    const Parts expected = merged(model, lora, kAlphaOfTests / kRank);
    const Pair pair(write_safetensors(model), write_pth(with_alpha(lora)));
    require(pair.joined);
    INFO(name);
    for (const Quantization quantization : {Quantization::kF16, Quantization::kQ8, Quantization::kQ4})
      CHECK(share_of_other_bytes(pair, expected, quantization) < 0.01);
    CHECK(difference(logits_of(pair.checkpoint), logits_of(expected)) < 1e-4);
    CHECK(difference(logits_of(pair.checkpoint), logits_of(model)) > 0.1);
  }
}

TEST_CASE("a model with adapters has the parameters and the memory of the model") {
  const Parts model = oracle_parts("v7-bf16");
  const Bytes plain = write_safetensors(model);
  const Pair pair(plain, write_safetensors(with_alpha(adapters(model, "", "blocks", ""))));
  require(pair.joined);
  const MemorySource source("plain", plain);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  for (const Quantization quantization : kAll) {
    const Model with = require(load_model(pair.checkpoint, quantization)),
                without = require(load_model(checkpoint, quantization));
    CHECK(with.parameters == without.parameters);
    CHECK(with.bytes == without.bytes);
    CHECK(require(plan_model(pair.checkpoint, quantization)).bytes == without.bytes);
  }
}

TEST_CASE("adapters are known by the names that other programs give them") {
  const Parts v6 = oracle_parts("v6-bf16"), v7 = oracle_parts("v7-bf16");
  const auto check = [](const Parts& model, const Parts& lora, const Parts& plain) {
    const Pair pair(write_safetensors(model), write_safetensors(lora), {.alpha = kAlphaOfTests});
    INFO(lora[0].name);
    require(pair.joined);
    CHECK(difference(logits_of(pair.checkpoint), logits_of(merged(model, plain, kAlphaOfTests / kRank))) <
          1e-4);
  };
  const Parts plain6 = adapters(v6, "", "blocks", ""), plain7 = adapters(v7, "", "blocks", "");
  check(v6, adapters(v6, "base_model.model.", "blocks", ".weight"), plain6);
  check(v6, adapters(v6, "base_model.model.", "blocks", ".default.weight"), plain6);
  check(v6,
        adapters(v6, "base_model.model.rwkv.", "blocks", ".weight",
                 {{"att.key", "attention.key"}, {"ffn.value", "feed_forward.value"}}),
        plain6);
  check(v7,
        adapters(v7, "base_model.model.model.", "layers", ".weight",
                 {{"att.key", "attn.k_proj"}, {"ffn.value", "ffn.value"}}),
        plain7);
}

TEST_CASE("the scale is what the caller says, else alpha / rank, by the caller's alpha or the file's") {
  const Parts model = oracle_parts("v7-bf16"), lora = adapters(model, "", "blocks", "");
  const auto check = [&](const Parts& file, LoraScale scale, float expected) {
    const Pair pair(write_safetensors(model), write_safetensors(file), scale);
    require(pair.joined);
    CHECK(difference(logits_of(pair.checkpoint), logits_of(merged(model, lora, expected))) < 1e-4);
  };
  check(lora, {.alpha = 2}, 0.5f);
  check(with_alpha(lora), {.alpha = 2}, 0.5f);
  check(with_alpha(lora), {.alpha = 2, .scale = 0.25f}, 0.25f);
  for (const Parts& file : {lora, with_alpha(lora, NAN), with_alpha(lora, INFINITY)}) {
    const Error error = refusal(model, file);
    CHECK(error.kind == ErrorKind::kInvalidArgument);
    CHECK(error.message == "lora: does not tell its alpha: say alpha, or scale");
  }
}

TEST_CASE("tensors that were trained whole beside the adapters stand in place of the model's") {
  Parts model = oracle_parts("v6-bf16"), lora = adapters(model, "", "blocks", "");
  Parts expected = merged(model, lora, kAlphaOfTests / kRank);
  for (const char* name : {"blocks.0.ln1.weight", "blocks.1.att.time_decay"}) {
    FileTensor& own = *find(expected, name);
    std::vector<float> values = floats_of(own);
    for (float& value : values) value += 0.5f;
    own = part_of(name, DType::kF32, own.shape, values);
    lora.push_back(own);
  }
  const Pair pair(write_safetensors(model), write_pth(with_alpha(lora)));
  require(pair.joined);
  CHECK(difference(logits_of(pair.checkpoint), logits_of(expected)) < 1e-4);
}

TEST_CASE("adapters are merged into a packed file, whose weights are unpacked for it and packed again") {
  const Parts model = oracle_parts("v7-bf16"), lora = adapters(model, "", "blocks", "");
  for (const Quantization quantization : {Quantization::kF32, Quantization::kQ8, Quantization::kQ4}) {
    const Bytes bytes = write_safetensors(model);
    const MemorySource source("model", bytes);
    const Pair pair(converted(require(open_checkpoint(source)), quantization),
                    write_safetensors(with_alpha(lora)));
    require(pair.joined);
    Parts unpacked = model;
    TensorReader reader(pair.checkpoint, {});
    for (FileTensor& part : unpacked) {
      if (!part.name.ends_with("att.key.weight") && !part.name.ends_with("ffn.value.weight")) continue;
      std::vector<float> values;
      require(reader.each_rows(*pair.checkpoint.find(part.name), [&](int, int count, const float* rows) {
        values.insert(values.end(), rows, rows + count * part.shape[1]);
      }));
      part = part_of(part.name, DType::kF32, part.shape, values);
    }
    const Parts expected = merged(unpacked, lora, kAlphaOfTests / kRank);
    if (quantization == Quantization::kF32)
      CHECK(difference(logits_of(pair.checkpoint), logits_of(expected)) < 1e-4);
    else CHECK(share_of_other_bytes(pair, expected, quantization) < 0.01);
  }
}

TEST_CASE("adapters that do not fit, and those of other kinds, are refused and named") {
  const Parts model = oracle_parts("v7-bf16"), good = with_alpha(adapters(model, "", "blocks", ""));
  const auto without = [&](std::string_view name) {
    Parts parts = good;
    std::erase_if(parts, [&](const FileTensor& part) { return part.name == name; });
    return parts;
  };
  const auto instead = [&](std::string_view name, std::string as, Shape shape) {
    Parts parts = without(name);
    parts.push_back(
        part_of(std::move(as), DType::kF32, shape, std::vector<float>(size_t(shape[0] * shape[1]))));
    return parts;
  };
  const auto check = [&](const Parts& lora, ErrorKind kind, const std::string& message) {
    const Error error = refusal(model, lora);
    CHECK(error.kind == kind);
    CHECK(error.message == message);
  };
  const std::string key = "blocks.0.att.key.lora_";
  constexpr int64_t C = 128;
  check(instead(key + "A", key + "A", {kRank, C / 2}), ErrorKind::kBadModel,
        "model with lora: " + key + "A: expected (4, 128), file has (4, 64)");
  check(instead(key + "B", key + "B", {C / 2, kRank}), ErrorKind::kBadModel,
        "model with lora: " + key + "B: expected (128, 4), file has (64, 4)");
  check(instead(key + "A", key + "A", {2 * kRank, C}), ErrorKind::kBadModel,
        "model with lora: " + key + "A: expected (4, 128), file has (8, 128)");
  check(without(key + "A"), ErrorKind::kBadFile,
        "lora: expected lora_A and lora_B, one of each for a matrix");
  check(with_alpha({}), ErrorKind::kBadFile, "lora: expected lora_A and lora_B, one of each for a matrix");
  check(instead("", "blocks.1.ln1.weight", {2, 2}), ErrorKind::kBadModel,
        "model with lora: blocks.1.ln1.weight: expected (128), file has (2, 2)");
  for (const char* other :
       {"blocks.9.att.key.lora_A", "blocks.0.ln1.lora_A", "emb.lora_A", "blocks.0.att.key.bone",
        "blocks.0.att.key.lora_M", "blocks.0.att.key.init_lora_A", "blocks.0.att.key.lora.0",
        "blocks.0.att.key.lora_", "nonsense"})
    check(instead("", other, {1, 1}), ErrorKind::kBadModel,
          "lora: " + std::string(other) +
              ": neither lora_A or lora_B of a matrix of the model nor one of its tensors; other kinds of "
              "adapters are not read");
  check(instead("", key + "A.second.weight", {kRank, C}), ErrorKind::kBadFile,
        "lora: expected lora_A and lora_B, one of each for a matrix");
}

TEST_CASE("adapters that are not finite are told of, as weights are") {
  const Parts model = oracle_parts("v7-bf16");
  Parts lora = with_alpha(adapters(model, "", "blocks", ""));
  std::vector<float> values = floats_of(lora[0]);
  values[7] = NAN;
  lora[0] = part_of(lora[0].name, DType::kF32, lora[0].shape, values);
  const Pair pair(write_safetensors(model), write_safetensors(lora));
  require(pair.joined);
  const Model loaded = require(load_model(pair.checkpoint, Quantization::kQ8));
  REQUIRE(!loaded.warnings.empty());
  CHECK(loaded.warnings[0] == "blocks.0.att.key.lora_A: 1 value is not finite");
}

TEST_CASE("a file of adapters that is no model file, or is cut off, is told by its name") {
  const Parts model = oracle_parts("v7-bf16");
  Bytes cut = write_safetensors(with_alpha(adapters(model, "", "blocks", "")));
  cut.resize(cut.size() - 8);
  for (const Bytes& bytes : {cut, to_bytes("no file of tensors")}) {
    const Pair pair(write_safetensors(model), bytes);
    REQUIRE(!pair.joined.ok());
    CHECK(pair.joined.error().kind == ErrorKind::kBadFile);
    CHECK(pair.joined.error().message.starts_with("lora: "));
  }
}
