// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
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

// What is at the front. REQUIRES: bytes not empty.
Utf8Prefix utf8_prefix(std::string_view bytes);

bool valid_utf8(std::string_view text);

// REQUIRES: code_point <= 0x10FFFF and no surrogate.
void append_utf8(uint32_t code_point, std::string& text);

}  // namespace rwkv
