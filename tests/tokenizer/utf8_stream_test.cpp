// Utf8Stream against the decoder of the WHATWG Encoding standard, written down state by state, at every
// split.
#include <catch_amalgamated.hpp>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace rwkv {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Decoded {
  std::string text;     // what is certain
  std::string pending;  // what a character was begun with
};

// encoding.spec.whatwg.org, 8.1.1: "UTF-8's decoder's handler", with the bytes kept in place of a code point.
Decoded reference_decode(std::string_view bytes) {
  std::string text, seen;
  int needed = 0;
  uint8_t lower = 0x80, upper = 0xBF;
  for (size_t at = 0; at < bytes.size();) {
    const uint8_t byte = uint8_t(bytes[at]);
    if (needed == 0) {
      ++at;
      if (byte <= 0x7F) {
        text += char(byte);
      } else if (byte >= 0xC2 && byte <= 0xDF) {
        needed = 1;
      } else if (byte >= 0xE0 && byte <= 0xEF) {
        if (byte == 0xE0) lower = 0xA0;
        if (byte == 0xED) upper = 0x9F;
        needed = 2;
      } else if (byte >= 0xF0 && byte <= 0xF4) {
        if (byte == 0xF0) lower = 0x90;
        if (byte == 0xF4) upper = 0x8F;
        needed = 3;
      } else {
        text += kReplacement;
      }
      if (needed) seen = char(byte);
      continue;
    }
    const bool continues = byte >= lower && byte <= upper;
    lower = 0x80, upper = 0xBF;
    if (!continues) {  // the byte is looked at again
      needed = 0;
      seen.clear();
      text += kReplacement;
      continue;
    }
    ++at;
    seen += char(byte);
    if (--needed == 0) text += seen, seen.clear();
  }
  return {text, seen};
}

// Without REQUIRE, which is slow where it is asked a million times.
bool matches_reference(Utf8Stream& stream, std::string_view bytes) {
  stream.reset();
  const Decoded expected = reference_decode(bytes);
  if (stream.push(bytes) != expected.text || stream.pending() != expected.pending) return false;
  return stream.finish() == (expected.pending.empty() ? "" : kReplacement) && stream.pending().empty();
}

// Bit i of `cuts` ends a piece after byte i.
bool matches_reference_in_pieces(std::string_view bytes, uint32_t cuts) {
  Utf8Stream stream;
  std::string text;
  for (size_t begin = 0, end = 1; end <= bytes.size(); ++end) {
    if (end < bytes.size() && !(cuts >> (end - 1) & 1)) continue;
    text += stream.push(bytes.substr(begin, end - begin));
    begin = end;
    const Decoded expected = reference_decode(bytes.substr(0, end));
    if (text != expected.text || stream.pending() != expected.pending) return false;
  }
  return true;
}

// Each byte at which the meaning of bytes changes, and its neighbour.
constexpr uint8_t kEdges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                              0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};

std::string decode(std::string_view bytes) {
  Utf8Stream stream;
  std::string text = stream.push(bytes);
  return text + stream.finish();
}

std::string replacements(int count) {
  std::string text;
  while (count-- > 0) text += kReplacement;
  return text;
}

}  // namespace

TEST_CASE("a UTF-8 stream replaces maximal subparts as the Unicode standard's tables do") {
  CHECK(decode("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") == replacements(8) + "A");  // table 3-8
  CHECK(decode("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41") == replacements(8) + "A");  // 3-9
  CHECK(decode("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42") ==
        replacements(5) + "A" + replacements(2) + "B");                            // 3-10
  CHECK(decode("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == replacements(4) + "A");  // 3-11
}

TEST_CASE("a UTF-8 stream keeps byte order marks and zero bytes") {
  using namespace std::string_view_literals;
  CHECK(decode("\xEF\xBB\xBFhi"sv) == "\xEF\xBB\xBFhi"sv);
  CHECK(decode("a\0b"sv) == "a\0b"sv);
  CHECK(decode("").empty());
}

TEST_CASE("a UTF-8 stream holds a character back until its last byte") {
  Utf8Stream stream;
  CHECK(stream.push("a\xF0").compare("a") == 0);
  CHECK(stream.push("\x9F\x98").empty());
  CHECK(stream.pending() == "\xF0\x9F\x98");
  CHECK(stream.push("\x80!") == "\xF0\x9F\x98\x80!");
  CHECK(stream.pending().empty());

  CHECK(stream.push("\xE2\x82").empty());
  CHECK(stream.finish() == kReplacement);
  CHECK(stream.finish().empty());

  CHECK(stream.push("\xE2\x82").empty());
  stream.reset();
  CHECK(stream.push("\xAC") == kReplacement);
}

TEST_CASE("a UTF-8 stream equals the reference on all sequences of one and two bytes") {
  Utf8Stream stream;
  int wrong = 0;
  for (int first = 0; first < 256; ++first) {
    wrong += !matches_reference(stream, std::string{char(first)});
    for (int second = 0; second < 256; ++second)
      wrong += !matches_reference(stream, std::string{char(first), char(second)});
  }
  CHECK(wrong == 0);
}

TEST_CASE("a UTF-8 stream equals the reference on sequences of three and four edge bytes") {
  Utf8Stream stream;
  int wrong = 0;
  for (const uint8_t a : kEdges)
    for (const uint8_t b : kEdges)
      for (const uint8_t c : kEdges) {
        wrong += !matches_reference(stream, std::string{char(a), char(b), char(c)});
        for (const uint8_t d : kEdges)
          wrong += !matches_reference(stream, std::string{char(a), char(b), char(c), char(d)});
      }
  CHECK(wrong == 0);
}

TEST_CASE("a UTF-8 stream gives every code point back") {
  Utf8Stream stream;
  int wrong = 0;
  for (uint32_t c = 0x80; c < 0x110000; c += c < 0x900 ? 1 : 61) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string bytes;
    if (c < 0x800) bytes = {char(0xC0 | c >> 6), char(0x80 | (c & 63))};
    else if (c < 0x10000) bytes = {char(0xE0 | c >> 12), char(0x80 | (c >> 6 & 63)), char(0x80 | (c & 63))};
    else
      bytes = {char(0xF0 | c >> 18), char(0x80 | (c >> 12 & 63)), char(0x80 | (c >> 6 & 63)),
               char(0x80 | (c & 63))};
    wrong += stream.push(bytes) != bytes;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a UTF-8 stream gives the same text however its bytes are split") {
  std::vector<std::string> samples = {
      "h\xC3\xA9llo \xE2\x82\xAC",
      "\xF0\x9F\x98\x80\xE6\xBC\xA2\xC3\xA9",
      "\xF0\x9F\x98 \x80\xF0\x9F\xF0\x9F\x98\x80",
      "\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41",
      "\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
      "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41",
      "\xEF\xBB\xBF\xEF\xBF\xBD\xC2",
  };
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::string& sample = samples.emplace_back();
    while (sample.size() < 8) sample += char(kEdges[random() % std::size(kEdges)]);
  }
  int wrong = 0;
  for (const std::string& sample : samples)
    for (uint32_t cuts = 0; cuts < 1u << (sample.size() - 1); ++cuts)
      wrong += !matches_reference_in_pieces(sample, cuts);
  CHECK(wrong == 0);
}

}  // namespace rwkv
