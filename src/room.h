// Memory, asked for before it is taken. There are no exceptions, so a container that finds none ends the program: an operation
// first asks for all that it takes at most, and nothing else takes any until it ends.
#pragma once

#include <cstdint>
#include <string_view>

#include "result.h"

namespace rwkv {

// Whether so many bytes can be had now, in one piece. WebAssembly's memory grows by them and stays so.
bool has_room(uint64_t bytes);

// What no input decides, at most: nodes, names, messages. Of an operation's is kept so little that the next one's messages have
// room too.
constexpr uint64_t kSmallBytes = 256 << 10;

// Unless there is room for so many bytes and kSmallBytes: no_room.
Status require_room(uint64_t bytes, std::string_view what);
// kOutOfMemory, "a session: no memory for 2500000 bytes".
Error no_room(uint64_t bytes, std::string_view what);

}  // namespace rwkv
