#include <algorithm>
#include <charconv>

#include "formats/containers/bytes.h"
#include "fuzz/memory.h"
#include "fuzz/reader.h"
#include "tokenizer/string_list.h"
#include "tokenizer/tokenizer.h"

namespace rwkv::fuzz {
namespace {

// The first lines of the storyteller's.
Bytes real_vocabulary() {
  const Bytes file = read_file(RWKV_STORYTELLER "/rwkv7-tales-8.0M-vocab.txt");
  return to_bytes(as_text(file).substr(0, as_text(file).find('\n', 4000)));
}

std::vector<Bytes> seeds() {
  return {real_vocabulary(), to_bytes("1 'a' 1\n2 'ab' 2\n3 b'\\xff' 1\n"),
          to_bytes("  7 \"caf\\u00e9\" 5\r\n300 '\\n\\n' 2\r\n\r\n"),
          to_bytes("9 'the' 3\n1 ' ' 1\n2 't' 1\n3 'h' 1\n4 'e' 1\n10 'there' 5\n11 ' the' 4\n12 'r' 1\n")};
}

// Whatever can be encoded decodes to itself.
std::string broken_round_trip(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> ids;
  if (!tokenizer.encode(text, ids)) return ids.empty() ? "" : "ids of a text that has none";
  std::string decoded;
  for (const Token id : ids) decoded += tokenizer.bytes(id);
  return decoded == text ? "" : "a text that decodes to another";
}

// What a reader made of some bytes: a tokenizer, or an error of its kind that tells the file's name.
std::string broken_promise(const Result<std::unique_ptr<Tokenizer>>& made, bool& good) {
  if (!made) {
    const auto& [kind, message] = made.error();
    if (!message.starts_with("vocabulary")) return "an error without the name: " + message;
    return kind == ErrorKind::kBadVocabulary ? "" : "an error of another kind: " + message;
  }
  good = true;
  const Tokenizer& tokenizer = **made;
  std::string all;
  for (Token id = 0, size = tokenizer.size(); id < size; ++id) all += tokenizer.bytes(id);
  return broken_round_trip(tokenizer, all);
}

// The largest number that a line begins with, of those below 2^20; the others are refused.
uint32_t largest_id(std::string_view text) {
  uint32_t largest = 0;
  for (size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size() - 1) + 1) {
    at = std::min(text.find_first_not_of(" \t", at), text.size());
    uint64_t id = 0;
    std::from_chars(text.data() + at, text.data() + text.size(), id);
    if (id < 1 << 20) largest = std::max(largest, uint32_t(id));
  }
  return largest;
}

std::string check(std::span<const std::byte> bytes, bool& good) {
  const uint64_t ids = largest_id(as_text(bytes)) + 1;
  if (ids > 1 << 16) return {};  // takes the sanitizers up to a second
  const MemoryMeter meter;
  const auto made = make_world_tokenizer("vocabulary", as_text(bytes));
  // Eight bytes for each id up to the largest, while the tables grow; a line, which has eight bytes at least,
  // may be a record of twelve and two nodes of a trie.
  if (std::string broken = broken_promise(meter, 16 * ids + twice(16 * bytes.size())); !broken.empty())
    return broken;
  return broken_promise(made, good);
}

// Strings as GGUF holds them, behind a byte for their number.
std::vector<Bytes> string_seeds() {
  std::vector<Bytes> lists;
  const auto add = [&](const std::vector<std::string>& strings) {
    lists.push_back({std::byte(strings.size())});
    put(lists.back(), string_list(strings));
  };
  add({"<s>", "a", "\\n", "\\xc3\\xa9", "ab", "it\\'s", "[PAD6]", "", "b"});
  add({"", "caf\xC3\xA9", "\\\\"});
  add({});
  return lists;
}

std::string check_strings(std::span<const std::byte> bytes, bool& good) {
  if (bytes.empty()) return {};
  const std::string_view strings = as_text(bytes).substr(1);
  const auto count = uint64_t(bytes[0]);
  for (const auto make : {make_escaped_tokenizer, make_decoder}) {
    const MemoryMeter meter;
    const auto made = make("vocabulary", strings, count);
    if (std::string broken = broken_promise(meter, twice(16 * bytes.size())); !broken.empty()) return broken;
    if (std::string broken = broken_promise(made, good); !broken.empty()) return broken;
  }
  return {};
}

}  // namespace

const Reader vocabulary = {"vocabulary", seeds, check};
const Reader vocabulary_strings = {"vocabulary_strings", string_seeds, check_strings};

}  // namespace rwkv::fuzz
