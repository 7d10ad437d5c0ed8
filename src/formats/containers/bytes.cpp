#include "formats/containers/bytes.h"

#include "room.h"

namespace rwkv {
namespace {

Error error_about(ErrorKind kind, const Source& source, std::string_view why) {
  return {kind, source.name() + ": " + std::string(why)};
}

}  // namespace

Error bad_file(const Source& source, std::string_view why) {
  return error_about(ErrorKind::kBadFile, source, why);
}

Error unsupported(const Source& source, std::string_view why) {
  return error_about(ErrorKind::kUnsupported, source, why);
}

Result<Buffer> allocate(const Source& source, uint64_t bytes) {
  constexpr uint64_t kLimit = SIZE_MAX - 2 * Buffer::kAlignment;  // Buffer rounds up
  if (bytes <= kLimit) {
    if (Buffer buffer(static_cast<size_t>(bytes)); buffer) return buffer;
  }
  return error_about(ErrorKind::kOutOfMemory, source, "no memory for " + std::to_string(bytes) + " bytes");
}

Result<Buffer> read_range(const Source& source, uint64_t offset, uint64_t bytes) {
  assert(offset <= source.size() && bytes <= source.size() - offset);
  Result<Buffer> buffer = allocate(source, bytes);
  if (!buffer) return buffer;
  if (Status read = source.read(offset, buffer->span()); !read) return read.error();
  return buffer;
}

Result<Buffer> read_directory(const Source& source, uint64_t offset, uint64_t bytes) {
  constexpr uint64_t kBytesOfByte = 16;  // a tensor's entry has 50 bytes at least
  if (const Status room = require_room(kBytesOfByte * bytes, source.name()); !room) return room.error();
  return read_range(source, offset, bytes);
}

Status require_tables(const Source& source, uint64_t tensors) {
  constexpr uint64_t kBytesOfTensor = 1024;  // its name and shape, twice while it is renamed
  return require_room(kBytesOfTensor * tensors, source.name());
}

std::optional<uint64_t> element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t dimension : shape) {
    if (__builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return static_cast<uint64_t>(count);
}

bool is_word(std::string_view text) {
  for (const char c : text) {
    const char lower = static_cast<char>(c | 0x20);
    if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
      return false;
  }
  return !text.empty();
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 80;
  const bool cut = text.size() > kLongest;
  std::string shown(cut ? text.substr(0, kLongest - 3) : text);
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return cut ? shown + "..." : shown;
}

}  // namespace rwkv
