// What programs that measure and pack share: a failure ends them, and texts come in windows.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

template <class T>
T unwrap(Result<T> result) {
  if (result.ok()) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

inline std::string_view text_of(const Bytes& file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

// "bytes": every byte is a token; else a vocabulary file.
inline std::unique_ptr<Tokenizer> open_tokenizer(const std::string& name) {
  if (name == "bytes") return make_byte_tokenizer();
  const Bytes file = read_file(name);
  return unwrap(make_world_tokenizer(name, text_of(file)));
}

// A file of documents, each ended by a zero byte, as one row of tokens with kEndOfText behind each document;
// a text without zero bytes is what it is.
struct Text {
  std::vector<Token> tokens;
  size_t bytes = 0;  // without the zeros
};

inline Result<Text> read_text(const Tokenizer& tokenizer, std::string_view documents) {
  Text text;
  while (!documents.empty()) {
    const size_t end = documents.find('\0');
    const std::string_view document = documents.substr(0, end);
    if (Status status = tokenizer.encode(document, text.tokens); !status) return status.error();
    text.bytes += document.size();
    if (end == documents.npos) break;
    text.tokens.push_back(kEndOfText);
    documents.remove_prefix(end + 1);
  }
  return text;
}

// What a model reads: kEndOfText, then all tokens of a window but the last.
inline std::vector<Token> inputs_of(std::span<const Token> window) {
  std::vector<Token> inputs(window.begin(), window.end());
  inputs.pop_back();
  inputs.insert(inputs.begin(), kEndOfText);
  return inputs;
}

constexpr size_t kWindow = 512;

// The tokens [kWindow i, kWindow (i + 1)), as far as there are any.
inline std::vector<std::span<const Token>> windows_of(std::span<const Token> tokens) {
  std::vector<std::span<const Token>> windows;
  for (; !tokens.empty(); tokens = tokens.subspan(windows.back().size()))
    windows.push_back(tokens.first(std::min(kWindow, tokens.size())));
  return windows;
}

}  // namespace rwkv
