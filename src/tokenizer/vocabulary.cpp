#include "tokenizer/vocabulary.h"

#include <algorithm>

#include "room.h"
#include "tokenizer/python_literal.h"

namespace rwkv {
namespace {

struct Line {
  uint32_t id = 0;
  uint32_t start = 0, length = 0;  // its bytes, in the order of the file
};

// The beginning of some text, fit for a message: printable ASCII.
std::string excerpt(std::string_view text) {
  constexpr size_t kMost = 24;
  if (text.empty()) return "the end of the line";
  std::string shown = "`";
  for (const char c : text.substr(0, kMost)) shown += c >= ' ' && c <= '~' ? c : '?';
  return shown + (text.size() > kMost ? "...`" : "`");
}

void skip_blanks(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
}

// Takes a decimal number off the front and returns its digits; none where there is no number. What is above
// every limit becomes some number above every limit.
std::string_view take_number(std::string_view& rest, uint32_t& value) {
  const std::string_view digits = rest.substr(0, rest.find_first_not_of("0123456789"));
  value = 0;
  for (const char digit : digits) value = std::min(value * 10 + uint32_t(digit - '0'), 100'000'000u);
  rest.remove_prefix(digits.size());
  return digits;
}

// One line. Its bytes go to the end of `text`. Returns what is wrong with it, or nothing.
std::string read_line(std::string_view rest, Line& line, std::string& text) {
  skip_blanks(rest);
  const std::string_view whole = rest;
  if (take_number(rest, line.id).empty()) return "expected `id literal length`, found " + excerpt(whole);
  if (line.id == kEndOfText || line.id > kMaxId)
    return "expected an id from 1 to " + std::to_string(kMaxId) + ", found " + excerpt(whole);

  skip_blanks(rest);
  line.start = uint32_t(text.size());
  const std::string_view literal = rest;
  if (const std::string wrong = take_python_literal(rest, text); !wrong.empty())
    return "expected a Python str or bytes literal, found " + wrong + " in " + excerpt(literal);
  const size_t length = text.size() - line.start;
  if (length == 0) return "the token is empty";
  if (length > kMaxTokenBytes)
    return "expected at most " + std::to_string(kMaxTokenBytes) + " bytes, found " + std::to_string(length);
  line.length = uint32_t(length);

  const bool apart = rest.starts_with(' ') || rest.starts_with('\t');
  skip_blanks(rest);
  const std::string_view tail = rest;
  uint32_t told = 0;
  const std::string_view digits = take_number(rest, told);
  if (!apart || digits.empty()) return "expected a length after the literal, found " + excerpt(tail);
  if (told != length)
    return "expected a length of " + std::to_string(length) + " bytes, found " +
           std::string(digits.substr(0, 12));
  skip_blanks(rest);
  if (!rest.empty()) return "expected nothing after the length, found " + excerpt(rest);
  return {};
}

// Lays the bytes out by id, which leaves no need for a table of lengths.
Vocabulary by_id(const std::vector<Line>& lines, const std::vector<uint32_t>& line_of,
                 std::string_view text) {
  Vocabulary vocabulary;
  vocabulary.text.reserve(text.size());
  vocabulary.starts.reserve(line_of.size() + 1);
  for (const uint32_t number : line_of) {
    vocabulary.starts.push_back(uint32_t(vocabulary.text.size()));
    if (number) vocabulary.text += text.substr(lines[number - 1].start, lines[number - 1].length);
  }
  vocabulary.starts.push_back(uint32_t(vocabulary.text.size()));
  return vocabulary;
}

}  // namespace

Result<Vocabulary> read_vocabulary(std::string_view file_name, std::string_view file) {
  const std::string name(file_name);
  const auto bad = [&](std::string what) { return Error{ErrorKind::kBadVocabulary, std::move(what)}; };
  constexpr std::string_view kBlank = " \t\r\n";
  file = file.substr(0, file.find_last_not_of(kBlank) + 1);
  if (file.empty()) return bad(name + ": the vocabulary is empty");
  if (file.size() > kMaxVocabularyBytes)
    return bad(name + ": expected at most " + std::to_string(kMaxVocabularyBytes) + " bytes, the file has " +
               std::to_string(file.size()));
  // What a server sends in place of a file that it does not have.
  if (file[file.find_first_not_of(kBlank)] == '<')
    return bad(name + ": expected a vocabulary, lines of `id literal length`; this is a web page");

  // Texts and lines, in vectors that grow, and ids in one, then in the table.
  const auto require_ids = [&, bytes = 12 * file.size()](uint64_t ids) {
    return require_room(bytes + 4 * sizeof(uint32_t) * ids, name);
  };
  if (const Status room = require_ids(0); !room) return room.error();
  std::string text;
  std::vector<Line> lines;
  std::vector<uint32_t> line_of;  // by id: the number of its line, from 1, or 0
  for (uint32_t number = 1; !file.empty(); ++number) {
    const std::string_view whole = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(whole.size() + 1, file.size()));

    Line line;
    std::string wrong =
        read_line(whole.ends_with('\r') ? whole.substr(0, whole.size() - 1) : whole, line, text);
    if (wrong.empty()) {
      if (line.id >= line_of.capacity())
        if (const Status room = require_ids(line.id + 1); !room) return room.error();
      if (line.id >= line_of.size()) line_of.resize(line.id + 1);
      if (const uint32_t other = line_of[line.id])
        wrong = "id " + std::to_string(line.id) + " is already on line " + std::to_string(other);
    }
    if (!wrong.empty()) return bad(name + ", line " + std::to_string(number) + ": " + wrong);
    lines.push_back(line);
    line_of[line.id] = number;
  }
  return by_id(lines, line_of, text);
}

}  // namespace rwkv
