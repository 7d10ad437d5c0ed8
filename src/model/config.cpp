#include "model/config.h"

#include <charconv>

namespace rwkv {
namespace {

Error fail(const Checkpoint& checkpoint, ErrorKind kind, const std::string& what) {
  return {kind, checkpoint.source->name() + ": " + what};
}

constexpr int64_t kMaxSize =
    1 << 20;  // no dimension of a model comes near it; products stay far from overflow
constexpr int64_t kMaxHeadSize = 1 << 10;  // a layer's state is C times as many floats

// "blocks.3.att.key.weight" as 3 and "att.key.weight"; -1 where the name is none of a layer.
struct LayerName {
  int layer = -1;
  std::string_view rest = {};
};
LayerName layer_name(std::string_view name) {
  constexpr std::string_view kPrefix = "blocks.";
  LayerName result;
  if (!name.starts_with(kPrefix)) return result;
  const auto [end, error] =
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), result.layer);
  if (error != std::errc() || result.layer < 0 || result.layer >= kMaxSize) return {};
  result.rest = name.substr(size_t(end - name.data()));
  if (result.rest.starts_with('.')) result.rest.remove_prefix(1);
  return result;
}

// Layers are numbered from 0 without a gap: one more than the largest number in blocks.N.*, or as many as are to be read.
int count_layers(const Checkpoint& checkpoint) {
  int layers = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) layers = std::max(layers, layer_name(name).layer + 1);
  return std::min(layers, checkpoint.most_layers);
}

bool in_any_layer(const Checkpoint& checkpoint, std::string_view start) {
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (layer_name(name).rest.starts_with(start)) return true;
  return false;
}

// Relatives of RWKV that are recognised but not run.
struct Sign {
  const char *start, *what;
};
constexpr Sign kInLayers[] = {
    {"ffn.enn.", "RWKV-8 (ffn.enn)"},
    {"rosa.", "RWKV-8 ROSA (rosa)"},
    {"qkv.", "RWKV-7b, whose memory grows with the text (qkv)"},
};
constexpr Sign kOutside[] = {
    {"blk.", "tensors named as in GGUF"},
    {"model.embed_tokens.", "a transformer, or a hybrid of one with RWKV (model.embed_tokens)"},
    {"embed_tokens.", "a transformer, or a hybrid of one with RWKV (embed_tokens)"},
};

// What kind of file this is, or nullptr.
const char* unsupported_relative(const Checkpoint& checkpoint) {
  for (const Sign& sign : kInLayers)
    if (in_any_layer(checkpoint, sign.start)) return sign.what;
  for (const Sign& sign : kOutside) {
    const auto first = checkpoint.tensors.lower_bound(std::string_view(sign.start));
    if (first != checkpoint.tensors.end() && first->first.starts_with(sign.start)) return sign.what;
  }
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
                std::string(name) + ": " + checkpoint.why_not(name) + ", so this is not an RWKV model");
  };
  const Tensor* emb = checkpoint.find("emb.weight");
  const Tensor* ffn_key = checkpoint.find("blocks.0.ffn.key.weight");
  if (!emb && in_any_layer(checkpoint, "att.time_state"))
    return fail(checkpoint, ErrorKind::kBadModel,
                "an initial state (att.time_state), not a model; sessions of its model can start from it");
  if (!emb) return missing("emb.weight");
  if (!ffn_key) return missing("blocks.0.ffn.key.weight");
  for (const Tensor* tensor : {emb, ffn_key})
    if (tensor->shape.size() != 2)
      return fail(checkpoint, ErrorKind::kBadModel,
                  tensor->name + ": expected two dimensions, file has " + to_string(tensor->shape));

  const Tensor* heads = nullptr;  // the tensor whose first dimension is H
  Version version;
  if ((heads = checkpoint.find("blocks.0.att.r_k"))) {
    version = in_any_layer(checkpoint, "ffn.s_emb") ? Version::k7a : Version::k7;
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
  if (C % H != 0 || (heads && (C / H % 4 != 0 || C / H > kMaxHeadSize)))
    return fail(checkpoint, ErrorKind::kBadModel,
                heads->name + ": expected a number of heads that divides " + std::to_string(C) +
                    " channels into multiples of 4 up to " + std::to_string(kMaxHeadSize) + ", file has " +
                    to_string(heads->shape));
  return Config{version, count_layers(checkpoint), int(C), int(H), int(C / H), int(F),
                int(V),  checkpoint.group_norm_eps};
}

}  // namespace rwkv
