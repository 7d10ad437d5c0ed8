// Text <-> token ids.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"

namespace rwkv {

using Token = int32_t;
constexpr Token kEndOfText = 0;  // ends a document in every RWKV vocabulary; has no text

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Appends the ids of `text` (UTF-8, any bytes allowed) to `ids`.
  // Errors: kBadVocabulary where a byte has no token; `ids` is then as before.
  virtual Status encode(std::string_view text, std::vector<Token>& ids) const = 0;
  // The bytes of one token: maybe a part of a character; empty for kEndOfText and ids without text.
  virtual std::string_view bytes(Token id) const = 0;
  // One more than the largest id.
  virtual int size() const = 0;
};

// Greedy longest match over a trie, from a vocabulary file of the RWKV World form: lines `id literal length`,
// the literal being a Python str or bytes literal and the length its bytes (rwkv_vocab_v20230424.txt).
// At most 16 MB, which also bounds the memory that a hostile file can take.
// Errors: kBadVocabulary with the file's name, the line and what is wrong in it.
Result<std::unique_ptr<Tokenizer>> make_world_tokenizer(std::string_view file_name, std::string_view file);

// The same from a vocabulary as GGUF files hold it: `count` strings, each a u64 length (low byte first) and
// so many bytes, the index being the id. A string is the inside of a Python bytes literal, which is how
// llama.cpp's conversion escapes tokens; it fills ids that have no token with strings [PADn], n being the id.
// Errors: kBadVocabulary with the file's name, the id and what is wrong with it.
Result<std::unique_ptr<Tokenizer>> make_escaped_tokenizer(std::string_view file_name,
                                                          std::string_view strings, uint64_t count);

// For texts that are encoded elsewhere: the bytes of the ids alone, from strings laid out in the same way and
// not escaped. Its encode() is an error, kUnsupported. Errors: as above.
Result<std::unique_ptr<Tokenizer>> make_decoder(std::string_view file_name, std::string_view strings,
                                                uint64_t count);

// One token per byte, id = byte value, 256 tokens; byte 0 is the end of text and has no text.
std::unique_ptr<Tokenizer> make_byte_tokenizer();

// Bytes -> text whose characters are whole: holds back an unfinished UTF-8 sequence until it is complete,
// replaces what can never be valid by U+FFFD, one for each maximal subpart (Unicode 15, 3.9; the same as a
// TextDecoder with ignoreBOM, which keeps byte order marks).
class Utf8Stream {
 public:
  // Takes some bytes, returns all text that is now certain.
  std::string push(std::string_view bytes);
  // Ends the text: U+FFFD where a sequence was left unfinished, else nothing.
  std::string finish();
  // The bytes held back, 0 to 3.
  std::string_view pending() const { return pending_; }
  void reset() { pending_.clear(); }

 private:
  std::string pending_;
};

}  // namespace rwkv
