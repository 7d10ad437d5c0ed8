// How files spell tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rwkv {

// The inside of a bytes literal as Python's repr() writes it in single quotation marks.
inline std::string escaped(std::string_view bytes) {
  std::string inside;
  for (const char c : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    if (c == '\'' || c == '\\') inside += {'\\', c};
    else if (c == '\t') inside += "\\t";
    else if (c == '\n') inside += "\\n";
    else if (c == '\r') inside += "\\r";
    else if (c >= ' ' && c <= '~') inside += c;
    else inside += {'\\', 'x', kDigits[uint8_t(c) >> 4], kDigits[uint8_t(c) & 15]};
  }
  return inside;
}

// A list of strings as GGUF lays it out: each with its length, a u64, before it.
inline std::string string_list(const std::vector<std::string>& strings) {
  std::string list;
  for (const std::string& string : strings) {
    for (int shift = 0; shift < 64; shift += 8) list += char(uint64_t(string.size()) >> shift);
    list += string;
  }
  return list;
}

}  // namespace rwkv
