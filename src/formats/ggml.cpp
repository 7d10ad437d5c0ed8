// rwkv.cpp's .bin files. Six int32: magic 0x67676d66, file version, V, C, layers, the type of most tensors;
// then tensors until the end of the file: int32 rank, length of the name and type, int32 sizes (the last axis
// first), name, data, nothing aligned.
//
// Names are the authors', but what they stand for depends on the version of the model: its converter bakes
// the decays of 4 and 5, turns the low-rank matrices of 6 and 7 and joins the six mus of 7.

#include <algorithm>

#include "formats/checkpoint.h"
#include "formats/containers/bytes.h"
#include "formats/containers/cursor.h"
#include "formats/dialects/rules.h"
#include "formats/ggml_tensor.h"
#include "quant/dtype.h"

namespace rwkv {
namespace {

constexpr size_t kWindow = 512;         // a tensor's description is some 50 bytes
constexpr uint64_t kMostName = 256;     // bytes
constexpr size_t kMostTensors = 16384;  // 500 layers

constexpr const char* kTypes[] = {"F32",  "F16",  "Q4_0", "Q4_1", "Q4_1_O",
                                  "Q4_2", "Q4_3", "Q5_0", "Q5_1", "Q8_0"};

constexpr Rule kRules4[] = {
    {"att.time_decay", "att.time_decay", Layout::kSame, Stored::kMinusExp},
};
// The bonus of 5.0 is exp(time_first) in the file: what the authors call time_faaaa where they have it.
constexpr Rule kRules5[] = {
    {"att.time_decay", "att.time_decay", Layout::kHeads, Stored::kExpMinusExp},
    {"att.time_first", "att.time_faaaa", Layout::kHeads},
    {"att.time_faaaa", "att.time_faaaa", Layout::kHeads},
};
constexpr Rule kRules6[] = {
    {"att.time_decay", "att.time_decay", Layout::kFlat},
    {"att.time_faaaa", "att.time_faaaa", Layout::kHeads},
    {"att.time_maa_w1", "att.time_maa_w1", Layout::kTurned},
    {"att.time_maa_w2", "att.time_maa_w2", Layout::kTurned},
    {"att.time_decay_w1", "att.time_decay_w1", Layout::kTurned},
    {"att.time_decay_w2", "att.time_decay_w2", Layout::kTurned},
};
constexpr Rule kRules7[] = {
    {"att.w1", "att.w1", Layout::kTurned},
    {"att.w2", "att.w2", Layout::kTurned},
    {"att.a1", "att.a1", Layout::kTurned},
    {"att.a2", "att.a2", Layout::kTurned},
    {"att.v1", "att.v1", Layout::kTurned},
    {"att.v2", "att.v2", Layout::kTurned},
    {"att.g1", "att.g1", Layout::kTurned},
    {"att.g2", "att.g2", Layout::kTurned},
    {"att.x_rwkvag", "att.x_", Layout::kFused, Stored::kValue, "rwkvag"},
};

// The next tensor of the file.
Result<Tensor> read_tensor(const Source& source, Cursor& in, uint32_t file_version) {
  const auto rank = in.number<uint32_t>(), name_bytes = in.number<uint32_t>(), type = in.number<uint32_t>();
  if (in.error()) return *in.error();
  if (rank < 1 || rank > 3)
    return bad_file(source, "a tensor of " + std::to_string(rank) + " dimensions before byte " +
                                std::to_string(in.at()) + ", expected 1 to 3");
  Shape shape(rank);
  for (size_t i = rank; i-- > 0;) shape[i] = in.number<int32_t>();
  std::string name = in.text(name_bytes, kMostName);
  if (in.error()) return *in.error();

  const auto dtype = ggml_type(source, name, kTypes, type);
  if (!dtype) return dtype.error();
  if (file_version == 100 && block_size(*dtype).elements > 1)
    return unsupported(source,
                       printable(name) + ": " + dtype_name(*dtype) +
                           " of file version 100, which ggml has changed since; quantise the model anew");
  Result<Tensor> tensor = ggml_tensor(source, std::move(name), *dtype, std::move(shape), in.at());
  if (tensor && tensor->bytes > in.left())
    return bad_file(source, printable(tensor->name) + ": cut off, expected " + std::to_string(tensor->bytes) +
                                " bytes, the file has " + std::to_string(in.left()));
  return tensor;
}

// The part of "blocks.12.att.key.weight" up to "att", empty where there is none.
std::string layer_prefix(std::string_view name) {
  if (!name.starts_with("blocks.")) return {};
  return std::string(name.substr(0, std::min(name.find('.', 7), name.size() - 1) + 1));
}

// N, which the shape of the bonus tells: (H, N, 1) for one value a channel, without axes of one in front,
// else one value a head, which is N = 1 here.
int64_t head_size_of(const Checkpoint& raw) {
  const Tensor* emb = raw.find("emb.weight");
  const Tensor* bonus = raw.find("blocks.0.att.time_faaaa");
  if (!bonus || !emb || emb->shape.size() != 2 || int64_t(bonus->count()) != emb->shape[1]) return 1;
  return bonus->shape.size() == 3 ? bonus->shape[1] : emb->shape[1];
}

}  // namespace

Result<Checkpoint> open_ggml(const Source& source) {
  Cursor in(source, kWindow);
  in.skip(4);  // the magic
  const auto file_version = in.number<uint32_t>();
  if (!in.error() && file_version != 100 && file_version != 101)
    return unsupported(source,
                       "rwkv.cpp file version " + std::to_string(file_version) + ", expected 100 or 101");
  in.skip(16);  // V, C, layers, type: the tensors tell them

  if (Status room = require_tables(source, std::min<uint64_t>(kMostTensors, in.left() / 16)); !room)
    return room.error();
  Checkpoint raw{.source = &source};
  while (!in.error() && in.left() > 0) {
    Result<Tensor> tensor = read_tensor(source, in, file_version);
    if (!tensor) return tensor.error();
    if (raw.tensors.size() == kMostTensors)
      return bad_file(source, "more than " + std::to_string(kMostTensors) + " tensors");
    in.skip(tensor->bytes);
    std::string name = tensor->name;
    if (!raw.tensors.try_emplace(std::move(name), std::move(*tensor)).second)
      return bad_file(source, printable(tensor->name) + ": in the file twice");
  }
  if (in.error()) return *in.error();
  if (raw.tensors.empty()) return bad_file(source, "holds no tensors");

  const auto has = [&](const char* name) { return raw.find(name) != nullptr; };
  std::span<const Rule> rules = kRules4;
  if (has("blocks.0.att.k_k")) rules = kRules7;
  else if (has("blocks.0.att.time_maa_x")) rules = kRules6;
  else if (has("blocks.0.att.ln_x.weight")) rules = kRules5;

  Checkpoint checkpoint{.source = &source, .format = "rwkv.cpp"};
  // rwkv.cpp runs version 5 with this eps, though the authors' code has 64e-5 for it as for all others.
  if (rules.data() == kRules5) checkpoint.group_norm_eps = 1e-5f;
  const int64_t head_size = head_size_of(raw);
  for (auto& [name, tensor] : raw.tensors) {
    std::string prefix = layer_prefix(name);
    const Rule* rule = find_rule(rules, std::string_view(name).substr(prefix.size()));
    const Rule same{name, std::string_view(name).substr(prefix.size())};
    Status status = add_by_rule(rule ? *rule : same, prefix, head_size, std::move(tensor), checkpoint);
    if (!status) return status.error();
  }
  return checkpoint;
}

}  // namespace rwkv
