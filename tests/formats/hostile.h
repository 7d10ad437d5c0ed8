// What every reader promises about any bytes at all, and the bytes to try it with.
#pragma once

#include <catch_amalgamated.hpp>
#include <cmath>
#include <optional>
#include <random>

#include "dtype.h"
#include "formats/checkpoint.h"
#include "formats/views.h"
#include "quant.h"
#include "support.h"

namespace rwkv {

// Elements in so many bytes of a type; none where they end inside a block.
inline std::optional<uint64_t> elements_in(DType dtype, uint64_t bytes) {
  const BlockSize block = block_size(dtype);
  if (bytes % block.bytes != 0) return std::nullopt;
  return bytes / block.bytes * block.elements;
}

// The bytes hold the shape's elements and nothing else; or, seen through strides, each of them and not more
// elements than there are, whatever the numbers: all arithmetic here is wide.
inline bool fits_its_bytes(const Tensor& tensor) {
  if (is_packed(tensor.dtype)) {
    if (tensor.shape.size() != 2) return false;
    const Tensor plain = tensor.strides.empty() ? tensor : transposed(tensor);
    const uint64_t groups = uint64_t(plain.shape[0] + kGroup - 1) / kGroup;
    return plain.strides.empty() &&
           plain.bytes == groups * Matrix::group_bytes(format_of(plain.dtype), int(plain.shape[1]));
  }
  const std::optional<uint64_t> held = elements_in(tensor.dtype, tensor.bytes);
  if (!held) return false;
  __int128 count = 1;
  for (const int64_t size : tensor.shape) {
    if (size < 0 || (count *= size) > INT64_MAX) return false;
  }
  if (tensor.strides.empty()) {
    const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
    return count == *held && row % int64_t(block_size(tensor.dtype).elements) == 0;
  }
  if (tensor.strides.size() != tensor.shape.size() || count > *held) return false;
  __int128 last = 0;  // element: the one with the largest index in each dimension
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.strides[i] < 0) return false;
    last += __int128(tensor.shape[i] - 1) * tensor.strides[i];
  }
  return count == 0 || last < *held;
}

// What a reader said about a file: its tensors' promises hold, or it gave a kind and a sentence that begins
// with the name.
template <class Open>
bool keeps_promises(Open open, const Bytes& bytes) {
  const MemorySource source("model", bytes);
  const Result<Checkpoint> file = open(source);
  if (!file) {
    return file.error().message.starts_with("model: ") &&
           (file.error().kind == ErrorKind::kBadFile || file.error().kind == ErrorKind::kUnsupported);
  }
  if (file->source != &source || file->tensors.empty() || *file->format == 0) return false;
  const EmbeddedVocabulary& vocabulary = file->vocabulary;
  if (vocabulary.offset > bytes.size() || vocabulary.bytes > bytes.size() - vocabulary.offset ||
      vocabulary.count > vocabulary.bytes / 8)
    return false;
  Buffer buffer;
  for (const auto& [name, tensor] : file->tensors) {
    if (tensor.name != name || tensor.offset > bytes.size() || tensor.bytes > bytes.size() - tensor.offset)
      return false;
    if (!fits_its_bytes(tensor) || !std::isfinite(tensor.scale) || tensor.scale == 0) return false;
    const auto read = file->read(tensor, buffer);
    if (!read || read->size() != tensor.bytes) return false;
  }
  return true;
}

// Every beginning of the file, by `stride`.
template <class Open>
void require_survives_truncation(Open open, const Bytes& file, size_t stride = 1) {
  for (size_t length = 0; length <= file.size(); length += stride) {
    const Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(length));
    if (!keeps_promises(open, cut)) FAIL("cut to " << length << " bytes");
  }
}

// One to four bytes changed, each to anything, by one bit, or to a telling value. The same sequence on every
// machine.
template <class Open>
void require_survives_mutation(Open open, const Bytes& file, int count) {
  REQUIRE(open(MemorySource("model", file)).ok());  // or there would be little to find
  std::mt19937 random(20240229);
  constexpr uint8_t kTelling[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, '(', '.', 'R', 'h', '"', '{', '['};
  for (int round = 0; round < count; ++round) {
    Bytes changed = file;
    for (uint32_t k = random() % 4 + 1; k > 0; --k) {
      std::byte& byte = changed[random() % changed.size()];
      const uint32_t choice = random();
      if (choice % 3 == 0) byte = static_cast<std::byte>(choice >> 8);
      else if (choice % 3 == 1) byte ^= static_cast<std::byte>(1u << (choice >> 8) % 8);
      else byte = static_cast<std::byte>(kTelling[(choice >> 8) % std::size(kTelling)]);
    }
    if (!keeps_promises(open, changed)) FAIL("mutation " << round);
  }
}

}  // namespace rwkv
