#include "tokenizer/strings.h"

#include "room.h"
#include "tokenizer/python_literal.h"

namespace rwkv {
namespace {

constexpr size_t kLengthBytes = 8;

// Takes one string off the front and appends the bytes of its token to `text`. Returns what is wrong with it,
// or nothing.
std::string take_token(std::string_view& strings, Token id, Spelling spelling, std::string& text) {
  if (strings.size() < kLengthBytes) return "cut off";
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;) length = length << 8 | uint8_t(strings[i]);
  strings.remove_prefix(kLengthBytes);
  if (length > strings.size())
    return "expected " + std::to_string(length) + " bytes, only " + std::to_string(strings.size()) +
           " are left";
  const std::string_view string = strings.substr(0, size_t(length));
  strings.remove_prefix(size_t(length));

  if (id == kEndOfText) return {};
  const size_t start = text.size();
  if (spelling == Spelling::kPlain) {
    text += string;
  } else {
    if (string.starts_with("[PAD") && string == "[PAD" + std::to_string(id) + "]") return {};
    if (std::string wrong = unescape_bytes(string, text); !wrong.empty())
      return "expected the inside of a Python bytes literal, found " + wrong;
  }
  const size_t bytes = text.size() - start;
  if (bytes <= kMaxTokenBytes) return {};
  return "expected at most " + std::to_string(kMaxTokenBytes) + " bytes, found " + std::to_string(bytes);
}

}  // namespace

Result<Vocabulary> read_strings(std::string_view file_name, std::string_view strings, uint64_t count,
                                Spelling spelling) {
  const auto bad = [&](const std::string& what) {
    return Error{ErrorKind::kBadVocabulary, std::string(file_name) + ": " + what};
  };
  if (count > uint64_t{kMaxId} + 1)
    return bad("expected at most " + std::to_string(kMaxId + 1) + " tokens, the vocabulary has " +
               std::to_string(count));
  if (strings.size() > kMaxVocabularyBytes)
    return bad("expected at most " + std::to_string(kMaxVocabularyBytes) + " bytes, the vocabulary has " +
               std::to_string(strings.size()));
  if (count > strings.size() / kLengthBytes)
    return bad("expected " + std::to_string(count) + " tokens, the vocabulary has only " +
               std::to_string(strings.size()) + " bytes");

  if (const Status room = require_room(strings.size() + sizeof(uint32_t) * (count + 1), file_name); !room)
    return room.error();
  Vocabulary vocabulary;
  vocabulary.text.reserve(strings.size() - size_t(count) * kLengthBytes);  // escapes are never shorter
  vocabulary.starts.reserve(size_t(count) + 1);
  for (Token id = 0; id < Token(count); ++id) {
    vocabulary.starts.push_back(uint32_t(vocabulary.text.size()));
    if (const std::string wrong = take_token(strings, id, spelling, vocabulary.text); !wrong.empty())
      return bad("token " + std::to_string(id) + ": " + wrong);
  }
  if (!strings.empty())
    return bad("expected nothing after " + std::to_string(count) + " tokens, found " +
               std::to_string(strings.size()) + " bytes");
  vocabulary.starts.push_back(uint32_t(vocabulary.text.size()));
  return vocabulary;
}

}  // namespace rwkv
