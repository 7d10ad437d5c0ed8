#include "formats/containers/json.h"

#include "formats/containers/bytes.h"
#include "fuzz/memory.h"
#include "fuzz/reader.h"
#include "utf8.h"

namespace rwkv::fuzz {
namespace {

std::vector<Bytes> seeds() {
  return {
      to_bytes(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}})"),
      to_bytes(R"([true, false, null, -1.5e+3, 0, 18446744073709551615, "\u00e9\ud83d\ude00\\\"\n"])"),
      to_bytes("[[[[{\"deep\":[]}]]]] "),
      to_bytes("\"caf\xC3\xA9\""),
  };
}

// Takes the value by its parts, the way a reader that knows its file does; what they hold is passed over.
void take_parts(JsonReader& json, char first, std::string& text) {
  switch (first) {
    case '{':
      json.enter_object();
      while (json.next_key(text)) json.skip_value();
      break;
    case '[':
      json.enter_array();
      while (json.next_item()) json.skip_value();
      break;
    case '"':
      json.read_string(text);
      break;
    default:
      json.skip_value();
  }
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  const std::string_view text = as_text(bytes);
  const size_t start = text.find_first_not_of(" \n\r\t");
  const MemoryMeter meter;
  JsonReader whole(text), parts(text), number(text);
  whole.skip_value();
  const bool valid = good = whole.finish();
  if (valid != whole.error().empty()) return "an error that is lost";

  std::string string;
  take_parts(parts, start == text.npos ? '\0' : text[start], string);
  if (parts.ok() && !valid_utf8(string)) return "a string that is not UTF-8";
  if (parts.finish()) {
    const bool deep = whole.error().starts_with("values nested too deeply");  // one level less than by parts
    if (!valid && !deep) return "valid by its parts, but not as a whole: " + whole.error();
  } else if (valid) {
    return "valid as a whole, but not by its parts: " + parts.error();
  }
  uint64_t value = 0;
  if (number.read_unsigned(value) && number.finish() && !valid) return "a number that is no value";
  return broken_promise(meter, twice(2 * bytes.size()));  // a string may double as it grows
}

}  // namespace

const Reader json = {"json", seeds, check};

}  // namespace rwkv::fuzz
