// The two halves of UTF-8 that the tokenizer folder needs: what is at the front of some bytes, and one code
// point as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rwkv {

struct Utf8Prefix {
  enum class Kind {
    kCharacter,   // `length` bytes are one well-formed character
    kIllFormed,   // `length` bytes are a maximal subpart (Unicode 15, 3.9, D93b): nothing can make them valid
    kUnfinished,  // all the bytes begin a character and more are needed
  };
  Kind kind;
  int length;  // 1 to 4
};

// REQUIRES: bytes not empty.
Utf8Prefix utf8_prefix(std::string_view bytes);

// REQUIRES: code_point <= 0x10FFFF and no surrogate.
void append_utf8(uint32_t code_point, std::string& text);

}  // namespace rwkv
