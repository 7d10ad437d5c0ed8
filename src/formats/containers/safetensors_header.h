// The header of safetensors, as it is written (safetensors.cpp tells all of it).
#pragma once

#include <bit>
#include <string>
#include <string_view>

#include "tensor.h"

namespace rwkv {

inline std::string quoted(std::string_view text) { return std::string("\"").append(text).append("\""); }

// An entry; moves `offset` behind it.
inline std::string safetensors_entry(std::string_view name, std::string_view dtype, const Shape& shape,
                                     uint64_t bytes, uint64_t& offset) {
  std::string sizes;
  for (const int64_t size : shape) sizes += std::to_string(size) + ',';
  if (!sizes.empty()) sizes.pop_back();
  const std::string begin = std::to_string(offset), end = std::to_string(offset += bytes);
  return quoted(name) + ":{\"dtype\":" + quoted(dtype) + ",\"shape\":[" + sizes + "],\"data_offsets\":[" +
         begin + ',' + end + "]},";
}

// Its u64 length, then the JSON of {metadata and entries}; blanks make the data start at a multiple of 64 bytes.
inline std::string safetensors_header(std::string entries) {
  if (!entries.empty()) entries.pop_back();  // the last comma
  std::string json = '{' + std::move(entries) + '}';
  json.resize((8 + json.size() + 63) / 64 * 64 - 8, ' ');
  const auto length = std::bit_cast<std::array<char, 8>>(uint64_t(json.size()));
  return std::string(length.begin(), length.end()) + json;
}

}  // namespace rwkv
