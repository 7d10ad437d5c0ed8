// Python's str and bytes literals, as vocabulary files spell tokens. They are read, never evaluated.
#pragma once

#include <string>
#include <string_view>

namespace rwkv {

// Takes one literal off the front of `source` and appends its bytes (of a str: its UTF-8) to `bytes`. Known:
//   '..'  ".."  b'..'  b".."
//   \\  \'  \"  \a  \b  \f  \n  \r  \t  \v  \ooo  \xNN, in a str also  \uNNNN  \UNNNNNNNN
// Returns what is wrong, as the end of a sentence; empty where nothing is. `bytes` may have grown even so.
std::string take_python_literal(std::string_view& source, std::string& bytes);

// The same for what stands between the quotation marks of a bytes literal: all of `source`. Bytes beyond
// ASCII are taken as they are.
std::string unescape_bytes(std::string_view source, std::string& bytes);

}  // namespace rwkv
