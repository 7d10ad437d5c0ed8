#include "formats/dialects/gguf_names.h"

#include <charconv>
#include <cmath>

#include "formats/containers/bytes.h"
#include "formats/dialects/rules.h"

namespace rwkv {
namespace {

constexpr int kMostLayers = 512;

// Names without .weight and .bias, in layers without their number.
constexpr Rule kNorms[] = {{"token_embd_norm", "blocks.0.ln0"},
                           {"output_norm", "ln_out"},
                           {"blk.attn_norm", "ln1"},
                           {"blk.attn_norm_2", "ln2"},
                           {"blk.time_mix_ln", "att.ln_x"}};

constexpr Rule kBoth[] = {{"token_embd", "emb.weight"},
                          {"output", "head.weight"},
                          {"blk.time_mix_key", "att.key.weight"},
                          {"blk.time_mix_value", "att.value.weight"},
                          {"blk.time_mix_receptance", "att.receptance.weight"},
                          {"blk.time_mix_output", "att.output.weight"},
                          {"blk.channel_mix_key", "ffn.key.weight"},
                          {"blk.channel_mix_value", "ffn.value.weight"}};

constexpr Rule kRules6[] = {
    {"blk.time_mix_gate", "att.gate.weight"},
    {"blk.time_mix_lerp_x", "att.time_maa_x"},
    {"blk.time_mix_lerp_w", "att.time_maa_w"},  // these five in files from before they were fused
    {"blk.time_mix_lerp_k", "att.time_maa_k"},
    {"blk.time_mix_lerp_v", "att.time_maa_v"},
    {"blk.time_mix_lerp_r", "att.time_maa_r"},
    {"blk.time_mix_lerp_g", "att.time_maa_g"},
    {"blk.time_mix_lerp_fused", "att.time_maa_", Layout::kFused, Stored::kValue, "wkvrg"},
    {"blk.time_mix_w1", "att.time_maa_w1", Layout::kTurned},
    {"blk.time_mix_w2", "att.time_maa_w2", Layout::kTurned},
    {"blk.time_mix_first", "att.time_faaaa", Layout::kHeads},
    {"blk.time_mix_decay", "att.time_decay"},
    {"blk.time_mix_decay_w1", "att.time_decay_w1", Layout::kTurned},
    {"blk.time_mix_decay_w2", "att.time_decay_w2", Layout::kTurned},
    {"blk.channel_mix_lerp_k", "ffn.time_maa_k"},
    {"blk.channel_mix_lerp_r", "ffn.time_maa_r"},
    {"blk.channel_mix_receptance", "ffn.receptance.weight"},
};

constexpr Rule kRules7[] = {
    {"blk.time_mix_w0", "att.w0"},
    {"blk.time_mix_a0", "att.a0"},
    {"blk.time_mix_v0", "att.v0"},
    {"blk.time_mix_w1", "att.w1", Layout::kTurned},
    {"blk.time_mix_w2", "att.w2", Layout::kTurned},
    {"blk.time_mix_a1", "att.a1", Layout::kTurned},
    {"blk.time_mix_a2", "att.a2", Layout::kTurned},
    {"blk.time_mix_v1", "att.v1", Layout::kTurned},
    {"blk.time_mix_v2", "att.v2", Layout::kTurned},
    {"blk.time_mix_g1", "att.g1", Layout::kTurned},
    {"blk.time_mix_g2", "att.g2", Layout::kTurned},
    {"blk.time_mix_k_k", "att.k_k"},
    {"blk.time_mix_k_a", "att.k_a"},
    {"blk.time_mix_r_k", "att.r_k", Layout::kHeads},
    {"blk.time_mix_lerp_r", "att.x_r"},
    {"blk.time_mix_lerp_w", "att.x_w"},
    {"blk.time_mix_lerp_k", "att.x_k"},
    {"blk.time_mix_lerp_v", "att.x_v"},
    {"blk.time_mix_lerp_a", "att.x_a"},
    {"blk.time_mix_lerp_g", "att.x_g"},
    {"blk.time_mix_lerp_fused", "att.x_", Layout::kFused, Stored::kValue, "rwkvag"},
    {"blk.channel_mix_lerp_k", "ffn.x_k"},
};

// "blk.12.time_mix_key.weight" taken apart: "blk.time_mix_key", layer 12, ".weight".
struct Name {
  std::string stem, suffix;
  int layer = -1;  // none
};

Name parse(std::string_view name) {
  Name parsed;
  if (name.starts_with("blk.")) {
    const char* end = name.data() + name.size();
    const auto [at, error] = std::from_chars(name.data() + 4, end, parsed.layer);
    if (error != std::errc{} || at == end || *at != '.' || parsed.layer < 0 || parsed.layer >= kMostLayers)
      return {};
    name.remove_prefix(size_t(at + 1 - name.data()));
    parsed.stem = "blk.";
  }
  const size_t dot = std::min(name.rfind('.'), name.size());
  parsed.stem += name.substr(0, dot);
  parsed.suffix = name.substr(dot);
  return parsed;
}

}  // namespace

Status add_gguf_tensor(const GgufModel& model, Tensor tensor, Checkpoint& checkpoint) {
  const Name name = parse(tensor.name);
  const std::string prefix = name.layer < 0 ? "" : "blocks." + std::to_string(name.layer) + ".";
  if (const Rule* norm = find_rule(kNorms, name.stem);
      norm && (name.suffix == ".weight" || name.suffix == ".bias")) {
    const std::string authors = std::string(norm->authors) + name.suffix;
    return add_by_rule({norm->in_file, authors}, prefix, model.head_size, std::move(tensor), checkpoint);
  }

  const Rule* rule = find_rule(kBoth, name.stem);
  if (!rule) rule = model.version == 6 ? find_rule(kRules6, name.stem) : find_rule(kRules7, name.stem);
  if (!rule || name.suffix != ".weight")
    return unsupported(*checkpoint.source, printable(tensor.name) + ": not a tensor of rwkv" +
                                               std::to_string(model.version) + " that this version knows");
  // Version 7's first layer has no v0, v1, v2; copies of a0, a1, a2 stand there for llama.cpp's sake.
  if (name.layer == 0 && rule->authors.starts_with("att.v") && rule->authors.size() == 6) return Done{};
  if (model.rescale_every > 0 &&
      (name.stem == "blk.time_mix_output" || name.stem == "blk.channel_mix_value")) {
    const uint64_t halvings = uint64_t(name.layer) / model.rescale_every;
    if (halvings > 126)
      return bad_file(*checkpoint.source, printable(tensor.name) + ": divided by 2^" +
                                              std::to_string(halvings) + ", expected at most 2^126");
    tensor.scale = std::ldexp(1.0f, int(halvings));
  }
  return add_by_rule(*rule, prefix, model.head_size, std::move(tensor), checkpoint);
}

}  // namespace rwkv
