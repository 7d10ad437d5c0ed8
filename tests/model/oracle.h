// The oracles: checkpoints with random weights and the logits that the authors' own inference code gives for
// them (tests/fixtures/oracle/README.md), and the models they load into.
#pragma once

#include <catch_amalgamated.hpp>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "model/conversion.h"
#include "model/state.h"
#include "model/weights.h"
#include "support.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

inline constexpr const char* kOracles[] = {"v4-bf16", "v52-fp16", "v6-bf16", "v7-bf16"};

// Each with each number format; where vectors are emulated under the sanitizers, which is twenty times as slow, every oracle and every format once.
inline std::vector<std::pair<const char*, Quantization>> oracles_in_formats() {
  std::vector<std::pair<const char*, Quantization>> all;
  for (size_t i = 0; i < std::size(kOracles); ++i)
    for (size_t j = 0; j < kQuantizations.size(); ++j) {
#ifdef RWKV_EMULATED_SIMD
      if (i != j) continue;
#endif
      all.push_back({kOracles[i], kQuantizations[j]});
    }
  return all;
}
#ifdef RWKV_EMULATED_SIMD
static_assert(std::size(kOracles) == std::size(kNumberFormats));
#endif

template <class T>
T require(Result<T> result) {
  if (!result.ok()) FAIL(error_code(result.error().kind) << ": " << result.error().message);
  return std::move(*result);
}

inline std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The numbers of the first array behind "key" in JSON text.
template <class T>
std::vector<T> json_numbers(std::string_view json, std::string_view key, size_t from = 0) {
  std::vector<T> numbers;
  size_t at = json.find('[', json.find("\"" + std::string(key) + "\"", from));
  const size_t end = json.find(']', at);
  while (at < end) {
    const size_t stop = std::min(json.find(',', at + 1), end);
    numbers.push_back(T(std::strtod(std::string(json.substr(at + 1, stop - at - 1)).c_str(), nullptr)));
    at = stop;
  }
  return numbers;
}

// Little-endian floats from base64.
inline std::vector<float> base64_floats(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | uint32_t(kDigits.find(c));
    if ((count += 6) >= 8) bytes.push_back(char(bits >> (count -= 8) & 0xFF));
  }
  std::vector<float> floats(bytes.size() / sizeof(float));
  std::memcpy(floats.data(), bytes.data(), floats.size() * sizeof(float));
  return floats;
}

struct Oracle {
  Model model;
  std::vector<Token> tokens;  // (T)
  std::vector<float> logits;  // (T, V)
};

inline Bytes oracle_file(const std::string& name) { return read_file(fixture("oracle/" + name + ".pth")); }

// The oracle's model from `file`, which holds the same weights as its own file.
inline Oracle load_oracle(const std::string& name, const Bytes& file,
                          Quantization quantization = Quantization::kF32) {
  const std::string json = text_of(read_file(fixture("oracle/" + name + ".json")));
  const MemorySource source(name, file);
  const Checkpoint checkpoint = require(open_checkpoint(source));
  const std::string_view key = "\"logits\": \"";
  const size_t from = json.find(key) + key.size();
  return {require(load_model(checkpoint, quantization)), json_numbers<Token>(json, "tokens"),
          base64_floats(std::string_view(json).substr(from, json.find('"', from) - from))};
}

inline Oracle load_oracle(const std::string& name, Quantization quantization = Quantization::kF32) {
  return load_oracle(name, oracle_file(name), quantization);
}

// Logits at every position of `tokens`, (T, V), read from a fresh state in chunks.
inline std::vector<float> read_all(const Model& model, const std::vector<Token>& tokens, size_t chunk) {
  const size_t V = size_t(model.config.vocabulary);
  std::vector<float> logits(tokens.size() * V);
  State state(model.config);
  Arena arena;
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    const size_t count = std::min(chunk, tokens.size() - at);
    const Slice slice{&state, {&tokens[at], count}, count, &logits[at * V]};
    forward(model, {&slice, 1}, arena);
  }
  return logits;
}

// The packed file of a model.
inline Bytes converted(const Checkpoint& checkpoint, Quantization quantization) {
  Conversion conversion = require(Conversion::start(checkpoint, quantization));
  Bytes file;
  for (Buffer piece = require(conversion.next()); piece.bytes() > 0; piece = require(conversion.next()))
    file.insert(file.end(), piece.span().begin(), piece.span().end());
  CHECK(file.size() == conversion.bytes());
  return file;
}

// A model in f32 of what a quantization leaves of the weights in `file`.
inline Model load_rounded(const Bytes& file, Quantization quantization) {
  const MemorySource source("exact", file);
  const Bytes packed = converted(require(open_checkpoint(source)), quantization);
  const MemorySource packed_source("rounded", packed);
  return require(load_model(require(open_checkpoint(packed_source)), Quantization::kF32));
}

}  // namespace rwkv
