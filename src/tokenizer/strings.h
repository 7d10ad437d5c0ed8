// A vocabulary as a list of strings -> the bytes of each token.
#pragma once

#include "tokenizer/vocabulary.h"

namespace rwkv {

enum class Spelling {
  kPlain,    // a string is the token's bytes
  kEscaped,  // it is the inside of a Python bytes literal; "[PADn]" as string n stands for an id without text
};

// `count` strings, each a u64 length (low byte first) and so many bytes; the index is the id. The string of
// kEndOfText, whatever it says, and empty ones become ids without text. Takes less than the strings do, and 4
// bytes for each. Errors: kBadVocabulary with the file's name, the token and what is wrong with it.
Result<Vocabulary> read_strings(std::string_view file_name, std::string_view strings, uint64_t count,
                                Spelling spelling);

}  // namespace rwkv
