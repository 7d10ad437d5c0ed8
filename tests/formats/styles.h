// The naming styles of RWKV files, written: what their projects' converters make of the authors' tensors.
#pragma once

#include "formats/file_tensor.h"

namespace rwkv {

using Replacements = std::vector<std::pair<std::string_view, std::string_view>>;

inline std::string replaced(std::string name, const Replacements& replacements) {
  for (const auto& [from, to] : replacements) {
    const size_t at = name.find(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
  }
  return name;
}

// blocks.N.att.{w,a,v,g}{1,2} and version 6's time_maa_w1, time_decay_w1, ...
inline bool is_low_rank_name(std::string_view name) {
  return name.find(".att.") != std::string_view::npos && (name.ends_with('1') || name.ends_with('2'));
}

// Each element `count` times, (H) -> (H, count).
inline FileTensor repeated(const FileTensor& tensor, size_t count) {
  FileTensor result{tensor.name, tensor.dtype, {tensor.shape[0], int64_t(count)}, {}};
  for (size_t at = 0; at < tensor.data.size(); at += tensor.element_bytes())
    for (size_t k = 0; k < count; ++k)
      result.data.insert(result.data.end(), &tensor.data[at], &tensor.data[at] + tensor.element_bytes());
  return result;
}

// Versions 4 to 7; 5.1 becomes 5.2. Its files are halves; here every tensor keeps its type, so that logits
// can be compared.
inline std::vector<FileTensor> in_web_rwkv_style(std::vector<FileTensor> tensors) {
  const auto find = [&](std::string_view name) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const FileTensor& t) { return t.name == name; });
  };
  const bool has_gate = find("blocks.0.att.gate.weight") != tensors.end();
  const size_t channels = size_t(find("emb.weight")->shape[1]);
  const Replacements renamed = {{"time_faaaa", "time_first"}, {"time_maa", "time_mix"}};
  for (FileTensor& tensor : tensors) {
    const bool is_of_heads = tensor.name.find("time_decay") != std::string::npos ||
                             tensor.name.find("time_faaaa") != std::string::npos;
    if (has_gate && is_of_heads && tensor.shape.size() == 1)
      tensor = repeated(tensor, channels / size_t(tensor.shape[0]));
    tensor.name = replaced(tensor.name, renamed);
    if (is_low_rank_name(tensor.name)) tensor = turned(std::move(tensor));
  }
  return tensors;
}

// Versions 4 (transformers) to 6 (the models' own code).
inline std::vector<FileTensor> in_hugging_face_style(std::vector<FileTensor> tensors) {
  for (FileTensor& tensor : tensors) {
    std::string& name = tensor.name;
    if (name == "head.weight") continue;
    name = "rwkv." + replaced(name, {{"emb.", "embeddings."},
                                     {".att.", ".attention."},
                                     {".ffn.", ".feed_forward."},
                                     {".ln0.", ".pre_ln."}});
    for (const auto& [letter, word] :
         Replacements{{"_k", "_key"}, {"_v", "_value"}, {"_r", "_receptance"}, {"_g", "_gate"}}) {
      if (name.ends_with("time_mix" + std::string(letter)))
        name.replace(name.size() - letter.size(), letter.size(), word);
    }
  }
  return tensors;
}

// Version 7.
inline std::vector<FileTensor> in_fla_style(const std::vector<FileTensor>& tensors) {
  std::vector<FileTensor> result;
  for (FileTensor tensor : tensors) {
    std::string& name = tensor.name;
    const bool is_time_mix = name.find(".att.") != std::string::npos;
    if (is_time_mix && std::string_view("012").find(name.back()) != std::string_view::npos) {
      if (name.starts_with("blocks.0.att.v")) continue;  // without use
      if (!name.ends_with('0')) tensor = turned(std::move(tensor));
      for (const auto& [digit, rest] : Replacements{{"0", "2.bias"}, {"1", "0.weight"}, {"2", "2.weight"}}) {
        if (!name.ends_with(digit)) continue;
        name.pop_back();
        name += "_lora.lora." + std::string(rest);
        break;
      }
    }
    if (is_time_mix)
      name = replaced(name, {{".receptance.", ".r_proj."},
                             {".key.", ".k_proj."},
                             {".value.", ".v_proj."},
                             {".output.", ".o_proj."},
                             {".ln_x.", ".g_norm."}});
    name = replaced(name, {{"emb.", "model.embeddings."},
                           {"ln_out.", "model.norm."},
                           {"head.", "lm_head."},
                           {"blocks.", "model.layers."},
                           {".att.", ".attn."},
                           {".ln0.", ".pre_norm."},
                           {".ln1.", ".attn_norm."},
                           {".ln2.", ".ffn_norm."}});
    if (!name.ends_with("r_k")) std::erase(tensor.shape, 1);
    result.push_back(std::move(tensor));
  }
  return result;
}

// As fla's first files had it: the six mus of a layer's time mix in one tensor, x_x (6, C).
inline std::vector<FileTensor> with_joined_mus(const std::vector<FileTensor>& tensors) {
  std::vector<FileTensor> result;
  for (const FileTensor& tensor : tensors) {
    if (tensor.name.find(".attn.x_") == std::string::npos) result.push_back(tensor);
    if (!tensor.name.ends_with(".attn.x_r")) continue;
    FileTensor all = {tensor.name, tensor.dtype, {6, tensor.shape.back()}, {}};
    for (const char letter : std::string_view("rwkvag")) {
      all.name.back() = letter;
      const auto mu = std::find_if(tensors.begin(), tensors.end(),
                                   [&](const FileTensor& other) { return other.name == all.name; });
      all.data.insert(all.data.end(), mu->data.begin(), mu->data.end());
    }
    all.name.back() = 'x';
    result.push_back(std::move(all));
  }
  return result;
}

}  // namespace rwkv
