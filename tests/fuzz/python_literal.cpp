#include "tokenizer/python_literal.h"

#include "formats/containers/bytes.h"
#include "fuzz/memory.h"
#include "fuzz/reader.h"
#include "utf8.h"

namespace rwkv::fuzz {
namespace {

std::vector<Bytes> seeds() {
  return {to_bytes("'it\\'s' 4"), to_bytes("b\"\\x00\\xFF\\\\\\\"\" 4"),
          to_bytes(R"('\a\b\f\n\r\t\v\0\12\377\u6F22\U0001F600')"),
          to_bytes("\"caf\xC3\xA9 \xF0\x9F\x98\x80\"")};
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  const std::string_view text = as_text(bytes);
  const MemoryMeter meter;
  std::string_view rest = text;
  std::string value;
  const std::string wrong = take_python_literal(rest, value);
  if (std::string broken = broken_promise(meter, twice(bytes.size())); !broken.empty()) return broken;
  if (!text.ends_with(rest)) return "what is left is not the end of the source";
  if (!wrong.empty()) return {};
  good = true;
  const std::string_view taken = text.substr(0, text.size() - rest.size());
  if (taken.size() < 2 || (taken.back() != '\'' && taken.back() != '"'))
    return "ends without a quotation mark";
  if (value.size() > taken.size() - 2) return "more bytes than the literal spells";
  return taken[0] == 'b' || valid_utf8(value) ? "" : "a str that is not UTF-8";
}

}  // namespace

const Reader python_literal = {"python_literal", seeds, check};

}  // namespace rwkv::fuzz
