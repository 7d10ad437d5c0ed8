#include "room.h"

#include <new>

namespace rwkv {

Error::Error(ErrorKind kind, std::string message) : kind(kind), message(std::move(message)) {}
Error::Error(const Error&) = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

bool has_room(uint64_t bytes) {
  if (bytes >= SIZE_MAX) return false;  // half of it is had in WebAssembly, and more
  void* room = ::operator new(size_t(bytes), std::nothrow);
  ::operator delete(room);
  return room;
}

Error no_room(uint64_t bytes, std::string_view what) {
  return {ErrorKind::kOutOfMemory, std::string(what) + ": no memory for " + std::to_string(bytes) + " bytes"};
}

Status require_room(uint64_t bytes, std::string_view what) {
  if (bytes <= UINT64_MAX - kSmallBytes && has_room(bytes + kSmallBytes)) return Done{};
  return no_room(bytes, what);
}

}  // namespace rwkv
