// What numbers are stored in: element types, shapes, tensors in a file, rows of activations, aligned memory.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "room.h"

namespace rwkv {

// Element types of tensors in files (quant/dtype.h tells their bytes). All but the first three hold blocks
// along the last axis: ggml's of 32 and of 256 elements, and ours, whole matrices in kernel layout
// (quant/table.h).
enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kU8,  // bytes; of a vocabulary, say
  kPackedF32,
  kPackedF16,
  kPackedQ8,
  kPackedQ4,
};

using Shape = std::vector<int64_t>;

// "(768, 3072)"
inline std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

// What a file holds in place of a value x.
enum class Stored : uint8_t { kValue, kMinusExp, kExpMinusExp };  // x, -e^x, e^(-e^x)

// A tensor of a file: little-endian, its elements in the bytes [offset, offset + bytes) of the source,
// row-major without gaps unless there are strides.
struct Tensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  // Where they are not empty: element (i, j, ...) is number i strides[0] + j strides[1] + ... of the range,
  // inside it for every index. Of a packed tensor they say that it is the transpose of what is packed.
  Shape strides = {};
  // Dialects keep some values in another form: element = Stored(x / scale).
  Stored stored = Stored::kValue;
  float scale = 1;

  // The number of elements. REQUIRES: no overflow, which holds for every tensor of a Checkpoint.
  uint64_t count() const {
    uint64_t count = 1;
    for (const int64_t size : shape) count *= uint64_t(size);
    return count;
  }
};

// Owned memory, aligned for every vector load; empty where the allocation failed.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;

  Buffer() = default;
  explicit Buffer(size_t bytes)
      : data_(static_cast<std::byte*>(
            ::operator new(padded(bytes), std::align_val_t(kAlignment), std::nothrow))),
        bytes_(data_ ? bytes : 0) {}
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer() { ::operator delete(data_, std::align_val_t(kAlignment)); }

  explicit operator bool() const { return data_ != nullptr; }
  size_t bytes() const { return bytes_; }
  std::span<std::byte> span() { return {data_, bytes_}; }
  std::span<const std::byte> span() const { return {data_, bytes_}; }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }

 private:
  static constexpr size_t padded(size_t bytes) { return (bytes / kAlignment + 1) * kAlignment; }
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

// A view of R rows of C floats, one after the other.
struct Rows {
  float* data = nullptr;
  int count = 0;  // R
  int width = 0;  // C

  float* row(int r) const { return data + size_t(r) * width; }
  size_t size() const { return size_t(count) * width; }
};

// Scratch memory for one forward call: hands out Rows until it is rewound. Blocks are kept for the next call.
class Arena {
 public:
  // (count, width), uninitialised, valid until rewind() past it.
  Rows rows(int count, int width) { return {floats(size_t(count) * width), count, width}; }
  float* floats(size_t count);

  // From now on so many bytes lie ready behind the mark: rows that were not reserved end the program where there is no memory.
  // Errors: kOutOfMemory.
  Status reserve(uint64_t bytes, std::string_view what);

  struct Mark {
    size_t block, used;
  };
  Mark mark() const { return {block_, used_}; }
  void rewind(Mark mark) { block_ = mark.block, used_ = mark.used; }

 private:
  std::vector<Buffer> blocks_;
  size_t block_ = 0, used_ = 0;  // in bytes, of the current block
};

inline float* Arena::floats(size_t count) {
  const size_t bytes =
      (count * sizeof(float) + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
  while (block_ < blocks_.size() && used_ + bytes > blocks_[block_].bytes()) ++block_, used_ = 0;
  if (block_ == blocks_.size()) blocks_.emplace_back(bytes > (size_t{1} << 20) ? bytes : size_t{1} << 20);
  if (!blocks_[block_])
    std::abort();  // out of memory in the middle of a forward call: nothing sensible is left
  float* data = reinterpret_cast<float*>(blocks_[block_].as<std::byte>() + used_);
  used_ += bytes;
  return data;
}

inline Status Arena::reserve(uint64_t bytes, std::string_view what) {
  for (size_t block = block_, used = used_; block < blocks_.size(); ++block, used = 0)
    if (used + bytes <= blocks_[block].bytes()) return block_ = block, used_ = used, Done{};
  if (block_ == 0 && used_ == 0) blocks_.clear();  // never both
  Buffer block = bytes < SIZE_MAX / 2 ? Buffer(size_t(bytes)) : Buffer();
  if (!block) return no_room(bytes, what);
  blocks_.push_back(std::move(block));
  block_ = blocks_.size() - 1, used_ = 0;
  return Done{};
}

// Gives the arena's memory back at the end of a scope.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : arena_(arena), mark_(arena.mark()) {}
  ~ArenaScope() { arena_.rewind(mark_); }
  ArenaScope(const ArenaScope&) = delete;

 private:
  Arena& arena_;
  Arena::Mark mark_;
};

}  // namespace rwkv
