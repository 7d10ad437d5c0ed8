#include "utf8.h"

#include <cassert>

namespace rwkv {
namespace {

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

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto [kind, length] = utf8_prefix(text);
    if (kind != Utf8Prefix::Kind::kCharacter) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_utf8(uint32_t code_point, std::string& text) {
  assert(code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF));
  if (code_point < 0x80) {
    text += char(code_point);
    return;
  }
  const int more = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
  const uint32_t lead[] = {0, 0xC0, 0xE0, 0xF0};
  text += char(lead[more] | code_point >> (6 * more));
  for (int k = more - 1; k >= 0; --k) text += char(0x80 | (code_point >> (6 * k) & 0x3F));
}

}  // namespace rwkv
