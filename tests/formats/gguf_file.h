// Builds GGUF files in memory, right or deliberately wrong.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "support.h"
#include "tensor.h"

namespace rwkv {

inline void put_gguf_text(Bytes& bytes, std::string_view text) {
  put_le(bytes, uint64_t(text.size()));
  put(bytes, text);
}

// A key and the number of its value's type: the beginning of a pair.
inline Bytes gguf_key(std::string_view key, uint32_t type) {
  Bytes pair;
  put_gguf_text(pair, key);
  put_le(pair, type);
  return pair;
}
inline Bytes gguf_u32(std::string_view key, uint32_t value) {
  Bytes pair = gguf_key(key, 4);
  put_le(pair, value);
  return pair;
}
inline Bytes gguf_f32(std::string_view key, float value) {
  Bytes pair = gguf_key(key, 6);
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  put_le(pair, bits);
  return pair;
}
inline Bytes gguf_string(std::string_view key, std::string_view value) {
  Bytes pair = gguf_key(key, 8);
  put_gguf_text(pair, value);
  return pair;
}
inline Bytes gguf_strings(std::string_view key, const std::vector<std::string>& values) {
  Bytes pair = gguf_key(key, 9);
  put_le(pair, uint32_t{8});
  put_le(pair, uint64_t(values.size()));
  for (const std::string& value : values) put_gguf_text(pair, value);
  return pair;
}

struct GgufTensor {
  std::string name;
  Shape shape;  // the last axis last, as everywhere but in the file
  uint32_t type = 0;
  Bytes data = {};
  std::optional<uint64_t> offset = {};  // where it is not the place that the data gets
};

struct GgufFile {
  std::string magic = "GGUF";
  uint32_t version = 3;
  uint64_t alignment = 32;  // of the data; general.alignment is a pair like any other
  std::vector<Bytes> pairs = {};
  std::vector<GgufTensor> tensors = {};
  std::optional<uint64_t> pair_count = {}, tensor_count = {};  // where they lie

  Bytes bytes() const {
    Bytes file = to_bytes(magic), data;
    const auto pad = [&](Bytes& bytes) {
      while (bytes.size() % alignment != 0) bytes.push_back(std::byte{0});
    };
    put_le(file, version);
    put_le(file, tensor_count.value_or(tensors.size()));
    put_le(file, pair_count.value_or(pairs.size()));
    for (const Bytes& pair : pairs) file.insert(file.end(), pair.begin(), pair.end());
    for (const GgufTensor& tensor : tensors) {
      put_gguf_text(file, tensor.name);
      put_le(file, uint32_t(tensor.shape.size()));
      for (size_t i = tensor.shape.size(); i-- > 0;) put_le(file, uint64_t(tensor.shape[i]));
      put_le(file, tensor.type);
      pad(data);
      put_le(file, tensor.offset.value_or(data.size()));
      data.insert(data.end(), tensor.data.begin(), tensor.data.end());
    }
    pad(file);
    file.insert(file.end(), data.begin(), data.end());
    return file;
  }
};

inline uint32_t gguf_type(DType dtype) {
  constexpr std::array<uint32_t, 11> kTypes = {0, 1, 30, 2, 3, 6, 7, 8, 12, 13, 14};  // in DType's order
  return kTypes[size_t(dtype)];
}

}  // namespace rwkv
