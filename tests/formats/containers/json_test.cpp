#include "formats/containers/json.h"

#include <catch_amalgamated.hpp>
#include <vector>

namespace rwkv {
namespace {

// Whether the text is one JSON value and nothing else.
bool valid(std::string_view text) {
  JsonReader json(text);
  json.skip_value();
  return json.finish();
}

// The string that the text spells, or "error: ...".
std::string spelled(std::string_view text) {
  JsonReader json(text);
  std::string value;
  return json.read_string(value) && json.finish() ? value : "error: " + json.error();
}

std::string nested(int depth, char open, char close) {
  return std::string(static_cast<size_t>(depth), open) + std::string(static_cast<size_t>(depth), close);
}

TEST_CASE("a JSON object is read in one pass") {
  JsonReader json(
      R"( {"a": [1, 22,333] , "b":{"c":"text"},"skipped":[{"x":-1.5e3},null,true,false,"\n"],"d":18446744073709551615} )");
  std::vector<uint64_t> numbers;
  std::string key, text;
  uint64_t number = 0;
  REQUIRE(json.enter_object());
  while (json.next_key(key)) {
    if (key == "a") {
      json.enter_array();
      while (json.next_item() && json.read_unsigned(number)) numbers.push_back(number);
    } else if (key == "b") {
      json.enter_object();
      while (json.next_key(key)) json.read_string(text);
    } else if (key == "d") {
      json.read_unsigned(number);
    } else {
      json.skip_value();
    }
  }
  CHECK(json.finish());
  CHECK(numbers == std::vector<uint64_t>{1, 22, 333});
  CHECK(text == "text");
  CHECK(number == UINT64_MAX);
}

TEST_CASE("JSON values of every kind are recognised") {
  for (const char* text : {"{}", "[]", " [ ] ", "0", "-0", "12.5", "1e9", "1E+9", "-0.0e-0", "\"\"", "true",
                           "false", "null", "[[],{}]", "{\"a\":{\"a\":[0]}}", "\t[\r\n1 ]"}) {
    INFO(text);
    CHECK(valid(text));
  }
}

TEST_CASE("text that is almost JSON is refused") {
  for (const char* text : {"",      " ",    "{",      "}",       "[",         "]",          "{]",   "[}",
                           "[1,]",  "[,1]", "[1 2]",  "{\"a\"}", "{\"a\":}",  "{\"a\":1,}", "{,}",  "{a:1}",
                           "{1:1}", "'a'",  "01",     "-",       "+1",        "1.",         ".5",   "1e",
                           "1e+",   "0x10", "tru",    "True",    "nul",       "NaN",        "[1]]", "{} {}",
                           "\"",    "\"\\", "\"\\\"", "\"\n\"",  "\"\\x41\"", "// a\n1",    "[1:2]"}) {
    INFO(text);
    CHECK_FALSE(valid(text));
  }
  CHECK_FALSE(valid(std::string_view("[1]\0", 4)));
  CHECK_FALSE(valid(std::string_view("\0", 1)));
}

TEST_CASE("JSON escapes become UTF-8") {
  CHECK(spelled(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(spelled(R"("\u0041\u00e9\u20AC\ud83d\uDE00")") == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(spelled(R"("\u0000")") == std::string(1, '\0'));
  for (const char* text : {R"("\u12")", R"("\u12g4")", R"("\ud83d")", R"("\ud83dx")", R"("\ud83d\n")",
                           R"("\ud83d\u0041")", R"("\ude00\ud83d")", R"("\u)", R"("\ud83d\u)"}) {
    INFO(text);
    CHECK(spelled(text).starts_with("error: "));
  }
}

TEST_CASE("invalid UTF-8 in a JSON string is refused") {
  CHECK(spelled("\"\xC3\xA9\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"") ==
        "\xC3\xA9\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF");
  for (const char* text :
       {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE2\x82", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3\\u00a9", "a\xC3(b"}) {
    CHECK(spelled("\"" + std::string(text) + "\"").starts_with("error: "));
  }
}

TEST_CASE("only plain digits make an unsigned JSON number") {
  for (const char* text :
       {"-1", "1.0", "1e2", "00", "18446744073709551616", "99999999999999999999999", "\"1\"", ""}) {
    JsonReader json(text);
    uint64_t number = 0;
    INFO(text);
    CHECK_FALSE(json.read_unsigned(number));
    CHECK_FALSE(json.ok());
  }
}

TEST_CASE("deeply nested JSON is refused") {
  CHECK(valid(nested(JsonReader::kMaxDepth, '[', ']')));
  CHECK_FALSE(valid(nested(JsonReader::kMaxDepth + 1, '[', ']')));
  CHECK_FALSE(valid(std::string(1'000'000, '[')));
  std::string objects;
  for (int k = 0; k < 100'000; ++k) objects += "{\"a\":";
  CHECK_FALSE(valid(objects));
}

TEST_CASE("the first JSON error is the one that is told") {
  JsonReader json("[1 2]");
  uint64_t number = 0;
  json.enter_array();
  while (json.next_item() && json.read_unsigned(number)) {
  }
  json.enter_object();
  json.skip_value();
  CHECK_FALSE(json.finish());
  CHECK(json.error() == "expected ',' or ']' at byte 3");
}

}  // namespace
}  // namespace rwkv
