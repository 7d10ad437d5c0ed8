// A World vocabulary as llama.cpp's converter writes it into GGUF.
#pragma once

#include <string>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace rwkv {

// What Python prints between the quotes of a bytes literal: "\n" as two characters, most bytes above '~' as
// four.
inline std::string python_repr(std::string_view bytes) {
  const bool has_single = bytes.find('\'') != std::string_view::npos;
  const char quote = has_single && bytes.find('"') == std::string_view::npos ? '"' : '\'';
  std::string text;
  for (const char c : bytes) {
    if (c == quote || c == '\\') text += {'\\', c};
    else if (c == '\t') text += "\\t";
    else if (c == '\n') text += "\\n";
    else if (c == '\r') text += "\\r";
    else if (c >= ' ' && c <= '~') text += c;
    else text += {'\\', 'x', "0123456789abcdef"[uint8_t(c) >> 4], "0123456789abcdef"[uint8_t(c) & 15]};
  }
  return text;
}

// One text for each of `size` ids: token 0 is <s>, ids beyond the vocabulary are padding.
inline std::vector<std::string> gguf_tokens(const Vocabulary& vocabulary, int size) {
  std::vector<std::string> tokens = {"<s>"};
  for (int id = 1; id < size; ++id)
    tokens.push_back(id < vocabulary.size() ? python_repr(vocabulary.bytes(id))
                                            : "[PAD" + std::to_string(id) + "]");
  return tokens;
}

}  // namespace rwkv
