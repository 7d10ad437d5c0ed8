#include "formats/dialects/dialect.h"

#include <array>
#include <optional>

#include "formats/containers/bytes.h"
#include "formats/views.h"

namespace rwkv {
namespace {

// What names tell of their file. All names here are plain ones: ".blocks.0.ln1.weight".
enum Mark {
  kEmbeddings,
  kBlocks,
  kAuthors,
  kHuggingFace,
  kFla,
  kMaa,
  kMix,
  kWebRwkv6,
  kBonus,
  kLogBonus,
  kFla6,
  kAdapter,
  kMarks,
};
enum class At : uint8_t { kStart, kAnywhere, kEnd };
struct Sign {
  std::string_view text;
  At at;
  Mark mark;
};
constexpr Sign kSigns[] = {
    {".embeddings.", At::kStart, kEmbeddings},
    {".blocks.", At::kStart, kBlocks},
    {".emb.", At::kStart, kAuthors},
    {".att.", At::kAnywhere, kAuthors},
    {".attention.", At::kAnywhere, kHuggingFace},
    {".feed_forward.", At::kAnywhere, kHuggingFace},
    {".layers.", At::kStart, kFla},
    {".lm_head.", At::kStart, kFla},
    {".time_maa_", At::kAnywhere, kMaa},
    {".time_mix_", At::kAnywhere, kMix},
    {".att.time_mix_x", At::kEnd, kWebRwkv6},
    {".time_faaaa", At::kEnd, kBonus},
    {".time_first", At::kEnd, kLogBonus},
    {".attn.x_proj.", At::kAnywhere, kFla6},
    {".lora_A", At::kAnywhere, kAdapter},
    {".lora_a", At::kAnywhere, kAdapter},
    {".lora.0", At::kEnd, kAdapter},  // web-rwkv's
    {".bone", At::kEnd, kAdapter},
    {".disha", At::kEnd, kAdapter},
};
constexpr Mark kNeverTogether[][2] = {
    {kBlocks, kFla}, {kAuthors, kHuggingFace}, {kAuthors, kFla}, {kMaa, kMix}, {kBonus, kLogBonus},
};

struct Renaming {
  Mark style;
  std::string_view from, to;
};
constexpr Renaming kRenamings[] = {
    {kEmbeddings, ".embeddings.", ".emb."},
    {kWebRwkv6, ".time_mix_", ".time_maa_"},
    {kHuggingFace, ".pre_ln.", ".ln0."},
    {kHuggingFace, ".attention.", ".att."},
    {kHuggingFace, ".feed_forward.", ".ffn."},
    {kHuggingFace, ".time_mix_key", ".time_mix_k"},
    {kHuggingFace, ".time_mix_value", ".time_mix_v"},
    {kHuggingFace, ".time_mix_receptance", ".time_mix_r"},
    {kHuggingFace, ".time_mix_gate", ".time_mix_g"},
    {kFla, ".layers.", ".blocks."},
    {kFla, ".norm.", ".ln_out."},
    {kFla, ".lm_head.", ".head."},
    {kFla, ".pre_norm.", ".ln0."},
    {kFla, ".attn_norm.", ".ln1."},
    {kFla, ".ffn_norm.", ".ln2."},
    {kFla, ".attn.", ".att."},
    {kFla, ".r_proj.", ".receptance."},
    {kFla, ".k_proj.", ".key."},
    {kFla, ".v_proj.", ".value."},
    {kFla, ".o_proj.", ".output."},
    {kFla, ".g_norm.", ".ln_x."},
    {kFla, "_lora.lora.2.bias", "0"},
    {kFla, "_lora.lora.0.weight", "1"},
    {kFla, "_lora.lora.2.weight", "2"},
};

// Early files of fla join the mus of the time mix: x_x (6, C) or (6, 1, 1, C), in this order.
constexpr std::string_view kJoined = "rwkvag";

constexpr int64_t kMaxHeadSize = 1 << 16;  // no model comes near it

constexpr size_t kMaxName = 512;  // bytes

// The embedding, which only models have, whatever the style.
constexpr std::string_view kEmbedding[] = {".emb.weight", ".embeddings.weight"};

// Names the tensors as they are called behind a dot and without what stands before the names of the model: modules
// and dicts that it was put into, ".module.model.", of which heads may have fewer words. Wrappers are left out
// everywhere, such as "_forward_module" and "_orig_mod": no weight has a name that begins with an underscore. ""
// is a tensor that is none of the model's.
Status use_plain_names(Checkpoint& file, Holds holds) {
  std::string prefix = ".";
  const std::string* found = nullptr;
  for (auto& [name, tensor] : file.tensors) {
    std::string& plain = tensor.name.insert(0, 1, '.');
    for (size_t at; plain.size() <= kMaxName && (at = plain.find("._")) != std::string::npos;)
      plain.erase(at, plain.find('.', at + 1) - at);
    if (plain.empty()) plain = '.';
    size_t start = std::string::npos;
    for (const std::string_view end : kEmbedding)
      if (plain.ends_with(end)) start = plain.size() - end.size();
    if (plain.ends_with(".att.time_state")) start = plain.find(".blocks.");  // or a tuned state tells
    if (holds == Holds::kAdapters) start = std::min(plain.find(".blocks."), plain.find(".layers."));
    if (start == std::string::npos) continue;
    std::string before = plain.substr(0, start + 1);
    if (found && before != prefix)
      return bad_file(*file.source,
                      "holds more than one model: " + printable(*found) + " and " + printable(name));
    prefix = std::move(before), found = &name;
  }
  for (auto& [name, tensor] : file.tensors) {
    std::string& plain = tensor.name;
    size_t shared = 0, dot = 0;
    for (; shared < prefix.size() && prefix[shared] == plain[shared]; ++shared)  // plain ends in '\0'
      if (plain[shared] == '.') dot = shared;
    plain.erase(0, dot);
    const bool is_head = plain.starts_with(".head.") || plain.starts_with(".lm_head.");
    if (shared < prefix.size() && !is_head && holds == Holds::kModel) plain.clear();
  }
  return Done{};
}

using Marks = std::array<std::string, kMarks>;  // the first name that bears each; "" where none does

Marks find_marks(const Checkpoint& file) {
  Marks marks;
  for (const auto& [name, tensor] : file.tensors) {
    const std::string& plain = tensor.name;
    for (const Sign& sign : kSigns) {
      if (!marks[sign.mark].empty()) continue;
      const bool bears = sign.at == At::kStart ? plain.starts_with(sign.text)
                         : sign.at == At::kEnd ? plain.ends_with(sign.text)
                                               : plain.find(sign.text) != std::string::npos;
      if (bears) marks[sign.mark] = name;
    }
  }
  return marks;
}

std::string authors_name(const Tensor& tensor, const Marks& marks) {
  std::string name = tensor.name;
  for (const Renaming& renaming : kRenamings) {
    const size_t at = marks[renaming.style].empty() ? std::string::npos : name.find(renaming.from);
    if (at != std::string::npos) name.replace(at, renaming.from.size(), renaming.to);
  }
  // The authors' time_first holds logarithms, one a head (or, in version 4, one a channel); with a value for
  // each head and channel it is web-rwkv's name for time_faaaa, the bonus itself.
  constexpr std::string_view kFirst = ".att.time_first";
  if (name.ends_with(kFirst) && tensor.shape.size() == 2 && tensor.shape[1] > 1)
    name.replace(name.size() - kFirst.size(), kFirst.size(), ".att.time_faaaa");
  return name.erase(0, 1);
}

// REQUIRES: tensors have plain names.
Status rename(Checkpoint& file, const Marks& marks) {
  Checkpoint renamed;
  const auto add = [&](const std::string& old, std::string name, Tensor tensor) -> Status {
    tensor.name = name;
    if (renamed.tensors.try_emplace(name, std::move(tensor)).second) return Done{};
    return bad_file(*file.source, printable(old) + ": a second tensor for " + printable(name));
  };
  for (auto& [old, tensor] : file.tensors) {
    if (tensor.name.empty()) continue;
    std::string name = authors_name(tensor, marks);
    if (marks[kFla].empty() || !name.ends_with(".att.x_x")) {
      if (Status added = add(old, std::move(name), std::move(tensor)); !added) return added;
      continue;
    }
    if (tensor.shape.empty() || tensor.shape[0] != int64_t{kJoined.size()} || !tensor.strides.empty())
      return bad_file(*file.source,
                      printable(old) + ": expected six rows, file has " + to_string(tensor.shape));
    for (size_t i = 0; i < kJoined.size(); ++i) {
      name.back() = kJoined[i];
      if (Status added = add(old, name, entry(tensor, int64_t(i), name)); !added) return added;
    }
  }
  file.tensors = std::move(renamed.tensors);
  return Done{};
}

// The authors multiply x @ w1 @ w2, so that w1 is (C, rank) and w2 (rank, C), or (5, rank, C).
bool is_low_rank(const Tensor& tensor) {
  return tensor.name.find(".att.") != std::string::npos &&
         (tensor.name.ends_with('1') || tensor.name.ends_with('2')) && tensor.shape.size() >= 2 &&
         tensor.count() > 0 && !is_packed(tensor.dtype);
}

// Whether a low-rank matrix lies the other way round; none where its shape does not tell.
std::optional<bool> is_turned(const Tensor& tensor, int64_t channels) {
  const size_t rank = tensor.shape.size();
  const bool rows = tensor.shape[rank - 2] == channels, cols = tensor.shape[rank - 1] == channels;
  if (rows == cols) return std::nullopt;
  return tensor.name.ends_with('1') ? cols : rows;
}

// A square matrix lies as the others do, or else as its style has it.
void turn_low_rank(Checkpoint& file, bool turned) {
  const Tensor* emb = file.find("emb.weight");
  if (!emb || emb->shape.size() != 2) return;
  const int64_t channels = emb->shape[1];
  for (const auto& [name, tensor] : file.tensors)
    if (is_low_rank(tensor)) turned = turned || is_turned(tensor, channels).value_or(false);
  for (auto& [name, tensor] : file.tensors)
    if (is_low_rank(tensor) && is_turned(tensor, channels).value_or(turned)) tensor = transposed(tensor);
}

}  // namespace

Status use_authors_names(Checkpoint& file, Holds holds) {
  if (Status room = require_tables(*file.source, file.tensors.size()); !room) return room;
  if (Status named = use_plain_names(file, holds); !named) return named;
  const Marks marks = find_marks(file);
  const auto refuse = [&](const std::string& what) { return unsupported(*file.source, "holds " + what); };
  for (const auto& [one, other] : kNeverTogether) {
    if (marks[one].empty() || marks[other].empty()) continue;
    return bad_file(*file.source, "its tensors are named in two styles: " + printable(marks[one]) + " and " +
                                      printable(marks[other]));
  }
  if (!marks[kAdapter].empty() && holds == Holds::kModel)
    return refuse("adapters (" + printable(marks[kAdapter]) +
                  "), not a model: load their model with them, by the option lora (--lora)");
  if (!marks[kFla6].empty())
    return refuse("RWKV-6 as fla joins it (" + printable(marks[kFla6]) + "), which is not supported");

  if (Status renamed = rename(file, marks); !renamed) return renamed;
  const bool is_fla = !marks[kFla].empty();
  if (!marks[kEmbeddings].empty() && file.find("emb.weight") && !file.find("head.weight"))
    return refuse(
        "an embedding but no head.weight or lm_head.weight: tied or in another file, neither is read");
  turn_low_rank(file, is_fla || !marks[kWebRwkv6].empty());
  const Tensor* r_k = file.find("blocks.0.att.r_k");
  const int64_t N = is_fla && r_k && !r_k->shape.empty() ? r_k->shape.back() : 0;
  if (N > 0 && N < kMaxHeadSize) file.group_norm_eps = 1e-5f * static_cast<float>(N);
  return Done{};
}

}  // namespace rwkv
