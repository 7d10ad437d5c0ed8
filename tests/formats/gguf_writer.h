// Writes RWKV models as GGUF, the way llama.cpp's converter does.
#pragma once

#include <map>

#include "formats/block_writer.h"
#include "formats/gguf_file.h"
#include "formats/tensor_values.h"

namespace rwkv {

struct GgufOptions {
  // Of the matrices that llama.cpp would convert so. Those whose rows are no whole blocks take Q8_0 or F16.
  DType matrices = DType::kF32;
  bool fused = true;  // version 6 only: the five mus in one tensor, as since January 2025
  uint32_t version = 3;
  // Version 6 only: att.output and ffn.value of layer l are divided by 2^(l / this).
  uint32_t rescale_every = 6;
  uint32_t alignment = 32;               // written where it is not 32
  std::string tokenizer = "rwkv";        // with tokens only
  std::vector<std::string> tokens = {};  // texts as in Python's repr, by id; empty: no vocabulary
};

namespace gguf_writer {

// "att.key.weight" -> "time_mix_key.weight", for both versions.
inline std::string layer_name(std::string name) {
  const auto replace = [&](std::string_view from, std::string_view to) {
    if (!name.starts_with(from)) return false;
    name.replace(0, from.size(), to);
    return true;
  };
  replace("ln1.", "attn_norm.") || replace("ln2.", "attn_norm_2.") || replace("att.ln_x.", "time_mix_ln.") ||
      replace("att.time_maa_w1", "time_mix_w1") || replace("att.time_maa_w2", "time_mix_w2") ||
      replace("att.time_maa_", "time_mix_lerp_") || replace("ffn.time_maa_", "channel_mix_lerp_") ||
      replace("att.x_", "time_mix_lerp_") || replace("ffn.x_", "channel_mix_lerp_") ||
      replace("att.time_faaaa", "time_mix_first") || replace("att.time_decay", "time_mix_decay") ||
      replace("att.", "time_mix_") || replace("ffn.", "channel_mix_");
  if (!name.ends_with(".weight") && !name.ends_with(".bias")) name += ".weight";
  return name;
}

inline std::string model_name(std::string_view name) {
  if (name == "emb.weight") return "token_embd.weight";
  if (name == "head.weight") return "output.weight";
  if (name.starts_with("ln_out.")) return "output_norm." + std::string(name.substr(7));
  return std::string(name);
}

// llama.cpp keeps vectors, norms and most low-rank matrices in f32.
inline DType type_of(const std::string& name, const Shape& shape, DType matrices) {
  constexpr std::string_view kF32Names[] = {
      "time_mix_first",    "time_mix_w1",   "time_mix_w2",  "time_mix_decay_w1",
      "time_mix_decay_w2", "time_mix_lerp", "_norm.weight", ".bias"};
  for (const std::string_view part : kF32Names)
    if (name.find(part) != std::string::npos) return DType::kF32;
  if (shape.size() < 2 || name.find("channel_mix_lerp") != std::string::npos) return DType::kF32;
  const auto fits = [&](DType dtype) { return uint64_t(shape.back()) % block_size(dtype).elements == 0; };
  return fits(matrices) ? matrices : fits(DType::kQ8_0) ? DType::kQ8_0 : DType::kF16;
}

// A model's tensors under GGUF names, in order.
class Converter {
 public:
  Converter(const Checkpoint& checkpoint, const GgufOptions& options)
      : checkpoint_(checkpoint), options_(options) {}

  // Empty where the checkpoint is no version 6 or 7, or cannot be read.
  std::vector<GgufTensor> convert() {
    const bool is_v6 = checkpoint_.find("blocks.0.att.time_maa_x");
    if (!is_v6 && !checkpoint_.find("blocks.0.att.r_k")) return {};
    for (const auto& [name, tensor] : checkpoint_.tensors) {
      Values in(checkpoint_, tensor);
      if (in.values.empty()) return {};
      if (!name.starts_with("blocks.")) add(model_name(name), std::move(in));
      else if (name.starts_with("blocks.0.ln0.")) add("token_embd_norm." + name.substr(13), std::move(in));
      else add_layer(is_v6, name.substr(7), std::move(in));
    }
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, Values in) {
    const DType dtype = type_of(name, in.shape, options_.matrices);
    tensors_.push_back({name, in.shape, gguf_type(dtype), encode_as(dtype, in.values)});
  }

  // name = "12.att.key.weight"
  void add_layer(bool is_v6, const std::string& name, Values in) {
    const std::string layer = name.substr(0, name.find('.')), rest = name.substr(layer.size() + 1);
    const std::string prefix = "blk." + layer + ".", renamed = prefix + layer_name(rest);
    const bool is_mu = rest.starts_with("att.x_") || (rest.starts_with("att.time_maa_") && rest.size() == 14);
    if (is_mu && rest != "att.time_maa_x" && (!is_v6 || options_.fused))
      return add_mu(is_v6, prefix, rest, in);
    if (!is_v6 && layer == "0" && rest.starts_with("att.v") && rest.size() == 6) return;
    std::erase(in.shape, 1);
    if (rest == "att.r_k") in.shape = {in.shape.size() == 2 ? in.shape[0] * in.shape[1] : in.shape[0]};
    const bool is_turned = is_v6 ? renamed.ends_with("_w1.weight") || renamed.ends_with("_w2.weight")
                                 : rest.size() == 6 && (rest.back() == '1' || rest.back() == '2');
    if (is_turned) in.turn();
    if (is_v6 && options_.rescale_every > 0 && (rest == "att.output.weight" || rest == "ffn.value.weight"))
      for (float& value : in.values)
        value = std::ldexp(value, -(std::stoi(layer) / int(options_.rescale_every)));
    // llama.cpp wants tensors where the authors have none: copies of a0, a1, a2.
    if (!is_v6 && layer == "0" && rest.starts_with("att.a") && rest.size() == 6)
      add(prefix + "time_mix_v" + rest.back() + ".weight", in);
    add(renamed, std::move(in));
  }

  void add_mu(bool is_v6, const std::string& prefix, const std::string& name, const Values& in) {
    const std::string_view letters = is_v6 ? "wkvrg" : "rwkvag";
    auto& mus = mus_[prefix];
    mus[name.back()] = in.values;
    if (mus.size() < letters.size()) return;
    Values all;
    all.shape = {int64_t(letters.size()), 1, 1, int64_t(in.values.size())};
    for (const char letter : letters)
      all.values.insert(all.values.end(), mus[letter].begin(), mus[letter].end());
    add(prefix + "time_mix_lerp_fused.weight", std::move(all));
  }

  const Checkpoint& checkpoint_;
  const GgufOptions& options_;
  std::map<std::string, std::map<char, std::vector<float>>> mus_;
  std::vector<GgufTensor> tensors_;
};

// What llama.cpp wants to know of version 7 beside its shapes: the width of the channel mix and the ranks.
inline void add_sizes_7(const Checkpoint& checkpoint, uint32_t layers, std::vector<Bytes>& pairs) {
  const auto add = [&](const char* key, const std::string& name, size_t axis) {
    const Tensor* tensor = checkpoint.find(name);
    if (tensor) pairs.push_back(gguf_u32("rwkv7." + std::string(key), uint32_t(tensor->shape[axis])));
  };
  add("feed_forward_length", "blocks.0.ffn.key.weight", 0);
  add("attention.decay_lora_rank", "blocks.0.att.w1", 1);
  add("attention.iclr_lora_rank", "blocks.0.att.a1", 1);
  add("attention.value_residual_mix_lora_rank", layers > 1 ? "blocks.1.att.v1" : "blocks.0.att.a1", 1);
  add("attention.gate_lora_rank", "blocks.0.att.g1", 1);
}

}  // namespace gguf_writer

// The model as a GGUF file; empty where it is no version 6 or 7, or cannot be read.
inline Bytes write_gguf(const Checkpoint& checkpoint, const GgufOptions& options = {}) {
  GgufFile file{.version = options.version, .alignment = options.alignment};
  file.tensors = gguf_writer::Converter(checkpoint, options).convert();
  if (file.tensors.empty()) return {};
  const bool is_v6 = checkpoint.find("blocks.0.att.time_maa_x");
  const std::string arch = is_v6 ? "rwkv6" : "rwkv7";
  const Tensor& heads = *checkpoint.find(is_v6 ? "blocks.0.att.time_faaaa" : "blocks.0.att.r_k");
  const Tensor& emb = *checkpoint.find("emb.weight");
  uint32_t layers = 0;
  while (checkpoint.find("blocks." + std::to_string(layers) + ".ln1.weight")) ++layers;

  file.pairs = {gguf_string("general.architecture", arch),
                gguf_string("general.type", "model"),
                gguf_u32(arch + ".context_length", 1048576),
                gguf_u32(arch + ".embedding_length", uint32_t(emb.shape[1])),
                gguf_u32(arch + ".block_count", layers),
                gguf_f32(arch + ".attention.layer_norm_epsilon", 1e-5f),
                gguf_u32(arch + ".wkv.head_size", uint32_t(emb.shape[1] / heads.shape[0])),
                gguf_u32(arch + ".attention.head_count", 0)};
  if (is_v6) file.pairs.push_back(gguf_u32(arch + ".rescale_every_n_layers", options.rescale_every));
  else gguf_writer::add_sizes_7(checkpoint, layers, file.pairs);
  if (options.alignment != 32) file.pairs.push_back(gguf_u32("general.alignment", options.alignment));
  if (!options.tokens.empty()) {
    file.pairs.push_back(gguf_string("tokenizer.ggml.model", options.tokenizer));
    file.pairs.push_back(gguf_strings("tokenizer.ggml.tokens", options.tokens));
    Bytes types = gguf_key("tokenizer.ggml.token_type", 9);
    put_le(types, uint32_t{5});
    put_le(types, uint64_t(options.tokens.size()));
    for (size_t i = 0; i < options.tokens.size(); ++i) put_le(types, int32_t(i == 0 ? 3 : 1));
    file.pairs.push_back(std::move(types));
  }
  return file.bytes();
}

}  // namespace rwkv
