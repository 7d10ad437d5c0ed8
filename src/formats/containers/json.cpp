#include "formats/containers/json.h"

#include <utility>

#include "utf8.h"

namespace rwkv {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool JsonReader::fail(const char* why) {
  if (ok()) error_ = why;
  return false;
}

std::string JsonReader::error() const {
  return ok() ? "" : std::string(error_) + " at byte " + std::to_string(at_);
}

char JsonReader::peek() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
    ++at_;
  }
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonReader::take(char expected, const char* why) {
  if (!ok()) return false;
  if (peek() != expected || at_ == text_.size()) return fail(why);
  ++at_;
  return true;
}

bool JsonReader::enter_object() { return first_ = take('{', "expected '{'"); }
bool JsonReader::enter_array() { return first_ = take('[', "expected '['"); }

bool JsonReader::next_key(std::string& key) {
  if (!ok()) return false;
  const bool first = std::exchange(first_, false);
  if (peek() == '}') return ++at_, false;
  if (!first && !take(',', "expected ',' or '}'")) return false;
  return read_string(key) && take(':', "expected ':'");
}

bool JsonReader::next_item() {
  if (!ok()) return false;
  const bool first = std::exchange(first_, false);
  if (peek() == ']') return ++at_, false;
  return first || take(',', "expected ',' or ']'");
}

bool JsonReader::read_string(std::string& value) {
  value.clear();
  if (!take('"', "expected a string")) return false;
  for (;;) {
    if (at_ == text_.size()) return fail("unfinished string");
    const char c = text_[at_];
    if (static_cast<uint8_t>(c) < 0x20) return fail("control character in a string");
    ++at_;
    if (c == '"') break;
    if (c != '\\') value += c;
    else if (!read_escape(value)) return false;
  }
  // Escapes append whole characters and stand between whole characters, so the result tells about the text.
  return valid_utf8(value) || fail("invalid UTF-8 in a string");
}

bool JsonReader::read_escape(std::string& value) {
  constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  if (at_ == text_.size()) return fail("unfinished string");
  const char c = text_[at_++];
  if (const size_t k = kNames.find(c); k != kNames.npos) return value += kValues[k], true;
  uint32_t code = 0;
  if (c != 'u' || !read_hex4(code)) return fail("invalid escape");
  if (code >= 0xD800 && code < 0xE000) {  // half of a character above U+FFFF: high, then low
    uint32_t low = 0;
    if (code >= 0xDC00 || text_.substr(at_, 2) != "\\u") return fail("unpaired surrogate");
    at_ += 2;
    if (!read_hex4(low) || low < 0xDC00 || low >= 0xE000) return fail("unpaired surrogate");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(code, value);
  return true;
}

bool JsonReader::read_hex4(uint32_t& code) {
  code = 0;
  for (int k = 0; k < 4; ++k, ++at_) {
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) code = code << 4 | static_cast<uint32_t>(c - '0');
    else if (lower >= 'a' && lower <= 'f') code = code << 4 | static_cast<uint32_t>(lower - 'a' + 10);
    else return false;
  }
  return true;
}

bool JsonReader::read_unsigned(uint64_t& value) {
  value = 0;
  if (!ok()) return false;
  if (!is_digit(peek())) return fail("expected an unsigned integer");
  const size_t start = at_;
  for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(text_[at_] - '0'), &value)) {
      return fail("number above 64 bits");
    }
  }
  if (text_[start] == '0' && at_ - start > 1) return fail("number with leading zeros");
  const char next = at_ < text_.size() ? text_[at_] : '\0';
  return (next != '.' && next != 'e' && next != 'E') || fail("expected an unsigned integer");
}

bool JsonReader::skip_value(int depth) {
  if (!ok()) return false;
  if (depth == kMaxDepth) return fail("values nested too deeply");
  std::string text;
  switch (peek()) {
    case '{':
      enter_object();
      while (next_key(text)) skip_value(depth + 1);
      return ok();
    case '[':
      enter_array();
      while (next_item()) skip_value(depth + 1);
      return ok();
    case '"':
      return read_string(text);
    case 't':
      return take_word("true");
    case 'f':
      return take_word("false");
    case 'n':
      return take_word("null");
    default:
      return skip_number();
  }
}

bool JsonReader::take_word(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) return fail("expected a value");
  at_ += word.size();
  return true;
}

bool JsonReader::skip_number() {
  const auto take_any = [&](std::string_view set) {
    const bool found = at_ < text_.size() && set.find(text_[at_]) != set.npos;
    return at_ += found, found;
  };
  take_any("-");
  if (!take_any("0") && !skip_digits()) return fail("expected a value");
  if (take_any(".") && !skip_digits()) return fail("unfinished number");
  if (take_any("eE")) {
    take_any("+-");
    if (!skip_digits()) return fail("unfinished number");
  }
  return true;
}

bool JsonReader::skip_digits() {
  const size_t start = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ > start;
}

bool JsonReader::finish() {
  if (!ok()) return false;
  peek();
  return at_ == text_.size() || fail("text behind the value");
}

}  // namespace rwkv
