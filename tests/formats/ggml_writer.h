// Writes rwkv.cpp's files: of any content, right or deliberately wrong, and RWKV models as its converter and
// its quantiser do.
#pragma once

#include <array>

#include "formats/block_writer.h"
#include "formats/tensor_values.h"
#include "support.h"

namespace rwkv {

struct GgmlTensor {
  std::string name;
  Shape shape;  // the last axis last, as everywhere but in the file
  uint32_t type = 0;
  Bytes data = {};
};

struct GgmlFile {
  uint32_t magic = 0x67676d66, version = 101;
  uint32_t vocabulary = 0, channels = 0, layers = 0, type = 0;
  std::vector<GgmlTensor> tensors = {};

  Bytes bytes() const {
    Bytes file;
    for (const uint32_t field : {magic, version, vocabulary, channels, layers, type}) put_le(file, field);
    for (const GgmlTensor& tensor : tensors) {
      put_le(file, uint32_t(tensor.shape.size()));
      put_le(file, uint32_t(tensor.name.size()));
      put_le(file, tensor.type);
      for (size_t i = tensor.shape.size(); i-- > 0;) put_le(file, uint32_t(tensor.shape[i]));
      put(file, tensor.name);
      file.insert(file.end(), tensor.data.begin(), tensor.data.end());
    }
    return file;
  }
};

// rwkv.cpp's numbers of F32, F16, Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0.
inline uint32_t ggml_file_type(DType dtype) {
  constexpr std::array<uint32_t, 8> kTypes = {0, 1, UINT32_MAX, 2, 3, 7, 8, 9};  // in DType's order
  return kTypes[size_t(dtype)];
}

struct GgmlOptions {
  DType matrices = DType::kF32;
  uint32_t version = 101;
};

namespace ggml_writer {

inline bool contains(std::string_view name, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

// As rwkv.cpp's converter changes a tensor of each version. (Its last one makes version 6's time_decay (H, N,
// 1).)
inline void convert(int version, bool is_gated, const std::string& name, Values& in) {
  const auto exp_minus_exp = [](float x) { return std::exp(-std::exp(x)); };
  const auto count = int64_t(in.values.size());
  if (contains(name, {".time_"})) std::erase(in.shape, 1);
  if (version == 7) {
    if (contains(name, {".w1", ".w2", ".a1", ".a2", ".v1", ".v2", ".g1", ".g2"})) in.turn();
  } else if (version == 6) {
    if (contains(name, {".time_faaaa"})) in.shape.push_back(1);
    if (contains(name, {".time_maa_w1", ".time_maa_w2", ".time_decay_w"})) in.turn();
  } else if (version == 5) {
    if (contains(name, {".time_decay"})) {
      in.map(exp_minus_exp);
      if (is_gated) in.shape.push_back(1);
      else in.shape = {count, 1, 1};
    }
    if (contains(name, {".time_first"})) {
      in.map([](float x) { return std::exp(x); });
      in.shape = {count, 1, 1};
    }
    if (contains(name, {".time_faaaa"})) in.shape.push_back(1);
  } else if (contains(name, {".time_decay"})) {
    in.map([](float x) { return -std::exp(x); });
  }
}

inline DType type_of(const std::string& name, const Shape& shape, DType matrices) {
  if (matrices == DType::kF16) {
    const bool is_kept = contains(name, {".time_", ".k_k", ".k_a", ".r_k", ".x_", ".w0", ".a0", ".v0"});
    return shape.size() > 1 && !is_kept ? DType::kF16 : DType::kF32;
  }
  const bool is_kept = name == "emb.weight" || name == "head.weight" || contains(name, {".r_k"});
  const bool fits = uint64_t(shape.back()) % block_size(matrices).elements == 0;
  return shape.size() == 2 && !is_kept && fits ? matrices : DType::kF32;
}

}  // namespace ggml_writer

// The model as rwkv.cpp has it; empty where the checkpoint cannot be read.
inline Bytes write_ggml(const Checkpoint& checkpoint, const GgmlOptions& options = {}) {
  const auto has = [&](const char* name) { return checkpoint.find(name) != nullptr; };
  const int version = has("blocks.0.att.k_k")           ? 7
                      : has("blocks.0.att.time_maa_x")  ? 6
                      : has("blocks.0.att.ln_x.weight") ? 5
                                                        : 4;
  const Tensor* emb = checkpoint.find("emb.weight");
  if (!emb || emb->shape.size() != 2) return {};
  GgmlFile file{.version = options.version,
                .vocabulary = uint32_t(emb->shape[0]),
                .channels = uint32_t(emb->shape[1]),
                .type = ggml_file_type(options.matrices)};
  while (checkpoint.find("blocks." + std::to_string(file.layers) + ".ln1.weight")) ++file.layers;

  const auto add = [&](const std::string& name, const Values& in) {
    const DType dtype = ggml_writer::type_of(name, in.shape, options.matrices);
    file.tensors.push_back({name, in.shape, ggml_file_type(dtype), encode_as(dtype, in.values)});
  };
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (name.find(".att.x_") !=
        std::string::npos) {  // version 7: the six in one, where the first of them would be
      const std::string stem = name.substr(0, name.size() - 1);
      if (name.back() != 'a') continue;
      Values all;
      for (const char letter : std::string_view("rwkvag")) {
        const Tensor* mu = checkpoint.find(stem + letter);
        if (!mu) return {};
        const std::vector<float> more = values_of(checkpoint, *mu);
        all.values.insert(all.values.end(), more.begin(), more.end());
      }
      all.shape = {6, 1, int64_t(all.values.size() / 6)};
      add(stem + "rwkvag", all);
      continue;
    }
    Values in(checkpoint, tensor);
    if (in.values.empty()) return {};
    ggml_writer::convert(version, has("blocks.0.att.gate.weight"), name, in);
    add(name, in);
  }
  return file.bytes();
}

}  // namespace rwkv
