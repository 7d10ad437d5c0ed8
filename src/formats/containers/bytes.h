// The words all readers share: little-endian numbers, checked sizes, bounded reads, untrusted text in
// messages.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "formats/source.h"
#include "result.h"
#include "tensor.h"

namespace rwkv {

static_assert(std::endian::native == std::endian::little, "model files and wasm are little-endian");

constexpr size_t kMaxRank = 8;

template <class T>
T load_le(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Memory for `bytes` bytes, checked before they become a size_t. Errors: kOutOfMemory.
Result<Buffer> allocate(const Source& source, uint64_t bytes);
// The bytes [offset, offset + bytes). REQUIRES: they lie inside the source. Errors: kReadFailed,
// kOutOfMemory.
Result<Buffer> read_range(const Source& source, uint64_t offset, uint64_t bytes);
// The same of a directory or a header, where there is room for the tables that it becomes too.
Result<Buffer> read_directory(const Source& source, uint64_t offset, uint64_t bytes);
// Room for the tables of so many tensors. Errors: kOutOfMemory.
Status require_tables(const Source& source, uint64_t tensors);

// The product of the dimensions, none of them negative; none where it exceeds 63 bits.
std::optional<uint64_t> element_count(const Shape& shape);

// Letters, digits, '-', '_' and '.', at least one: what needs no quoting in any format.
bool is_word(std::string_view text);

// Text of a file made fit for a message: at most 80 characters, all of them printable ASCII.
std::string printable(std::string_view text);

// "tales.pth: why"
Error bad_file(const Source& source, std::string_view why);
Error unsupported(const Source& source, std::string_view why);

}  // namespace rwkv
