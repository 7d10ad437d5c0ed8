#include "tokenizer/python_literal.h"

#include "utf8.h"

namespace rwkv {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// Takes up to `most` digits of the base off the front. Eight hexadecimal digits just fit.
int take_digits(std::string_view& source, unsigned base, int most, uint32_t& value) {
  int count = 0;
  for (value = 0; count < most && !source.empty(); ++count, source.remove_prefix(1)) {
    const unsigned digit = digit_value(source[0]);
    if (digit >= base) break;
    value = value * base + digit;
  }
  return count;
}

char plain_escape(char c) {
  switch (c) {
    case '\\':
    case '\'':
    case '"':
      return c;
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
  }
  return 0;
}

// The part of an escape after its backslash. Returns what is wrong with it, or nothing.
std::string take_escape(std::string_view& source, bool is_bytes, std::string& bytes) {
  if (source.empty()) return "an escape that is cut off";
  const char kind = source[0];
  if (const char plain = plain_escape(kind)) {
    source.remove_prefix(1);
    bytes += plain;
    return {};
  }

  uint32_t value = 0;
  if (kind >= '0' && kind <= '7') {
    take_digits(source, 8, 3, value);
  } else if (const int digits = kind == 'x' ? 2 : is_bytes ? 0 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0) {
    source.remove_prefix(1);
    if (take_digits(source, 16, digits, value) < digits)
      return std::string("an escape \\") + kind + " without " + std::to_string(digits) +
             " hexadecimal digits";
  } else {
    return "an unknown escape";
  }

  if (is_bytes) {
    if (value > 0xFF) return "an escape above one byte";
    bytes += char(value);
    return {};
  }
  if (value >= 0xD800 && value <= 0xDFFF) return "a lone surrogate, which has no UTF-8";
  if (value > 0x10FFFF) return "an escape above U+10FFFF";
  append_utf8(value, bytes);
  return {};
}

}  // namespace

std::string take_python_literal(std::string_view& source, std::string& bytes) {
  const bool is_bytes = source.starts_with('b');
  if (is_bytes) source.remove_prefix(1);
  if (!source.starts_with('\'') && !source.starts_with('"')) return "no quotation mark";
  const char quote = source[0];
  source.remove_prefix(1);

  while (!source.empty()) {
    if (source[0] == quote) {
      source.remove_prefix(1);
      return {};
    }
    if (source[0] == '\\') {
      source.remove_prefix(1);
      if (std::string wrong = take_escape(source, is_bytes, bytes); !wrong.empty()) return wrong;
      continue;
    }
    const auto [kind, length] = utf8_prefix(source);
    if (is_bytes && uint8_t(source[0]) >= 0x80) return "a character beyond ASCII in a bytes literal";
    if (kind != Utf8Prefix::Kind::kCharacter) return "bytes that are not UTF-8";
    bytes += source.substr(0, length);
    source.remove_prefix(length);
  }
  return "no closing quotation mark";
}

std::string unescape_bytes(std::string_view source, std::string& bytes) {
  while (!source.empty()) {
    const std::string_view plain = source.substr(0, source.find('\\'));
    bytes += plain;
    source.remove_prefix(plain.size());
    if (source.empty()) break;
    source.remove_prefix(1);
    if (std::string wrong = take_escape(source, /*is_bytes=*/true, bytes); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace rwkv
