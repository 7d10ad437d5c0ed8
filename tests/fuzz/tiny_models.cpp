#include "fuzz/tiny_models.h"

#include "dtype.h"

namespace rwkv::fuzz {
namespace {

// A tensor of a layer, its shape in letters: C, F, r (the rank), 5 (the number), H, N.
struct Row {
  const char *name, *shape;
};

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

}  // namespace

std::vector<TinyTensor> tiny_model(Version version, int C, int layers) {
  constexpr int kVocabulary = 9, kHidden = 9, kHeads = 2, kRank = 2;
  std::vector<TinyTensor> tensors = {
      {"emb.weight", {kVocabulary, C}}, {"blocks.0.ln0.weight", {C}}, {"blocks.0.ln0.bias", {C}},
      {"ln_out.weight", {C}},           {"ln_out.bias", {C}},         {"head.weight", {kVocabulary, C}}};
  const auto size = [&](char letter) -> int64_t {
    switch (letter) {
      case 'F':
        return kHidden;
      case 'H':
        return kHeads;
      case 'N':
        return C / kHeads;
      case 'r':
        return kRank;
      case 'R':
        return 5 * kRank;
      case '5':
        return 5;
    }
    return C;
  };
  for (int layer = 0; layer < layers; ++layer) {
    const auto add = [&](std::span<const Row> rows) {
      for (const Row& row : rows) {
        Shape shape;
        for (const char* letter = row.shape; *letter; ++letter) shape.push_back(size(*letter));
        tensors.push_back({"blocks." + std::to_string(layer) + "." + row.name, shape});
      }
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
    if (version == Version::k7) add(kVersion7);
    if (version == Version::k7 && layer > 0) add(kVersion7Upper);
  }
  return tensors;
}

Bytes tiny_halves(uint64_t count) {
  Bytes bytes;
  for (uint64_t i = 0; i < count; ++i) put_le(bytes, float_to_half(float(i * 37 % 101) / 101 - 0.5f));
  return bytes;
}

Bytes safetensors_of(std::string_view header, uint64_t data_bytes) {
  Bytes file;
  put_le(file, uint64_t{header.size()});
  put(file, header);
  const Bytes data = tiny_halves((data_bytes + 1) / 2);
  file.insert(file.end(), data.begin(), data.begin() + ptrdiff_t(data_bytes));
  return file;
}

Bytes tiny_safetensors(const std::vector<TinyTensor>& tensors) {
  std::string header;
  uint64_t end = 0;
  for (const TinyTensor& tensor : tensors) {
    std::string shape, offsets = std::to_string(end) + ',' + std::to_string(end + 2 * tensor.count());
    for (const int64_t size : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(size);
    header += (header.empty() ? "{\"" : ",\"") + tensor.name + R"(":{"dtype":"F16","shape":[)" + shape +
              R"(],"data_offsets":[)" + offsets + "]}";
    end += 2 * tensor.count();
  }
  return safetensors_of(header + "}", end);
}

}  // namespace rwkv::fuzz
