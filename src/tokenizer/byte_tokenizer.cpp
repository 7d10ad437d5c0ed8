#include <array>

#include "tokenizer/tokenizer.h"

namespace rwkv {
namespace {

constexpr auto kBytes = [] {
  std::array<char, 256> bytes{};
  for (int i = 0; i < 256; ++i) bytes[i] = char(i);
  return bytes;
}();

class ByteTokenizer final : public Tokenizer {
 public:
  Status encode(std::string_view text, std::vector<Token>& ids) const override {
    // A zero would end the text that it is part of.
    if (const size_t zero = text.find('\0'); zero != text.npos)
      return Error{ErrorKind::kBadVocabulary, "no token for byte 0x00, at byte " + std::to_string(zero) +
                                                  " of the text: id 0 is the end of text"};
    ids.reserve(ids.size() + text.size());
    for (const char c : text) ids.push_back(uint8_t(c));
    return Done{};
  }

  std::string_view bytes(Token id) const override {
    if (id <= kEndOfText || id >= size()) return {};
    return {&kBytes[id], 1};
  }

  int size() const override { return int(kBytes.size()); }
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_tokenizer() { return std::make_unique<ByteTokenizer>(); }

}  // namespace rwkv
