// What tests of files share: reading them, and sources that misbehave.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/source.h"

namespace rwkv {

using Bytes = std::vector<std::byte>;

// "…/tests/fixtures/" + name
inline std::string fixture(std::string_view name) {
  return std::string(RWKV_TEST_FIXTURES "/") + std::string(name);
}

// The whole file; empty where it cannot be read, as where a file that tests may do without is not there.
inline Bytes read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  Bytes bytes;
  if (!file || std::fseek(file.get(), 0, SEEK_END) != 0) return bytes;
  const long size = std::ftell(file.get());
  if (size <= 0 || std::fseek(file.get(), 0, SEEK_SET) != 0) return bytes;
  bytes.resize(static_cast<size_t>(size));
  if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) bytes.clear();
  return bytes;
}

inline Bytes to_bytes(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return Bytes(first, first + text.size());
}

// Little-endian, whatever the machine.
template <class T>
void put_le(Bytes& bytes, T value) {
  for (size_t k = 0; k < sizeof(T); ++k) {
    bytes.push_back(static_cast<std::byte>(static_cast<uint64_t>(value) >> (8 * k) & 0xFF));
  }
}

inline void put(Bytes& bytes, std::string_view text) {
  const Bytes more = to_bytes(text);
  bytes.insert(bytes.end(), more.begin(), more.end());
}

// Delivers a file until byte `good`, then fails, as a network does.
class FaultySource final : public Source {
 public:
  FaultySource(std::string name, Bytes bytes, uint64_t good)
      : Source(std::move(name)), bytes_(std::move(bytes)), good_(good) {}
  uint64_t size() const override { return bytes_.size(); }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    if (offset + out.size() > good_) return Error{ErrorKind::kReadFailed, name() + ": the line went dead"};
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return Done{};
  }

 private:
  Bytes bytes_;
  uint64_t good_;
};

// A file of any size that is zero but for one piece at its beginning and one at its end.
class SparseSource final : public Source {
 public:
  SparseSource(std::string name, Bytes head, Bytes tail, uint64_t size)
      : Source(std::move(name)), head_(std::move(head)), tail_(std::move(tail)), size_(size) {}
  uint64_t size() const override { return size_; }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    const uint64_t tail = size_ - tail_.size();
    for (std::byte& byte : out) {
      byte = offset < head_.size() ? head_[offset] : offset >= tail ? tail_[offset - tail] : std::byte{0};
      ++offset;
    }
    return Done{};
  }

 private:
  Bytes head_, tail_;
  uint64_t size_;
};

}  // namespace rwkv
