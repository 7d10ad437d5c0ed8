// Small GGUF files, and what the reader says to wrong ones.
#pragma once

#include <catch_amalgamated.hpp>

#include "formats/gguf_file.h"
#include "formats/gguf_tokens.h"
#include "formats/hostile.h"
#include "formats/tensor_values.h"

namespace rwkv::gguf_samples {

using Catch::Matchers::ContainsSubstring;

constexpr uint32_t kF32 = 0, kF16 = 1, kQ8_0 = 8, kQ4_K = 12, kBF16 = 30;  // types of tensors
constexpr uint32_t kU8 = 0, kU32 = 4, kText = 8, kArray = 9, kU64 = 10;    // types of values

inline Bytes floats(int count, float first = 0) {
  Bytes bytes;
  for (int i = 0; i < count; ++i) {
    const float value = first + float(i);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    put_le(bytes, bits);
  }
  return bytes;
}

inline GgufFile with(std::vector<GgufTensor> tensors, std::string architecture = "rwkv7") {
  return {.pairs = {gguf_string("general.architecture", architecture),
                    gguf_u32(architecture + ".wkv.head_size", 4)},
          .tensors = std::move(tensors)};
}

// A file of one tensor of each form.
inline GgufFile small() {
  GgufFile file = with({{"token_embd.weight", {3, 8}, kF16, Bytes(48)},
                        {"blk.0.attn_norm.weight", {8}, kF32, floats(8)},
                        {"blk.0.attn_norm.bias", {8}, kF32, floats(8, 8)},
                        {"blk.1.time_mix_w1.weight", {2, 8}, kF32, floats(16)},
                        {"blk.1.time_mix_r_k.weight", {8}, kF32, floats(8)},
                        {"blk.1.time_mix_lerp_fused.weight", {6, 1, 1, 8}, kF32, floats(48)},
                        {"blk.1.channel_mix_key.weight", {2, 32}, kQ8_0, Bytes(68)},
                        {"output.weight", {1, 256}, kQ4_K, Bytes(144)}});
  file.pairs.push_back(gguf_string("tokenizer.ggml.model", "rwkv"));
  file.pairs.push_back(gguf_strings("tokenizer.ggml.tokens", {"<s>", "a", "\\xff"}));
  return file;
}

// The error that the file gives; "" where it is read.
inline std::string refusal(const Bytes& bytes, ErrorKind kind = ErrorKind::kBadFile) {
  const MemorySource source("tales", bytes);
  const Result<Checkpoint> file = open_gguf(source);
  if (file) return "";
  CHECK(file.error().kind == kind);
  CHECK_THAT(file.error().message, Catch::Matchers::StartsWith("tales: "));
  return file.error().message;
}
inline std::string refusal(const GgufFile& file, ErrorKind kind = ErrorKind::kBadFile) {
  return refusal(file.bytes(), kind);
}
inline std::string refusal(GgufTensor tensor, ErrorKind kind = ErrorKind::kBadFile) {
  return refusal(with({std::move(tensor)}), kind);
}
// Of a file that is good but for one pair more.
inline std::string refusal_of_pair(Bytes pair, ErrorKind kind = ErrorKind::kBadFile) {
  GgufFile file = small();
  file.pairs.push_back(std::move(pair));
  return refusal(file, kind);
}

}  // namespace rwkv::gguf_samples
