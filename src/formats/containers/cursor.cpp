#include "formats/containers/cursor.h"

namespace rwkv {

bool Cursor::has(uint64_t bytes) {
  if (error_) return false;
  if (bytes > left())
    error_ = bad_file(source_, "cut off: " + std::to_string(bytes) + " bytes expected at byte " +
                                   std::to_string(at_) + ", the file has " + std::to_string(source_.size()));
  return !error_;
}

void Cursor::take(std::span<std::byte> out) {
  if (!has(out.size())) return;
  while (!out.empty()) {
    if (at_ < window_at_ || at_ >= window_at_ + window_bytes_) {
      const uint64_t bytes = std::min<uint64_t>(left(), window_.size());
      if (Status status = source_.read(at_, std::span(window_).first(size_t(bytes))); !status) {
        error_ = status.error();
        return;
      }
      window_at_ = at_, window_bytes_ = bytes;
    }
    const size_t from = size_t(at_ - window_at_), count = std::min(out.size(), size_t(window_bytes_) - from);
    std::copy_n(window_.begin() + ptrdiff_t(from), count, out.begin());
    at_ += count;
    out = out.subspan(count);
  }
}

std::string Cursor::text(uint64_t length, uint64_t most) {
  if (!has(length)) return {};
  if (length > most) {
    error_ = bad_file(source_, "a text of " + std::to_string(length) + " bytes at byte " +
                                   std::to_string(at_) + ", expected at most " + std::to_string(most));
    return {};
  }
  std::string text(size_t(length), '\0');
  take(std::as_writable_bytes(std::span(text)));
  return text;
}

void Cursor::skip(uint64_t bytes) {
  if (has(bytes)) at_ += bytes;
}

}  // namespace rwkv
