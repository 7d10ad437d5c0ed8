#include "tokenizer/utf8.h"

#include <cassert>
#include <utility>

#include "tokenizer/tokenizer.h"

namespace rwkv {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool within(char c, uint8_t low, uint8_t high) { return uint8_t(c) >= low && uint8_t(c) <= high; }

}  // namespace

Utf8Prefix utf8_prefix(std::string_view bytes) {
  using Kind = Utf8Prefix::Kind;
  assert(!bytes.empty());
  const uint8_t lead = uint8_t(bytes[0]);
  if (lead < 0x80) return {Kind::kCharacter, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Kind::kIllFormed, 1};

  // Only the second byte has bounds of its own (Unicode 15, table 3-7): they shut out overlong forms,
  // surrogates and what lies above U+10FFFF.
  const int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (int i = 1; i < length; ++i, low = 0x80, high = 0xBF) {
    if (size_t(i) == bytes.size()) return {Kind::kUnfinished, i};
    if (!within(bytes[i], low, high)) return {Kind::kIllFormed, i};
  }
  return {Kind::kCharacter, length};
}

void append_utf8(uint32_t code_point, std::string& text) {
  assert(code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF));
  const auto tail = [&](int shift) { text += char(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    text += char(code_point);
  } else if (code_point < 0x800) {
    text += char(0xC0 | code_point >> 6), tail(0);
  } else if (code_point < 0x10000) {
    text += char(0xE0 | code_point >> 12), tail(6), tail(0);
  } else {
    text += char(0xF0 | code_point >> 18), tail(12), tail(6), tail(0);
  }
}

std::string Utf8Stream::push(std::string_view bytes) {
  std::string held = std::exchange(pending_, {});
  held += bytes;
  std::string text;
  text.reserve(held.size());
  for (std::string_view rest = held; !rest.empty();) {
    const auto [kind, length] = utf8_prefix(rest);
    if (kind == Utf8Prefix::Kind::kUnfinished) {
      pending_ = rest;
      break;
    }
    text += kind == Utf8Prefix::Kind::kCharacter ? rest.substr(0, length) : kReplacement;
    rest.remove_prefix(length);
  }
  return text;
}

std::string Utf8Stream::finish() {
  std::string text(pending_.empty() ? std::string_view{} : kReplacement);
  reset();
  return text;
}

}  // namespace rwkv
