#include "fuzz/tiny_models.h"

#include "formats/containers/bytes.h"
#include "quant/dtype.h"

namespace rwkv::fuzz {
namespace {

// A tensor, its shape in letters: C, F, H, N, V, r (the rank), R (five ranks), 5 (the number), D (7a's 32), E
// (D D).
struct Row {
  const char *name, *shape;
};

constexpr Row kOutside[] = {{"emb.weight", "VC"},   {"blocks.0.ln0.weight", "C"}, {"blocks.0.ln0.bias", "C"},
                            {"ln_out.weight", "C"}, {"ln_out.bias", "C"},         {"head.weight", "VC"}};
constexpr Row kNorms[] = {{"ln1.weight", "C"}, {"ln1.bias", "C"}, {"ln2.weight", "C"}, {"ln2.bias", "C"}};
constexpr Row kMatrices[] = {{"att.receptance.weight", "CC"}, {"att.key.weight", "CC"},
                             {"att.value.weight", "CC"},      {"att.output.weight", "CC"},
                             {"ffn.key.weight", "FC"},        {"ffn.value.weight", "CF"}};
constexpr Row kHeadNorm[] = {{"att.ln_x.weight", "C"}, {"att.ln_x.bias", "C"}};
constexpr Row kGate[] = {{"att.gate.weight", "CC"}};
constexpr Row kGate5[] = {{"att.time_mix_g", "C"}, {"att.gate.weight", "CC"}};
constexpr Row kMix[] = {{"att.time_mix_k", "C"}, {"att.time_mix_v", "C"}, {"att.time_mix_r", "C"},
                        {"ffn.time_mix_k", "C"}, {"ffn.time_mix_r", "C"}, {"ffn.receptance.weight", "CC"}};
constexpr Row kDecay4[] = {{"att.time_decay", "C"}, {"att.time_first", "C"}};
constexpr Row kDecay5[] = {{"att.time_decay", "H"}, {"att.time_first", "H"}};
constexpr Row kDecay52[] = {{"att.time_decay", "HN"}, {"att.time_faaaa", "HN"}};
constexpr Row kVersion6[] = {
    {"att.time_maa_x", "C"},     {"att.time_maa_w", "C"},     {"att.time_maa_k", "C"},
    {"att.time_maa_v", "C"},     {"att.time_maa_r", "C"},     {"att.time_maa_g", "C"},
    {"att.time_maa_w1", "CR"},   {"att.time_maa_w2", "5rC"},  {"att.time_decay", "C"},
    {"att.time_decay_w1", "Cr"}, {"att.time_decay_w2", "rC"}, {"att.time_faaaa", "HN"},
    {"ffn.time_maa_k", "C"},     {"ffn.time_maa_r", "C"},     {"ffn.receptance.weight", "CC"}};
constexpr Row kVersion7[] = {{"att.x_r", "C"},  {"att.x_w", "C"}, {"att.x_k", "C"}, {"att.x_v", "C"},
                             {"att.x_a", "C"},  {"att.x_g", "C"}, {"att.w0", "C"},  {"att.w1", "Cr"},
                             {"att.w2", "rC"},  {"att.a0", "C"},  {"att.a1", "Cr"}, {"att.a2", "rC"},
                             {"att.g1", "Cr"},  {"att.g2", "rC"}, {"att.k_k", "C"}, {"att.k_a", "C"},
                             {"att.r_k", "HN"}, {"ffn.x_k", "C"}};
constexpr Row kVersion7Upper[] = {{"att.v0", "C"}, {"att.v1", "Cr"}, {"att.v2", "rC"}};
constexpr Row kDeepEmbed[] = {{"ffn.s_emb.weight", "VE"},
                              {"ffn.s_emb_x.weight", "EC"},
                              {"ffn.s0", "F"},
                              {"ffn.s1", "CD"},
                              {"ffn.s2", "DF"}};

}  // namespace

std::vector<FileTensor> tiny_model(Version version, int C, int layers, int wide) {
  constexpr int kHeads = 2, kRank = 2;
  const auto size = [&](char letter) -> int64_t {
    switch (letter) {
      case 'F':
      case 'V':
        return wide;
      case 'H':
        return kHeads;
      case 'N':
        return C / kHeads;
      case 'r':
        return kRank;
      case 'D':
        return 32;
      case 'E':
        return 32 * 32;
      case 'R':
        return 5 * kRank;
      case '5':
        return 5;
    }
    return C;
  };
  std::vector<FileTensor> tensors;
  const auto add_to = [&](const std::string& prefix, std::span<const Row> rows) {
    for (const Row& row : rows) {
      Shape shape;
      for (const char* letter = row.shape; *letter; ++letter) shape.push_back(size(*letter));
      tensors.push_back({prefix + row.name, DType::kF16, shape, tiny_halves(*element_count(shape))});
    }
  };
  add_to("", kOutside);
  for (int layer = 0; layer < layers; ++layer) {
    const auto add = [&](std::span<const Row> rows) {
      add_to("blocks." + std::to_string(layer) + ".", rows);
    };
    add(kNorms);
    add(kMatrices);
    if (version != Version::k4) add(kHeadNorm);
    if (version <= Version::k5_2) add(kMix);
    if (version == Version::k4) add(kDecay4);
    if (version == Version::k5_0 || version == Version::k5_1) add(kDecay5);
    if (version == Version::k5_2) add(kDecay52);
    if (version == Version::k5_1 || version == Version::k5_2) add(kGate5);
    if (version == Version::k6) add(kGate), add(kVersion6);
    if (version >= Version::k7) add(kVersion7);
    if (version >= Version::k7 && layer > 0) add(kVersion7Upper);
    if (version == Version::k7a) add(kDeepEmbed);
  }
  return tensors;
}

Bytes tiny_halves(uint64_t count) {
  Bytes bytes;
  for (uint64_t i = 0; i < count; ++i) put_le(bytes, float_to_half(float(i * 37 % 101) / 101 - 0.5f));
  return bytes;
}

std::vector<FileTensor> tiny_states(int C, int layers) {
  std::vector<FileTensor> states;
  for (int layer = 0; layer < layers; ++layer)
    states.push_back({"blocks." + std::to_string(layer) + ".att.time_state",
                      DType::kF16,
                      {2, C / 2, C / 2},
                      tiny_halves(uint64_t(C * C / 2))});
  return states;
}

OpenFile::OpenFile(Bytes file) : bytes(std::move(file)), source("model", bytes) {
  Result<Checkpoint> opened = open_checkpoint(source);
  if (!opened) std::abort();
  checkpoint = std::move(*opened);
}

}  // namespace rwkv::fuzz
