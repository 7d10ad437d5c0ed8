// Vocabularies that are lists of strings: those of GGUF files, escaped, and those that only decode.
#include "tokenizer/strings.h"

#include <catch_amalgamated.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "formats/gguf_tokens.h"
#include "support.h"
#include "tokenizer/outcomes.h"
#include "tokenizer/string_list.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {
namespace {

using namespace std::literals;
using Ids = std::vector<Token>;
using Strings = std::vector<std::string>;

std::unique_ptr<Tokenizer> make(const Strings& strings) {
  auto made = make_escaped_tokenizer("model.gguf", string_list(strings), strings.size());
  INFO((made.ok() ? "" : made.error().message));
  REQUIRE(made.ok());
  return std::move(*made);
}

std::string message(std::string_view list, uint64_t count) {
  const auto made = make_escaped_tokenizer("model.gguf", list, count);
  if (made.ok()) return "";
  CHECK(made.error().kind == ErrorKind::kBadVocabulary);
  return made.error().message;
}

std::string message(const Strings& strings) { return message(string_list(strings), strings.size()); }

Ids encode(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  REQUIRE(tokenizer.encode(text, ids).ok());
  return ids;
}

// <s>, every byte, some words, padding.
Strings small_vocabulary() {
  Strings strings = {"<s>"};
  for (int byte = 0; byte < 256; ++byte) strings.push_back(python_repr(std::string{char(byte)}));
  for (const char* word : {"the", " the", "\n\n", "it's", "say \"it's\"", "\\n", "\xE6\xBC", "[PAD9]"})
    strings.push_back(python_repr(word));
  while (strings.size() < 268) strings.push_back("[PAD" + std::to_string(strings.size()) + "]");
  return strings;
}

}  // namespace

TEST_CASE("escaped strings are the bytes that a Python literal of them has") {
  const auto tokenizer = make({"<s>", R"(\t\n\r)", R"(\x00\xff\x7f)", "it's", R"(say "it\'s")", R"(\\x41)",
                               R"(\x41\\)", "\xC3\xA9", R"(\a)"});
  const Strings expected = {"",      "\t\n\r", "\0\xFF\x7F"s, "it's", "say \"it's\"",
                            "\\x41", "A\\",    "\xC3\xA9",    "\a"};
  for (size_t id = 0; id < expected.size(); ++id) CHECK(tokenizer->bytes(Token(id)) == expected[id]);
  CHECK(tokenizer->size() == 9);
}

TEST_CASE("an escaped vocabulary encodes by the longest match") {
  const auto tokenizer = make(small_vocabulary());
  CHECK(encode(*tokenizer, " the\n\n").size() == 2);
  CHECK(encode(*tokenizer, "\\n") == Ids{262});
  for (const std::string& text : {"\0\xFF\x80 say \"it's\" the \\\n\n\n"s, "\xE6\xBC\xA2\xE5\xAD\x97"s}) {
    std::string decoded;
    for (const Token id : encode(*tokenizer, text)) decoded += tokenizer->bytes(id);
    CHECK(decoded == text);
  }
}

TEST_CASE("id 0, padding and empty strings have no text") {
  const auto tokenizer = make({"<s>", "a", "", "[PAD3]", "[PAD3]", "[PAD05]"});
  for (const Token id : {-1, 0, 2, 3, 6}) CHECK(tokenizer->bytes(id).empty());
  CHECK(tokenizer->bytes(4) == "[PAD3]");  // the number of another id: not padding
  CHECK(tokenizer->bytes(5) == "[PAD05]");
  CHECK(encode(*tokenizer, "a[PAD3]a") == Ids{1, 4, 1});
  Ids ids;
  CHECK(!tokenizer->encode("<s>", ids).ok());  // letters, not the end of text
  CHECK(make(small_vocabulary())->size() == 268);
}

TEST_CASE("the World vocabulary is the same from a list of escaped strings") {
  const Bytes file = read_file(RWKV_SHARED "/data/rwkv_vocab_v20230424.txt");
  if (file.empty()) SKIP("the World vocabulary is not present");
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const auto world = make_world_tokenizer("vocab.txt", text);
  const auto vocabulary = read_vocabulary("vocab.txt", text);
  REQUIRE(world.ok());
  REQUIRE(vocabulary.ok());

  const auto tokenizer = make(gguf_tokens(*vocabulary, 65536));
  CHECK(tokenizer->size() == 65536);
  int different = 0;
  for (Token id = 0; id < 65536; ++id) different += tokenizer->bytes(id) != (*world)->bytes(id);
  CHECK(different == 0);
  CHECK(encode(*tokenizer, text.substr(0, 100'000)) == encode(**world, text.substr(0, 100'000)));
}

TEST_CASE("what is wrong in a list of strings is told with the token") {
  const std::string good = string_list({"<s>", "a", "b"});
  CHECK(message(good, 3).empty());
  CHECK(message(good, 2) == "model.gguf: expected nothing after 2 tokens, found 9 bytes");
  CHECK(message(good, 4) == "model.gguf: expected 4 tokens, the vocabulary has only 29 bytes");
  CHECK(message(good + "\1\0\0\0\0\0\0\0"s, 4) == "model.gguf: token 3: expected 1 bytes, only 0 are left");
  CHECK(message(good + std::string(8, '\xFF') + "cc", 4) ==
        "model.gguf: token 3: expected 18446744073709551615 bytes, only 2 are left");
  CHECK(message("\x18\0\0\0\0\0\0\0"s + std::string(24, 'x'), 2) == "model.gguf: token 1: cut off");
  CHECK(message({"<s>", "a", "b", "a"}) == "model.gguf: ids 1 and 3 have the same bytes");
  CHECK(message({"<s>", "a", R"(\x61)"}) == "model.gguf: ids 1 and 2 have the same bytes");
  CHECK(message({"<s>", std::string(1025, 'c')}) ==
        "model.gguf: token 1: expected at most 1024 bytes, found 1025");
  CHECK(message({"<s>", "[PAD1]"}) == "model.gguf: the vocabulary is empty");
  CHECK(message("", 0) == "model.gguf: the vocabulary is empty");
  CHECK(message(good, (1 << 20) + 1) ==
        "model.gguf: expected at most 1048576 tokens, the vocabulary has 1048577");
  CHECK(message(good, ~uint64_t{0}).find("18446744073709551615") != std::string::npos);
  CHECK(message(std::string((16 << 20) + 1, '\0'), 1) ==
        "model.gguf: expected at most 16777216 bytes, the vocabulary has 16777217");
  for (const auto& [string, what] : {std::pair{R"(a\)", "cut off"},
                                     {R"(\x4)", "without 2 hexadecimal digits"},
                                     {R"(\xg0)", "without 2 hexadecimal digits"},
                                     {R"(\q)", "unknown escape"},
                                     {R"(\u0041)", "unknown escape"},
                                     {R"(\777)", "above one byte"}}) {
    INFO(string);
    CHECK(message({"<s>", string}).find("token 1: expected the inside of a Python bytes literal, found") !=
          std::string::npos);
    CHECK(message({"<s>", string}).find(what) != std::string::npos);
  }
}

TEST_CASE("a list of strings cut at any byte is refused") {
  const std::string list = string_list({"<s>", R"(\xff\n)", "b", R"(\\)"});
  for (size_t size = 0; size < list.size(); ++size) {
    // Of its own memory, so that a sanitizer sees a read past the end.
    const std::vector<char> cut(list.begin(), list.begin() + ptrdiff_t(size));
    CHECK(message({cut.data(), cut.size()}, 4).starts_with("model.gguf: "));
  }
}

TEST_CASE("a mutated list of strings is read as tokens that find themselves or refused") {
  const std::string start = string_list({"<s>", R"(\xff\n)", "bb", R"(\\)", "[PAD4]", R"(it\'s)", "b", ""});
  constexpr std::string_view kLikely = "\0\1\2\x08\x80\xFF\\xntab019f'\"[P]"sv;
  std::mt19937 random(5);
  Outcomes outcomes;
  for (int i = 0; i < 20000; ++i) {
    std::string mutated = start;
    for (uint32_t times = 1 + random() % 3; times > 0; --times) {
      const size_t at = random() % mutated.size();
      if (random() % 8 == 0) mutated.erase(at, 1 + random() % 4);
      else if (random() % 4 == 0) mutated[at] = char(random());
      else mutated[at] = kLikely[random() % kLikely.size()];
    }
    outcomes.add(make_escaped_tokenizer("model.gguf", mutated, random() % 16 ? 8 : random() % 10),
                 "model.gguf: ");
  }
  CHECK(outcomes.wrong == 0);
  CHECK(outcomes.read > 1000);
  CHECK(outcomes.read < 15000);
}

TEST_CASE("a decoder has the bytes of its strings as they are, twins too, and no way back") {
  const Strings strings = {"<|endoftext|>", R"(\n)", "[PAD2]", "", "\xF0\x9F", R"(\n)"};
  const auto made = make_decoder("tokenizer.json", string_list(strings), strings.size());
  REQUIRE(made.ok());
  const Tokenizer& decoder = **made;
  CHECK(decoder.size() == 6);
  for (size_t id = 1; id < strings.size(); ++id) CHECK(decoder.bytes(Token(id)) == strings[id]);
  for (const Token id : {-1, 0, 6}) CHECK(decoder.bytes(id).empty());
  Ids ids = {7};
  const Status encoded = decoder.encode("a", ids);
  REQUIRE(!encoded.ok());
  CHECK(encoded.error().kind == ErrorKind::kUnsupported);
  CHECK(ids == Ids{7});
  CHECK(!make_decoder("tokenizer.json", "\5\0\0\0\0\0\0\0abc"s, 1).ok());
}

}  // namespace rwkv
