// Not a file, but bytes that a model chooses: Utf8Stream.
#include "utf8.h"
#include "formats/containers/bytes.h"
#include "fuzz/memory.h"
#include "fuzz/reader.h"
#include "tokenizer/tokenizer.h"

namespace rwkv::fuzz {
namespace {

std::vector<Bytes> seeds() {
  return {to_bytes("caf\xC3\xA9 \xE6\xBC\xA2 \xF0\x9F\x98\x80"),
          to_bytes("\xFF\x80 \xC0\x80 \xE2\x82 \xED\xA0\x80 \xF4\x90\x80\x80 \xF0\x9F\x98")};
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  const std::string_view text = as_text(bytes);
  good = true;
  const MemoryMeter meter;
  Utf8Stream at_once, by_byte;
  std::string whole = at_once.push(text);
  whole += at_once.finish();
  std::string pieces;
  for (size_t i = 0; i < text.size(); ++i) {
    pieces += by_byte.push(text.substr(i, 1));
    if (by_byte.pending().size() > 3) return "more than three bytes held back";
  }
  pieces += by_byte.finish();
  if (!valid_utf8(whole)) return "text that is not UTF-8";
  if (pieces != whole) return "text that depends on how the bytes are cut";
  if (valid_utf8(text) && whole != text) return "valid text that is changed";
  return broken_promise(meter,
                        twice(6 * bytes.size()));  // each stray byte becomes the three of U+FFFD, twice
}

}  // namespace

const Reader utf8 = {"utf8", seeds, check};

}  // namespace rwkv::fuzz
