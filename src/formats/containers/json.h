// A strict JSON reader (RFC 8259) that is pulled through the text: no tree, no numbers but the ones asked
// for.
//
//   json.enter_object();
//   while (json.next_key(key)) key == "shape" ? read_shape(json) : json.skip_value();
//   if (!json.finish()) ... json.error() ...
//
// The first failure sticks: every later call returns false, so a loop ends and the error is asked for once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rwkv {

class JsonReader {
 public:
  static constexpr int kMaxDepth = 32;  // of values passed over

  explicit JsonReader(std::string_view text) : text_(text) {}

  bool enter_object();
  // The next key of the object entered last; false behind its '}'. The value must be taken before the next
  // call.
  bool next_key(std::string& key);

  bool enter_array();
  // Whether the array entered last has another item, which must be taken before the next call; false behind
  // its ']'.
  bool next_item();

  bool read_string(std::string& value);
  bool read_unsigned(uint64_t& value);  // digits alone: no sign, fraction or exponent
  bool skip_value() { return skip_value(0); }

  // True when all went well and nothing but white space is left.
  bool finish();

  bool ok() const { return error_ == nullptr; }
  std::string error() const;  // "expected ':' at byte 12"

 private:
  bool fail(const char* why);
  char peek();  // behind white space; '\0' at the end
  bool take(char expected, const char* why);
  bool take_word(std::string_view word);
  bool skip_value(int depth);
  bool skip_number();
  bool skip_digits();
  bool read_escape(std::string& value);
  bool read_hex4(uint32_t& code);

  std::string_view text_;
  size_t at_ = 0;
  bool first_ = false;  // nothing was taken yet from the object or array entered last
  const char* error_ = nullptr;
};

}  // namespace rwkv
