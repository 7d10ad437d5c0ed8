// A vocabulary file of the RWKV World form -> the bytes of each token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"
#include "tokenizer/tokenizer.h"

namespace rwkv {

// Far above every known vocabulary (1.1 MB, 65529 tokens, the longest of 128 bytes), and low enough that a
// hostile one cannot take much memory, nor make the longest match slow.
constexpr size_t kMaxVocabularyBytes = 16 << 20;
constexpr uint32_t kMaxId = (1 << 20) - 1;
constexpr size_t kMaxTokenBytes = 1024;

// All tokens' bytes in one string, in the order of the ids.
struct Vocabulary {
  std::string text;
  std::vector<uint32_t> starts;  // (size + 1); of ids that are not in the file, the next one's

  int size() const { return int(starts.size()) - 1; }
  // Empty for kEndOfText and ids that are not in the file.
  std::string_view bytes(Token id) const {
    if (id < 0 || id >= size()) return {};
    return {text.data() + starts[id], starts[id + 1] - starts[id]};
  }
};

// Lines `id literal length` in any order of the ids, each id once. Takes a few times the file's size while it
// reads, and 8 bytes for each id up to the largest, which is below 2^20.
// Errors: kBadVocabulary with the file's name, the line and what is wrong in it.
Result<Vocabulary> read_vocabulary(std::string_view file_name, std::string_view file);

}  // namespace rwkv
