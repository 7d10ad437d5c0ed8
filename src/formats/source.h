// Where a file's bytes come from: a range reader, so that no file is ever held whole.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "result.h"

namespace rwkv {

class Source {
 public:
  explicit Source(std::string name) : name_(std::move(name)) {}
  virtual ~Source() = default;

  // For messages: a path, a URL, or what the caller called it.
  const std::string& name() const { return name_; }
  virtual uint64_t size() const = 0;
  // Fills `out` with the bytes at `offset`. REQUIRES: offset + out.size() <= size().
  // Errors: kReadFailed.
  virtual Status read(uint64_t offset, std::span<std::byte> out) const = 0;

 private:
  std::string name_;
};

// A file that is in memory already. The bytes must outlive the source.
class MemorySource final : public Source {
 public:
  MemorySource(std::string name, std::span<const std::byte> bytes) : Source(std::move(name)), bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return Done{};
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace rwkv
