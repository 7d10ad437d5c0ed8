#include "formats/dialects/dialect.h"

#include <catch_amalgamated.hpp>
#include <functional>

#include "formats/hostile.h"
#include "formats/pth_writer.h"
#include "formats/safetensors_writer.h"
#include "formats/tensor_values.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

// Halves counting 0, 1, 2, ... through all tensors in the order of their names.
std::vector<FileTensor> counting(const std::vector<std::pair<std::string, Shape>>& shapes) {
  std::vector<FileTensor> tensors;
  float value = 0;
  for (const auto& [name, shape] : shapes) {
    size_t count = 1;
    for (const int64_t size : shape) count *= size_t(size);
    std::vector<float> values(count);
    for (float& v : values) v = value++;
    Bytes bytes(count * 2);
    encode(DType::kF16, values, bytes.data());
    tensors.push_back({name, DType::kF16, shape, std::move(bytes)});
  }
  return tensors;
}

struct Opened {
  Bytes bytes;
  MemorySource source{"tales", bytes};
  Result<Checkpoint> file = open_checkpoint(source);

  explicit Opened(Bytes file_bytes) : bytes(std::move(file_bytes)) {}
  explicit Opened(const std::vector<FileTensor>& tensors) : Opened(write_safetensors(tensors)) {}
  const Tensor& operator[](const std::string& name) const {
    REQUIRE(file);
    REQUIRE(file->find(name));
    return *file->find(name);
  }
  std::vector<float> values(const std::string& name) const { return values_of(*file, (*this)[name]); }
};

std::string refusal(const std::vector<std::pair<std::string, Shape>>& shapes,
                    ErrorKind kind = ErrorKind::kBadFile) {
  const Opened opened(counting(shapes));
  if (opened.file) return "";
  CHECK(opened.file.error().kind == kind);
  return opened.file.error().message;
}

const char* const kOracleNames[] = {"v4-bf16", "v52-fp16", "v6-bf16", "v7-bf16"};

std::vector<FileTensor> oracle_tensors(const std::string& name) {
  const Bytes file = read_file(fixture("oracle/" + name + ".pth"));
  const MemorySource source(name, file);
  const Result<Checkpoint> checkpoint = open_pth(source);
  REQUIRE(checkpoint);
  return read_tensors(*checkpoint);
}

Shape squeezed(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

void check_authors_names(const std::vector<FileTensor>& authors, const Opened& opened) {
  REQUIRE(opened.file);
  CHECK(keeps_promises(open_checkpoint, opened.bytes));
  size_t missing = 0;
  for (const FileTensor& tensor : authors) {
    const Tensor* found = opened.file->find(tensor.name);
    if (!found) {
      ++missing;
      CHECK_THAT(tensor.name, ContainsSubstring("blocks.0.att.v"));
    } else if (squeezed(found->shape) != squeezed(tensor.shape)) {
      FAIL(tensor.name << ": " << to_string(found->shape) << ", expected " << to_string(tensor.shape));
    }
  }
  CHECK(opened.file->tensors.size() == authors.size() - missing);
}

TEST_CASE("files of every style have the authors' names and shapes") {
  for (const std::string name : kOracleNames) {
    INFO(name);
    const std::vector<FileTensor> tensors = oracle_tensors(name);
    check_authors_names(tensors, Opened(write_safetensors(tensors)));
    check_authors_names(tensors, Opened(write_safetensors(in_web_rwkv_style(tensors))));
    check_authors_names(tensors, Opened(write_safetensors(in_hugging_face_style(tensors))));
    check_authors_names(tensors, Opened(write_pth(in_hugging_face_style(tensors))));
    if (!name.starts_with("v7")) continue;
    check_authors_names(tensors, Opened(write_safetensors(in_fla_style(tensors))));
    check_authors_names(tensors, Opened(write_safetensors(with_joined_mus(in_fla_style(tensors)))));
  }
}

std::vector<FileTensor> behind(const std::string& prefix, std::vector<FileTensor> tensors) {
  for (FileTensor& tensor : tensors) tensor.name = prefix + tensor.name;
  return tensors;
}

TEST_CASE("whatever modules a model was put into, its tensors have the authors' names") {
  for (const std::string name : {"v4-bf16", "v6-bf16", "v7-bf16"}) {
    const std::vector<FileTensor> tensors = oracle_tensors(name);
    for (const char* prefix : {"module.", "model.", "_forward_module.", "_orig_mod.", "module.model.",
                               "model._orig_mod.", "base_model.model.", "rwkv.", "a.b.c.d."}) {
      INFO(name << " " << prefix);
      check_authors_names(tensors, Opened(write_safetensors(behind(prefix, tensors))));
      check_authors_names(tensors, Opened(write_pth(behind(prefix, in_web_rwkv_style(tensors)))));
      check_authors_names(tensors, Opened(write_safetensors(behind(prefix, in_hugging_face_style(tensors)))));
      if (!name.starts_with("v7")) continue;
      check_authors_names(tensors, Opened(write_safetensors(behind(prefix, in_fla_style(tensors)))));
    }
  }
}

TEST_CASE("models of other projects saved from their base have the authors' names") {
  const auto without = [](std::string_view prefix, std::vector<FileTensor> tensors) {
    for (FileTensor& tensor : tensors)
      if (tensor.name.starts_with(prefix)) tensor.name.erase(0, prefix.size());
    return tensors;
  };
  for (const std::string name : kOracleNames) {
    INFO(name);
    const std::vector<FileTensor> tensors = oracle_tensors(name);
    check_authors_names(tensors, Opened(write_safetensors(without("rwkv.", in_hugging_face_style(tensors)))));
    if (name.starts_with("v7"))
      check_authors_names(tensors, Opened(write_safetensors(without("model.", in_fla_style(tensors)))));
  }
}

TEST_CASE("wrappers stand anywhere in a name") {
  const Opened opened(
      counting({{"module.emb.weight", {2, 4}},
                {"module.blocks.0._fsdp_wrapped_module.att._checkpoint_wrapped_module.x_r", {4}},
                {"module.head._orig_mod.weight", {2, 4}}}));
  CHECK(opened["blocks.0.att.x_r"].shape == Shape{4});
  CHECK(opened["head.weight"].shape == Shape{2, 4});
  CHECK(opened.file->tensors.size() == 3);
}

TEST_CASE("tuned states are read behind any prefix") {
  for (const char* prefix : {"", "model.", "module.model.", "_forward_module."}) {
    const std::string start = prefix;
    const Opened opened(counting(
        {{start + "blocks.0.att.time_state", {1, 4, 4}}, {start + "blocks.1.att.time_state", {1, 4, 4}}}));
    CHECK(opened["blocks.1.att.time_state"].shape == Shape{1, 4, 4});
    CHECK(opened.file->tensors.size() == 2);
  }
}

TEST_CASE("what lies beside a model is left out, and two models are refused with a name of each") {
  const Opened opened(counting({{"rwkv.emb.weight", {2, 4}},
                                {"rwkv.head.weight", {2, 4}},
                                {"vit.embeddings.patch.weight", {4}},
                                {"vit.layers.0.attn.x_proj.weight", {4}},
                                {"proj.weight", {4}}}));
  CHECK(opened.file->tensors.size() == 2);
  CHECK(refusal({{"model.emb.weight", {2, 4}}, {"ema.emb.weight", {2, 4}}}) ==
        "tales: holds more than one model: ema.emb.weight and model.emb.weight");
  CHECK(refusal({{"emb.weight", {2, 4}}, {"ema.embeddings.weight", {2, 4}}}) ==
        "tales: holds more than one model: ema.embeddings.weight and emb.weight");
}

TEST_CASE("tensors of foreign types are told under the authors' names, and mind nobody") {
  std::vector<FileTensor> tensors =
      counting({{"module.emb.weight", {2, 4}}, {"module.blocks.0.att.x_r", {4}}});
  Bytes bytes = write_safetensors(tensors);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text.replace(text.find("F16", text.find("x_r")), 3, "I16");
  const Opened opened(to_bytes(text));
  REQUIRE(opened.file);
  CHECK(opened.file->tensors.size() == 1);
  CHECK(opened.file->why_not("blocks.0.att.x_r") == "holds I16, expected F32, F16 or BF16");
  CHECK(opened.file->why_not("blocks.0.att.x_w") == "missing");
}

TEST_CASE("readers say their format") {
  const std::vector<FileTensor> tensors = counting({{"w", {2}}});
  CHECK(std::string_view(Opened(write_safetensors(tensors)).file->format) == "safetensors");
  CHECK(std::string_view(Opened(write_pth(tensors)).file->format) == "pth");
}

TEST_CASE("low-rank matrices are turned where their shapes say so") {
  const Opened opened(counting({{"emb.weight", {2, 4}},
                                {"blocks.0.att.w1", {3, 4}},
                                {"blocks.0.att.w2", {4, 3}},
                                {"blocks.1.att.w1", {4, 3}},
                                {"blocks.1.att.w2", {3, 4}},
                                {"blocks.1.att.time_maa_w2", {5, 4, 2}},
                                {"blocks.1.ffn.w2", {4, 3}}}));
  CHECK(opened["blocks.0.att.w1"].shape == Shape{4, 3});
  CHECK(opened.values("blocks.0.att.w1") == std::vector<float>{8, 12, 16, 9, 13, 17, 10, 14, 18, 11, 15, 19});
  CHECK(opened["blocks.0.att.w2"].shape == Shape{3, 4});
  CHECK(opened.values("blocks.0.att.w2") ==
        std::vector<float>{20, 23, 26, 29, 21, 24, 27, 30, 22, 25, 28, 31});
  CHECK(opened["blocks.1.att.w1"].strides.empty());
  CHECK(opened["blocks.1.att.w2"].strides.empty());
  CHECK(opened["blocks.1.att.time_maa_w2"].shape == Shape{5, 2, 4});
  CHECK(opened["blocks.1.ffn.w2"].strides.empty());
}

TEST_CASE("square low-rank matrices lie as the others, or as is the style") {
  const auto is_turned = [](const std::vector<std::pair<std::string, Shape>>& shapes, const char* name) {
    const Opened opened(counting(shapes));
    CHECK(opened[name].shape == Shape{4, 4});
    return !opened[name].strides.empty();
  };
  CHECK_FALSE(is_turned({{"emb.weight", {2, 4}}, {"blocks.0.att.w1", {4, 4}}}, "blocks.0.att.w1"));
  CHECK_FALSE(is_turned({{"emb.weight", {2, 4}}, {"blocks.0.att.w1", {4, 4}}, {"blocks.0.att.g1", {4, 9}}},
                        "blocks.0.att.w1"));
  CHECK(is_turned({{"emb.weight", {2, 4}}, {"blocks.0.att.w1", {4, 4}}, {"blocks.0.att.g1", {9, 4}}},
                  "blocks.0.att.w1"));
  CHECK(is_turned(
      {{"emb.weight", {2, 4}}, {"blocks.0.att.time_mix_x", {4}}, {"blocks.0.att.time_decay_w1", {4, 4}}},
      "blocks.0.att.time_decay_w1"));
  CHECK(is_turned({{"model.embeddings.weight", {2, 4}},
                   {"lm_head.weight", {2, 4}},
                   {"model.layers.0.attn.w_lora.lora.2.weight", {4, 4}}},
                  "blocks.0.att.w2"));
}

TEST_CASE("a turned matrix that is stored as a turned view is read straight") {
  const std::vector<FileTensor> tensors = counting({{"emb.weight", {2, 4}}, {"blocks.0.att.w1", {3, 4}}});
  const Opened opened(write_pth(tensors, {.turned_views = true}));
  CHECK(opened["emb.weight"].strides == Shape{1, 2});
  CHECK(opened["blocks.0.att.w1"].shape == Shape{4, 3});
  CHECK(opened["blocks.0.att.w1"].strides.empty());
}

TEST_CASE("time_first is a bonus where web-rwkv writes it and a logarithm where the authors do") {
  const auto bonus = [](const Shape& shape) {
    const Opened opened(counting({{"blocks.0.att.time_first", shape}}));
    REQUIRE(opened.file);
    return opened.file->find("blocks.0.att.time_faaaa") != nullptr;
  };
  CHECK(bonus({2, 4}));
  CHECK(bonus({1, 4}));
  CHECK_FALSE(bonus({8}));
  CHECK_FALSE(bonus({2, 1}));
  CHECK_FALSE(bonus({2, 1, 1}));
}

TEST_CASE("fla's group norm has an eps that goes with the head size") {
  const auto eps = [](const char* r_k, const Shape& shape) {
    return Opened(counting({{r_k, shape}})).file->group_norm_eps;
  };
  CHECK(eps("layers.0.attn.r_k", {2, 64}) == 64e-5f);
  CHECK(eps("layers.0.attn.r_k", {1, 128}) == 128e-5f);
  CHECK(eps("blocks.0.att.r_k", {1, 128}) == 64e-5f);
}

TEST_CASE("mus that fla joined come apart in its order") {
  for (const Shape& shape : {Shape{6, 2}, Shape{6, 1, 1, 2}}) {
    const Opened opened(counting({{"layers.3.attn.x_x", shape}}));
    float value = 0;
    for (const char* name : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g"}) {
      INFO(name);
      CHECK(opened.values("blocks.3.att." + std::string(name)) == std::vector<float>{value, value + 1});
      value += 2;
    }
    CHECK(opened.file->tensors.size() == 6);
    CHECK(keeps_promises(open_checkpoint, opened.bytes));
  }
  for (const Shape& shape : {Shape{}, Shape{2}, Shape{5, 2}, Shape{0, 6}}) {
    CHECK(refusal({{"layers.3.attn.x_x", shape}}) ==
          "tales: layers.3.attn.x_x: expected six rows, file has " + to_string(shape));
  }
  const Opened view(write_pth(counting({{"layers.3.attn.x_x", {6, 2}}}), {.turned_views = true}));
  CHECK_FALSE(view.file);
}

TEST_CASE("a file in two styles is refused with a name of each") {
  const std::pair<const char*, const char*> pairs[] = {
      {"blocks.0.ln1.weight", "layers.0.attn_norm.weight"},
      {"blocks.0.att.key.weight", "blocks.1.attention.key.weight"},
      {"blocks.0.att.key.weight", "blocks.1.feed_forward.key.weight"},
      {"emb.weight", "layers.0.attn_norm.weight"},
      {"emb.weight", "lm_head.weight"},
      {"blocks.0.att.time_maa_k", "blocks.1.att.time_mix_x"},
      {"blocks.0.ffn.time_maa_k", "blocks.1.ffn.time_mix_k"},
      {"blocks.0.att.time_faaaa", "blocks.1.att.time_first"},
  };
  for (const auto& [one, other] : pairs) {
    const std::string message = refusal({{one, {4}}, {other, {4}}});
    CHECK_THAT(message, ContainsSubstring("tales: its tensors are named in two styles: "));
    CHECK_THAT(message, ContainsSubstring(one));
    CHECK_THAT(message, ContainsSubstring(other));
  }
}

TEST_CASE("a tensor under two names is refused") {
  CHECK(refusal({{"layers.0.attn.x_x", {6, 4}}, {"layers.0.attn.x_k", {4}}}) ==
        "tales: layers.0.attn.x_x: a second tensor for blocks.0.att.x_k");
  CHECK(refusal({{"layers.0.attn.k_proj.weight", {4, 4}}, {"layers.0.attn.key.weight", {4, 4}}}) ==
        "tales: layers.0.attn.key.weight: a second tensor for blocks.0.att.key.weight");
  CHECK(refusal({{"blocks.0.ln1.weight", {4}}, {"blocks.0._orig_mod.ln1.weight", {4}}}) ==
        "tales: blocks.0.ln1.weight: a second tensor for blocks.0.ln1.weight");
}

TEST_CASE("LoRA adapters are refused by the name that shows them") {
  for (const char* name :
       {"blocks.0.att.key.lora_A", "blocks.0.att.key.lora_A.weight", "blocks.0.ffn.key.lora.0",
        "blocks.1.att.output.lora_a", "blocks.0.att.key.bone", "blocks.0.att.key.disha",
        "base_model.model.blocks.0.att.key.lora_A.default.weight"}) {
    CHECK(refusal({{name, {4, 2}}, {"blocks.0.att.key.weight", {4, 4}}}, ErrorKind::kUnsupported) ==
          "tales: holds adapters (" + std::string(name) +
              "), not a model: load their model with them, by the option lora (--lora)");
  }
}

TEST_CASE("what only looks like RWKV-7 of fla is refused with the reason") {
  CHECK(refusal({{"layers.0.attn.x_proj.0.mu", {4}}}, ErrorKind::kUnsupported) ==
        "tales: holds RWKV-6 as fla joins it (layers.0.attn.x_proj.0.mu), which is not supported");
  for (const char* name : {"model.embeddings.weight", "rwkv.embeddings.weight", "embeddings.weight"})
    CHECK(refusal({{name, {2, 4}}}, ErrorKind::kUnsupported) ==
          "tales: holds an embedding but no head.weight or lm_head.weight: tied or in another file, neither "
          "is read");
}

TEST_CASE("names of no style stay as they are") {
  const Opened opened(counting({{"w", {2}}, {"encoder.model.layers.0.attn.x_x", {2}}, {"vit.rwkv.x", {1}}}));
  CHECK(opened.file->find("w"));
  CHECK(opened.file->find("encoder.model.layers.0.attn.x_x"));
  CHECK(opened.file->find("vit.rwkv.x"));
}

// A small file in each style, all its kinds of names.
std::vector<Bytes> small_files() {
  const std::vector<FileTensor> v7 = counting({{"emb.weight", {3, 4}},
                                               {"blocks.0.att.x_r", {1, 1, 4}},
                                               {"blocks.0.att.x_w", {1, 1, 4}},
                                               {"blocks.0.att.x_k", {1, 1, 4}},
                                               {"blocks.0.att.x_v", {1, 1, 4}},
                                               {"blocks.0.att.x_a", {1, 1, 4}},
                                               {"blocks.0.att.x_g", {1, 1, 4}},
                                               {"blocks.0.att.w1", {4, 2}},
                                               {"blocks.0.att.w2", {2, 4}},
                                               {"blocks.0.att.r_k", {1, 4}},
                                               {"head.weight", {3, 4}}});
  const std::vector<FileTensor> v6 = counting({{"emb.weight", {3, 4}},
                                               {"blocks.0.att.time_maa_x", {1, 1, 4}},
                                               {"blocks.0.att.time_maa_w2", {5, 2, 4}},
                                               {"blocks.0.att.time_faaaa", {1, 4}},
                                               {"head.weight", {3, 4}}});
  return {write_safetensors(in_web_rwkv_style(v7)),
          write_safetensors(in_fla_style(v7)),
          write_safetensors(with_joined_mus(in_fla_style(v7))),
          write_pth(in_fla_style(v7), {.one_storage = true, .turned_views = true}),
          write_safetensors(in_web_rwkv_style(v6)),
          write_safetensors(in_hugging_face_style(v6))};
}

TEST_CASE("files of every style, cut off or with any bytes changed, give an error or whole tensors") {
  for (const Bytes& file : small_files()) {
    require_survives_truncation(open_checkpoint, file, 7);
    require_survives_mutation(open_checkpoint, file, 3'000);
  }
}

TEST_CASE("any mixture of names and shapes gives an error or whole tensors") {
  std::vector<std::string> names;
  for (const Bytes& bytes : small_files()) {
    const MemorySource source("", bytes);
    const Result<Checkpoint> file = bytes[0] == std::byte{'P'} ? open_pth(source) : open_safetensors(source);
    for (const auto& [name, tensor] : file->tensors) names.push_back(name);
  }
  constexpr int64_t kSizes[] = {0, 1, 2, 4, 6, int64_t{1} << 31, INT64_MAX};
  std::mt19937 random(11);
  int opened = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::map<std::string, FileTensor> tensors;
    for (uint32_t k = random() % 4 + 1; k > 0; --k) {
      FileTensor tensor{names[random() % names.size()], DType::kF16, {}, {}};
      for (uint32_t rank = random() % 5; rank > 0; --rank)
        tensor.shape.push_back(kSizes[random() % (random() % 4 ? 5 : std::size(kSizes))]);
      size_t count = 1;
      for (const int64_t size : tensor.shape) count = size > 6 ? 0 : count * size_t(size);
      tensor.data.resize(count * 2);
      tensors.insert_or_assign(tensor.name, std::move(tensor));
    }
    std::vector<FileTensor> file;
    for (const auto& [name, tensor] : tensors) file.push_back(tensor);
    const Bytes bytes = write_safetensors(file);
    const MemorySource source("model", bytes);
    if (const std::string broken = broken_promise(open_checkpoint(source), source); !broken.empty())
      FAIL("round " << round << ": " << broken);
    opened += open_checkpoint(MemorySource("", bytes)).ok();
  }
  CHECK(opened > 1'000);
}

}  // namespace
}  // namespace rwkv
