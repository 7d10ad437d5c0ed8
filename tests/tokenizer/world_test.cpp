// The World tokenizer against the longest match looked up in a map, and against files that mean harm.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support.h"
#include "tokenizer/outcomes.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {
namespace {

using namespace std::string_literals;
using Ids = std::vector<Token>;

// As Python's repr() of bytes writes them.
std::string bytes_literal(std::string_view bytes) {
  std::string literal = "b'";
  for (const char c : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    if (c == '\'' || c == '\\') literal += {'\\', c};
    else if (c >= ' ' && c <= '~') literal += c;
    else literal += {'\\', 'x', kDigits[uint8_t(c) >> 4], kDigits[uint8_t(c) & 15]};
  }
  return literal + "'";
}

std::string line(int id, std::string_view bytes) {
  return std::to_string(id) + " " + bytes_literal(bytes) + " " + std::to_string(bytes.size()) + "\n";
}

// Every byte, then words that begin alike, end alike and cut characters in two.
std::string small_vocabulary() {
  std::string file;
  for (int byte = 0; byte < 256; ++byte) file += line(byte + 1, std::string{char(byte)});
  int id = 300;
  for (const char* word :
       {"a", "ab", "abc", "abcdefgh", "bc", "bcd", "the", "there", " the", " there", "\n\n", "  ", "    ",
        "\xC3\xA9", "\xE6\xBC", "\xE6\xBC\xA2", "\xF0\x9F", "\xF0\x9F\x98\x80", "\xFF\xFF"})
    if (std::string_view(word).size() > 1) file += line(id++, word);
  return file;
}

std::unique_ptr<Tokenizer> make(std::string_view file) {
  auto made = make_world_tokenizer("vocab.txt", file);
  INFO((made.ok() ? "" : made.error().message));
  REQUIRE(made.ok());
  return std::move(*made);
}

std::string message(std::string_view file) {
  const auto made = make_world_tokenizer("vocab.txt", file);
  if (made.ok()) return "";
  CHECK(made.error().kind == ErrorKind::kBadVocabulary);
  return made.error().message;
}

// The bytes of the only token, which the literal spells.
std::string bytes_of(const std::string& literal, size_t length) {
  return std::string(make("1 " + literal + " " + std::to_string(length))->bytes(1));
}

Ids encode(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  REQUIRE(tokenizer.encode(text, ids).ok());
  return ids;
}

class NaiveMatcher {
 public:
  explicit NaiveMatcher(const Tokenizer& tokenizer) {
    for (Token id = 0; id < tokenizer.size(); ++id) {
      const std::string bytes(tokenizer.bytes(id));
      if (bytes.empty()) continue;
      ids_[bytes] = id;
      longest_ = std::max(longest_, bytes.size());
    }
  }

  Ids encode(std::string_view text) const {
    Ids ids;
    while (!text.empty()) {
      size_t length = std::min(longest_, text.size());
      while (length && !ids_.contains(std::string(text.substr(0, length)))) --length;
      REQUIRE(length > 0);
      ids.push_back(ids_.at(std::string(text.substr(0, length))));
      text.remove_prefix(length);
    }
    return ids;
  }

 private:
  std::map<std::string, Token> ids_;
  size_t longest_ = 0;
};

// Whole tokens, cut tokens and stray bytes.
std::string random_text(const Tokenizer& tokenizer, std::mt19937& random, int pieces) {
  std::string text;
  while (pieces-- > 0) {
    const std::string_view bytes = tokenizer.bytes(Token(random() % unsigned(tokenizer.size())));
    switch (random() % 4) {
      case 0:
        text += char(random());
        break;
      case 1:
        text += bytes.substr(0, random() % (bytes.size() + 1));
        break;
      default:
        text += bytes;
    }
  }
  return text;
}

const std::vector<std::string> kTexts = {
    "",
    "The quick brown fox jumps over the lazy dog.\n\nUser: hi\n\nAssistant: Hello! How can I help you today?",
    "    indented\n\t\ttabs\r\n        print('x' * 128)  # 3.14159265358979\n" + std::string(300, ' ') +
        std::string(99, '-'),
    "Z\u00FCrich \u00FCber \u00C4rger, gar\u00E7on \u00E0 No\u00EBl, ma\u00F1ana \u00BFqu\u00E9? "
    "\u0141\u00F3d\u017A",
    "\u6F22\u5B57\u304B\u306A\u4EA4\u3058\u308A\u6587\u3002\u6211\u4EEC\u53BB\u516C\u56ED\u5427\uFF01",
    "\uC548\uB155\uD558\uC138\uC694 \uC138\uACC4",
    "\u041F\u0440\u0438\u0432\u0435\u0442, \u043C\u0438\u0440! \u0393\u03B5\u03B9\u03AC \u03C3\u03BF\u03C5",
    "\u0645\u0631\u062D\u0628\u0627 \u05E9\u05DC\u05D5\u05DD \u0928\u092E\u0938\u094D\u0924\u0947 "
    "\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35",
    "\U0001F600\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466\U0001F1EF\U0001F1F5 \u2764\uFE0F "
    "e\u0301",
    "\xFF\xFE\x80 broken \xE2\x82 bytes \xF0\x9F"s + "\0 and a zero"s,
};

void check_against_naive(const Tokenizer& tokenizer, const std::string& text, const NaiveMatcher& naive) {
  const Ids ids = encode(tokenizer, text);
  CHECK(ids == naive.encode(text));
  std::string decoded;
  for (const Token id : ids) decoded += tokenizer.bytes(id);
  CHECK(decoded == text);
}

// FNV-1a over each id (four bytes, low first) and its token's bytes.
uint64_t digest(const Tokenizer& tokenizer) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (Token id = 0; id < tokenizer.size(); ++id) {
    if (tokenizer.bytes(id).empty()) continue;
    for (int shift = 0; shift < 32; shift += 8) add(uint8_t(id >> shift));
    for (const char c : tokenizer.bytes(id)) add(uint8_t(c));
  }
  return hash;
}

// A vocabulary that is too large or too foreign to lie in the repository; empty where it is not present.
std::string shared_file([[maybe_unused]] const std::string& name) {
#ifdef RWKV_SHARED
  const std::vector<std::byte> bytes = read_file(std::string(RWKV_SHARED) + "/" + name);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
#else
  return {};
#endif
}

}  // namespace

TEST_CASE("the World tokenizer takes the longest token at every place") {
  const auto tokenizer = make(small_vocabulary());
  CHECK(encode(*tokenizer, "abc").size() == 1);
  CHECK(encode(*tokenizer, "abcdefg").size() == 5);  // abc d e f g: the way to abcdefgh was for nothing
  CHECK(encode(*tokenizer, " there").size() == 1);
  CHECK(encode(*tokenizer, "     ").size() == 2);
  CHECK(encode(*tokenizer, "\xE6\xBC\xA2").size() == 1);
  CHECK(encode(*tokenizer, "\xF0\x9F\x98\x81") == Ids{encode(*tokenizer, "\xF0\x9F")[0], 0x98 + 1, 0x81 + 1});
  CHECK(encode(*tokenizer, "\0"s) == Ids{1});
}

TEST_CASE("the World tokenizer equals a naive matcher") {
  const auto tokenizer = make(small_vocabulary());
  const NaiveMatcher naive(*tokenizer);
  for (const std::string& text : kTexts) check_against_naive(*tokenizer, text, naive);
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) check_against_naive(*tokenizer, random_text(*tokenizer, random, 20), naive);
}

TEST_CASE("ids may be in any order and leave gaps, which have no bytes") {
  const auto tokenizer = make("9 'ab' 2\n2 'a' 1\n5 'b' 1");
  CHECK(encode(*tokenizer, "abba") == Ids{9, 5, 2});
  CHECK(tokenizer->size() == 10);
  CHECK(tokenizer->bytes(2) == "a");
  for (const Token id : {-1, 0, 1, 3, 4, 8, 10, 1 << 30}) CHECK(tokenizer->bytes(id).empty());
}

TEST_CASE("a byte without a token is an error that leaves the ids alone") {
  const auto tokenizer = make("1 'a' 1\n2 'bc' 2\n");
  Ids ids = {42};
  const Status status = tokenizer->encode("aabca\xE2", ids);
  REQUIRE(!status.ok());
  CHECK(status.error().kind == ErrorKind::kBadVocabulary);
  CHECK(status.error().message == "the vocabulary has no token for byte 0xE2, at byte 5 of the text");
  CHECK(!tokenizer->encode("b", ids).ok());
  CHECK(ids == Ids{42});
  CHECK(tokenizer->encode("bca", ids).ok());
  CHECK(ids == Ids{42, 2, 1});
}

TEST_CASE("Python's str and bytes literals are read with their escapes") {
  CHECK(bytes_of(R"('abc')", 3) == "abc");
  CHECK(bytes_of(R"("it's")", 4) == "it's");
  CHECK(bytes_of(R"('say "hi" ')", 9) == "say \"hi\" ");
  CHECK(bytes_of(R"('\\\'\"')", 3) == "\\'\"");
  CHECK(bytes_of(R"('\a\b\f\n\r\t\v')", 7) == "\a\b\f\n\r\t\v");
  CHECK(bytes_of(R"('\x00\x7f')", 2) == "\0\x7F"s);
  CHECK(bytes_of(R"('\xe9')", 2) == "\xC3\xA9");  // a code point in a str,
  CHECK(bytes_of(R"(b'\xe9')", 1) == "\xE9");     // a byte in bytes
  CHECK(bytes_of(R"('\u6F22\U0001f600')", 7) == "\u6F22\U0001F600");
  CHECK(bytes_of(R"('\U0010ffff')", 4) == "\U0010FFFF");
  CHECK(bytes_of(R"('\0\12\1234')", 4) == "\0\n\x53\x34"s);
  CHECK(bytes_of(R"('\777')", 2) == "\u01FF");
  CHECK(bytes_of(R"(b"\377\x80'")", 3) == "\xFF\x80'");
  CHECK(bytes_of("'\u6F22\U0001F600'", 7) == "\u6F22\U0001F600");
  CHECK(bytes_of("'\t'", 1) == "\t");
}

TEST_CASE("line ends may be CRLF or missing and blank lines may follow") {
  for (const char* file : {"1 'a' 1\n2 'b' 1", "1 'a' 1\r\n2 'b' 1\r\n", "1 'a' 1\n2 'b' 1\n\n \r\n\t\n",
                           "1  'a'  1 \n2\t'b'\t1"}) {
    const auto tokenizer = make(file);
    CHECK(tokenizer->size() == 3);
    CHECK(encode(*tokenizer, "ab") == Ids{1, 2});
  }
}

TEST_CASE("what is wrong in a vocabulary is told with its line") {
  const std::string good = "1 'a' 1\n2 'b' 1\n";
  CHECK(message(good + "3 'c\u00E9' 5") == "vocab.txt, line 3: expected a length of 3 bytes, found 5");
  CHECK(message(good + "3 'c' 99999999999999") ==
        "vocab.txt, line 3: expected a length of 1 bytes, found 999999999999");
  CHECK(message(good + "1 'c' 1") == "vocab.txt, line 3: id 1 is already on line 1");
  CHECK(message(good + "3 'a' 1") == "vocab.txt: ids 1 and 3 have the same bytes");
  CHECK(message(good + "3 '' 0") == "vocab.txt, line 3: the token is empty");
  CHECK(message("0 'a' 1") == "vocab.txt, line 1: expected an id from 1 to 1048575, found `0 'a' 1`");
  CHECK(message(good + "1048576 'c' 1").find("expected an id from 1 to 1048575") != std::string::npos);
  CHECK(message(good + "99999999999999999999999999 'c' 1").find("expected an id from 1") !=
        std::string::npos);
  CHECK(message(good + "-3 'c' 1") == "vocab.txt, line 3: expected `id literal length`, found `-3 'c' 1`");
  CHECK(message(good + "\n3 'c' 1") ==
        "vocab.txt, line 3: expected `id literal length`, found the end of the line");
  CHECK(message(good + "3 'c'") ==
        "vocab.txt, line 3: expected a length after the literal, found the end of the line");
  CHECK(message(good + "3 'c'1") == "vocab.txt, line 3: expected a length after the literal, found `1`");
  CHECK(message(good + "3 'c' 1 x") == "vocab.txt, line 3: expected nothing after the length, found `x`");
  CHECK(message(good + "3 '" + std::string(1025, 'c') + "' 1025") ==
        "vocab.txt, line 3: expected at most 1024 bytes, found 1025");
  CHECK(message("") == "vocab.txt: the vocabulary is empty");
  CHECK(message(" \n\r\n") == "vocab.txt: the vocabulary is empty");
  CHECK(message("\n <!DOCTYPE html><html>404").find("this is a web page") != std::string::npos);
  CHECK(message("{\"model\": {\"vocab\": {}}}")
            .starts_with("vocab.txt, line 1: expected `id literal length`, found `{"));
  CHECK(message(std::string((16 << 20) + 1, '1')) ==
        "vocab.txt: expected at most 16777216 bytes, the file has 16777217");
}

TEST_CASE("literals that are none are refused") {
  const auto refused = [](const std::string& literal, const char* what) {
    INFO(literal);
    CHECK(message("1 " + literal + " 1").find(what) != std::string::npos);
  };
  refused("c", "no quotation mark");
  refused("", "no quotation mark");
  refused("r'c'", "no quotation mark");
  refused("None", "no quotation mark");
  refused("__import__('os')", "no quotation mark");
  refused("'c", "no closing quotation mark");
  refused("'c\"", "no closing quotation mark");
  refused("b\"c'", "no closing quotation mark");
  refused("'c\\'", "no closing quotation mark");
  refused("'c' 'd'", "expected a length");
  refused("'c'.upper()", "expected a length");
  refused("'''c'''", "the token is empty");
  refused(R"('\q')", "unknown escape");
  refused(R"('\N{DASH}')", "unknown escape");
  refused(R"(b'\u0041')", "unknown escape");
  refused(R"('\x4')", "without 2 hexadecimal digits");
  refused(R"('\u004')", "without 4 hexadecimal digits");
  refused(R"('\U0000004')", "without 8 hexadecimal digits");
  refused(R"('\U00110000')", "above U+10FFFF");
  refused(R"('\Uffffffff')", "above U+10FFFF");
  refused(R"('\ud800')", "surrogate");
  refused(R"('\ud83d\ude00')", "surrogate");
  refused(R"(b'\400')", "above one byte");
  refused("b'\u00E9'", "beyond ASCII");
  refused("'\xFF'", "not UTF-8");
  refused("'\xE2\x82'", "not UTF-8");
  CHECK(message("1 'a\\").find("cut off") != std::string::npos);
}

TEST_CASE("a vocabulary cut at any byte is read or refused") {
  std::string file =
      "1 'a' 1\r\n2 \"b'\" 2\n30 b'\\xff\\'\\\\' 3\n4 '\\u6f22\\U0001f600 \u00E9' 10\n1005 '\\n\\0' 2\n";
  REQUIRE(message(file).empty());
  int read = 0;
  for (size_t size = 0; size < file.size(); ++size) {
    // Of its own memory, so that a sanitizer sees a read past the end.
    const std::vector<char> cut(file.begin(), file.begin() + ptrdiff_t(size));
    const std::string what = message({cut.data(), cut.size()});
    CHECK((what.empty() || what.starts_with("vocab.txt")));
    read += what.empty();
  }
  CHECK(read == 4 + 6);  // after each length, its CR or LF
}

TEST_CASE("a mutated vocabulary is read as tokens that find themselves or refused") {
  const std::string file = small_vocabulary();
  const std::string good = file.substr(file.size() - 600);
  const std::string start = good.substr(good.find('\n') + 1) + "7 'x\\\\\\'\\u00e9\\x41' 6\n8 \"\u5B57\" 3\n";
  REQUIRE(message(start).empty());
  constexpr std::string_view kLikely = "'\"\\ \n\rbxuU0123456789abcdefN<\x80\xC3\xE6\xFF";
  std::mt19937 random(3);
  Outcomes outcomes;
  for (int i = 0; i < 20000; ++i) {
    std::string mutated = start;
    for (uint32_t times = 1 + random() % 3; times > 0; --times) {
      const size_t at = random() % mutated.size();
      switch (random() % 4) {
        case 0:
          mutated[at] = char(random());
          break;
        case 1:
          mutated[at] = kLikely[random() % kLikely.size()];
          break;
        case 2:
          mutated.insert(at, 1, kLikely[random() % kLikely.size()]);
          break;
        case 3:
          mutated.erase(at, 1 + random() % 4);
          break;
      }
    }
    outcomes.add(make_world_tokenizer("vocab.txt", mutated), "vocab.txt");
  }
  CHECK(outcomes.wrong == 0);
  CHECK(outcomes.read > 1000);
  CHECK(outcomes.read < 15000);
}

TEST_CASE("a byte tokenizer has a token for each byte but zero") {
  const auto tokenizer = make_byte_tokenizer();
  CHECK(tokenizer->size() == 256);
  Ids ids = {5};
  REQUIRE(tokenizer->encode("a\xFF\x01", ids).ok());
  CHECK(ids == Ids{5, 'a', 255, 1});
  CHECK(!tokenizer->encode("b\0c"s, ids).ok());
  CHECK(ids.size() == 4);
  CHECK(tokenizer->bytes('a') == "a");
  CHECK(tokenizer->bytes(255) == "\xFF");
  for (const Token id : {-1, 0, 256}) CHECK(tokenizer->bytes(id).empty());
}

TEST_CASE("the World vocabulary is read and encodes as a naive matcher does") {
  const std::string file = shared_file("data/rwkv_vocab_v20230424.txt");
  if (file.empty()) SKIP("the World vocabulary is not present");
  const auto tokenizer = make(file);
  CHECK(tokenizer->size() == 65530);
  CHECK(digest(*tokenizer) == 0xca38217902fd982c);  // as Python's ast.literal_eval reads it
  CHECK(tokenizer->bytes(65529) == std::string(128, ' '));
  const NaiveMatcher naive(*tokenizer);
  for (const std::string& text : kTexts) check_against_naive(*tokenizer, text, naive);
  std::mt19937 random(4);
  for (int i = 0; i < 100; ++i) check_against_naive(*tokenizer, random_text(*tokenizer, random, 20), naive);
}

TEST_CASE("the storyteller's vocabulary is read and encodes its stories") {
  const std::string file = shared_file("storyteller2/rwkv7-tales-8.0M-vocab.txt");
  if (file.empty()) SKIP("the storyteller's vocabulary is not present");
  const auto tokenizer = make(file);
  CHECK(tokenizer->size() == 4096);
  CHECK(digest(*tokenizer) == 0x9c20f616d4016783);  // as Python's ast.literal_eval reads it
  CHECK(encode(*tokenizer, "Once upon a time there was a little") ==
        Ids{1326, 1982, 285, 1968, 2587, 1303, 285, 2992});
  const NaiveMatcher naive(*tokenizer);
  for (const std::string& text : kTexts) check_against_naive(*tokenizer, text, naive);
}

}  // namespace rwkv
