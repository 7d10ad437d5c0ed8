// Reads a header from front to back through a small window, so that none is ever held whole.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "formats/containers/bytes.h"

namespace rwkv {

// The first error sticks: numbers that follow are 0, texts empty, and at() stands still. Ask for it where a
// loop must end, and once behind the last.
class Cursor {
 public:
  // Reads from the source up to `window` bytes at a time.
  Cursor(const Source& source, size_t window)
      : source_(source), window_(size_t(std::min<uint64_t>(window, source.size()))) {}

  const std::optional<Error>& error() const { return error_; }
  uint64_t at() const { return at_; }
  uint64_t left() const { return source_.size() - at_; }

  template <class T>
  T number() {
    T value{};
    take(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  // Errors: kBadFile where it is longer than `most`.
  std::string text(uint64_t length, uint64_t most);
  void skip(uint64_t bytes);

 private:
  bool has(uint64_t bytes);
  void take(std::span<std::byte> out);

  const Source& source_;
  std::vector<std::byte> window_;
  uint64_t window_at_ = 0, window_bytes_ = 0;  // the part of the source that lies in the window
  uint64_t at_ = 0;
  std::optional<Error> error_;
};

}  // namespace rwkv
