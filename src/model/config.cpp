#include "model/config.h"

#include <charconv>

namespace rwkv {
namespace {

Error fail(const Checkpoint& checkpoint, ErrorKind kind, const std::string& what) {
  return {kind, checkpoint.source->name() + ": " + what};
}

constexpr int64_t kMaxSize =
    1 << 20;  // no dimension of a model comes near it; products stay far from overflow

// Layers are numbered from 0 without a gap: one more than the largest number in blocks.N.*.
int count_layers(const Checkpoint& checkpoint) {
  int layers = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    constexpr std::string_view kPrefix = "blocks.";
    if (!name.starts_with(kPrefix)) continue;
    int layer = -1;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
    if (layer >= layers && layer < kMaxSize) layers = layer + 1;
  }
  return layers;
}

// A relative of RWKV that is recognised but not run, or nullptr.
const char* unsupported_relative(const Checkpoint& checkpoint) {
  struct Sign {
    const char *tensor, *name;
  };
  constexpr Sign kSigns[] = {
      {"blocks.0.ffn.enn.weight", "RWKV-8 (ffn.enn)"},
      {"blocks.0.qkv.q.weight", "RWKV-7b, whose memory grows with the text (qkv)"},
      {"blocks.0.ffn.s_emb.weight", "RWKV-7a, DeepEmbed (ffn.s_emb)"},
      {"blk.0.attn_norm.weight", "tensors named as in GGUF"},
      {"model.embeddings.weight", "tensors named as in Hugging Face's RWKV-7"},
  };
  for (const Sign& sign : kSigns)
    if (checkpoint.find(sign.tensor)) return sign.name;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (name.find(".qkv.") != std::string::npos) return "RWKV-7b, whose memory grows with the text (qkv)";
  return nullptr;
}

}  // namespace

Result<Config> detect_config(const Checkpoint& checkpoint) {
  if (const char* relative = unsupported_relative(checkpoint))
    return fail(checkpoint, ErrorKind::kUnsupported,
                std::string("holds ") + relative + ", which is not supported");

  const auto has = [&](const char* name) { return checkpoint.find(name) != nullptr; };
  const auto missing = [&](const char* name) {
    return fail(checkpoint, ErrorKind::kBadModel,
                std::string(name) + ": missing, so this is not an RWKV model");
  };
  const Tensor* emb = checkpoint.find("emb.weight");
  const Tensor* ffn_key = checkpoint.find("blocks.0.ffn.key.weight");
  if (!emb) return missing("emb.weight");
  if (!ffn_key) return missing("blocks.0.ffn.key.weight");
  for (const Tensor* tensor : {emb, ffn_key})
    if (tensor->shape.size() != 2)
      return fail(checkpoint, ErrorKind::kBadModel,
                  tensor->name + ": expected two dimensions, file has " + to_string(tensor->shape));

  const Tensor* heads = nullptr;  // the tensor whose first dimension is H
  Version version;
  if ((heads = checkpoint.find("blocks.0.att.r_k"))) {
    version = Version::k7;
  } else if (has("blocks.0.att.time_maa_x")) {
    version = Version::k6;
    heads = checkpoint.find("blocks.0.att.time_faaaa");
    if (!heads) return missing("blocks.0.att.time_faaaa");
  } else if (has("blocks.0.att.ln_x.weight")) {
    heads = checkpoint.find("blocks.0.att.time_decay");
    if (!heads) return missing("blocks.0.att.time_decay");
    const bool per_channel = heads->shape.size() > 1 && heads->shape[1] > 1;
    version = !has("blocks.0.att.gate.weight") ? Version::k5_0 : per_channel ? Version::k5_2 : Version::k5_1;
  } else if (has("blocks.0.att.time_mix_k")) {
    version = Version::k4;
  } else {
    return missing("blocks.0.att.* of any known version");
  }

  const int64_t H = !heads ? 1 : heads->shape.empty() ? 0 : heads->shape[0];
  const int64_t V = emb->shape[0], C = emb->shape[1], F = ffn_key->shape[0];
  for (const int64_t size : {H, V, C, F})
    if (size < 1 || size > kMaxSize)
      return fail(
          checkpoint, ErrorKind::kBadModel,
          "expected sizes from 1 to " + std::to_string(kMaxSize) + ", file has " + std::to_string(size));
  if (C % H != 0 || (heads && C / H % 4 != 0))
    return fail(checkpoint, ErrorKind::kBadModel,
                heads->name + ": expected a number of heads that divides " + std::to_string(C) +
                    " channels into multiples of 4, file has " + to_string(heads->shape));
  return Config{version, count_layers(checkpoint), int(C), int(H), int(C / H), int(F),
                int(V),  checkpoint.group_norm_eps};
}

}  // namespace rwkv
