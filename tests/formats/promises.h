// What every reader of model files promises about any bytes at all.
#pragma once

#include <cmath>
#include <optional>
#include <string>

#include "formats/checkpoint.h"
#include "formats/containers/bytes.h"
#include "quant/dtype.h"
#include "quant/matrix.h"

namespace rwkv {

// Elements in so many bytes of a type; none where they end inside a block.
inline std::optional<uint64_t> elements_in(DType dtype, uint64_t bytes) {
  const BlockSize block = block_size(dtype);
  if (bytes % block.bytes != 0) return std::nullopt;
  return bytes / block.bytes * block.elements;
}

// Whole groups of rows; a turned matrix is one whose transpose is packed.
inline bool is_packed_matrix(const Tensor& tensor) {
  const bool is_turned = !tensor.strides.empty();
  if (tensor.shape.size() != 2) return false;
  const int64_t rows = tensor.shape[is_turned], cols = tensor.shape[!is_turned];
  if (rows < 1 || cols < 1 || rows > INT32_MAX || cols > INT32_MAX) return false;
  if (is_turned && tensor.strides != Shape{1, cols}) return false;
  const Quantization format = format_of(tensor.dtype);
  const auto groups = __int128(rows + kGroup - 1) / kGroup;
  return format_for(format, int(cols)) == format &&
         groups * number_format(format).group_bytes(int(cols)) == tensor.bytes;
}

// The bytes hold the shape's elements and nothing else; or, seen through strides, each of them and not more
// elements than there are, whatever the numbers: all arithmetic here is wide.
inline bool fits_its_bytes(const Tensor& tensor) {
  if (is_packed(tensor.dtype)) return is_packed_matrix(tensor);
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

// An error is of a kind that bytes can be the reason for, and its sentence begins with the source's name.
inline std::string broken_promise(const Error& error, const Source& source) {
  if (!error.message.starts_with(source.name() + ": ")) return "an error without the name: " + error.message;
  if (error.kind != ErrorKind::kBadFile && error.kind != ErrorKind::kUnsupported)
    return std::string("an error of kind ") + error_code(error.kind) + ": " + error.message;
  return {};
}

// Which promise is broken by what a reader said about a source; empty where none is.
inline std::string broken_promise(const Result<Checkpoint>& file, const Source& source) {
  if (!file) return broken_promise(file.error(), source);
  if (file->source != &source) return "a checkpoint of another source";
  if (file->tensors.empty() && file->foreign.empty()) return "a checkpoint without tensors";
  const EmbeddedVocabulary& vocabulary = file->vocabulary;
  if (vocabulary.offset > source.size() || vocabulary.bytes > source.size() - vocabulary.offset)
    return "a vocabulary outside the file";
  if (vocabulary.count > vocabulary.bytes / 8) return "a vocabulary of more strings than it has room for";
  if (*file->format == 0) return "a format without a name";
  if (vocabulary.kind.empty() ? vocabulary.bytes > 0 : !is_word(vocabulary.kind))
    return "a vocabulary whose kind is no word";
  if (!std::isfinite(file->group_norm_eps) || file->group_norm_eps < 0) return "an eps that is none";
  Buffer buffer;
  for (const auto& [name, tensor] : file->tensors) {
    const auto broken = [&name = name](const char* what) { return printable(name) + ": " + what; };
    if (tensor.name != name) return broken("is listed under another name");
    if (tensor.offset > source.size() || tensor.bytes > source.size() - tensor.offset)
      return broken("lies outside the file");
    if (!fits_its_bytes(tensor)) return broken("does not fit its bytes");
    if (!std::isfinite(tensor.scale) || tensor.scale == 0) return broken("has no scale");
    const auto read = file->read(tensor, buffer);
    if (!read || read->size() != tensor.bytes) return broken("cannot be read");
  }
  return {};
}

}  // namespace rwkv
