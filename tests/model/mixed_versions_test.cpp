// Files that begin as one version and go on as another: refused, and what is missing is named.
#include "model/oracle.h"
#include "model/tiny_models.h"

using namespace rwkv;

namespace {

// `base` with its tensors that begin with `start` taken from `other` instead.
Parts mixed(const Parts& base, const Parts& other, std::string_view start) {
  Parts parts;
  for (const FileTensor& part : base)
    if (!part.name.starts_with(start)) parts.push_back(part);
  for (const FileTensor& part : other)
    if (part.name.starts_with(start)) parts.push_back(part);
  return parts;
}

void require_refused(const Parts& parts, const std::string& message, ErrorKind kind = ErrorKind::kBadModel) {
  const Bytes file = write_safetensors(parts);
  const MemorySource source("mixed", file);
  const auto checkpoint = open_checkpoint(source);
  const auto model =
      checkpoint ? load_model(*checkpoint, Quantization::kQ8) : Result<Model>(checkpoint.error());
  REQUIRE(!model.ok());
  CHECK(model.error().kind == kind);
  CHECK(model.error().message == "mixed: " + message);
}

// Names of versions 4 and 5 beside names of version 6.
void require_two_styles(const Parts& parts, const std::string& one, const std::string& other) {
  require_refused(parts, "its tensors are named in two styles: " + one + " and " + other,
                  ErrorKind::kBadFile);
}

}  // namespace

TEST_CASE("layers of different versions are refused by the first tensor that is missing") {
  const Parts v5 = oracle_parts("v52-fp16"), v6 = oracle_parts("v6-bf16"), v7 = oracle_parts("v7-bf16");
  require_refused(mixed(v7, v6, "blocks.1.att."), "blocks.1.att.x_r: missing, expected (128)");
  require_refused(mixed(v6, v7, "blocks.1.att."), "blocks.1.att.time_maa_w2: missing");
  require_two_styles(mixed(v6, v5, "blocks.1.att."), "blocks.0.att.time_maa_g", "blocks.1.att.time_mix_g");
  require_two_styles(mixed(v5, v6, "blocks.1.att."), "blocks.1.att.time_maa_g", "blocks.0.att.time_mix_g");
}

TEST_CASE("a channel mix of another version is refused by the first tensor that is missing") {
  const Parts v4 = oracle_parts("v4-bf16"), v6 = oracle_parts("v6-bf16"), v7 = oracle_parts("v7-bf16");
  require_refused(mixed(v7, v4, "blocks.0.ffn."), "blocks.0.ffn.x_k: missing, expected (128)");
  require_refused(mixed(v4, v7, "blocks.1.ffn."), "blocks.1.ffn.time_mix_k: missing, expected (64)");
  require_two_styles(mixed(v6, v4, "blocks.1.ffn."), "blocks.0.att.time_maa_g", "blocks.1.ffn.time_mix_k");
}

TEST_CASE("every layer of version 7a has its DeepEmbed, whole and of the right size") {
  const Parts v7 = oracle_parts("v7-bf16"), v7a = tiny_7a(v7);
  for (const int layer : {0, layers_of(v7) - 1})
    require_refused(mixed(v7a, v7, in_layer(layer, "ffn.s")),
                    in_layer(layer, "ffn.s_emb.weight: missing, expected (256, 1024)"));
  for (const auto& [name, shape] : {std::pair{"ffn.s_emb_x.weight", "(1024, 128)"},
                                    {"ffn.s0", "(512)"},
                                    {"ffn.s1", "(128, 32)"},
                                    {"ffn.s2", "(32, 512)"}}) {
    require_refused(mixed(v7a, v7, in_layer(1, name)), in_layer(1, name) + ": missing, expected " + shape);
    Parts wrong = v7a;
    *find(wrong, in_layer(1, name)) = part_of(in_layer(1, name), DType::kF32, {3, 5}, std::vector<float>(15));
    require_refused(wrong, in_layer(1, name) + ": expected " + shape + ", file has (3, 5)");
  }
}
