#include "formats/packed.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "formats/checksums.h"
#include "formats/containers/bytes.h"
#include "formats/views.h"
#include "quant/table.h"

namespace rwkv {
namespace {

constexpr std::string_view kTransposedMark = ".T";
constexpr int64_t kMaxSize = INT32_MAX;
constexpr uint32_t kOne =
    0x3F800000;  // the bits of 1.0f, above those of every smaller float that is not negative

// U8 tensors may stand for packed matrices, under the name of their quantization, and for ggml's blocks.
constexpr bool may_stand(const DTypeRow& type) { return is_packed(type.dtype) || type.elements > 1; }

constexpr std::string_view type_name(DType dtype) {
  return is_packed(dtype) ? quantization_name(format_of(dtype)) : dtype_name(dtype);
}

// Takes a word off the front, up to a blank.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

bool read_number(std::string_view text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Sets dtype, shape and strides; false where the text is no description or does not fit the tensor's bytes.
bool describe(std::string_view text, Tensor& tensor) {
  std::string_view type = take_word(text);
  const bool is_transposed = type.ends_with(kTransposedMark);
  if (is_transposed) type.remove_suffix(kTransposedMark.size());
  const DTypeRow* known = std::find_if(std::begin(kDTypes), std::end(kDTypes), [&](const DTypeRow& row) {
    return may_stand(row) && type_name(row.dtype) == type;
  });
  if (known == std::end(kDTypes)) return false;

  tensor.dtype = known->dtype;
  tensor.shape.clear();
  while (!text.empty()) {
    uint64_t size = 0;
    if (!read_number(take_word(text), size) || size < 1 || size > kMaxSize || tensor.shape.size() == kMaxRank)
      return false;
    tensor.shape.push_back(int64_t(size));
  }
  const auto count = element_count(tensor.shape);
  if (!count || tensor.shape.empty()) return false;
  const uint64_t cols = uint64_t(tensor.shape.back());
  if (!is_packed(tensor.dtype)) {
    return !is_transposed && cols % block_size(tensor.dtype).elements == 0 &&
           tensor.bytes == bytes_of(tensor.dtype, *count);
  }
  const Quantization format = format_of(tensor.dtype);
  if (tensor.shape.size() != 2 || format_for(format, int(cols)) != format) return false;
  if (tensor.bytes != number_format(format).bytes(int(tensor.shape[0]), int(cols))) return false;
  if (is_transposed) tensor = transposed(std::move(tensor));
  return true;
}

// Takes the checksums out of the tensors; false where they are not as many as there are pieces.
bool take_checksums(uint64_t header_bytes, Checkpoint& checkpoint) {
  const auto found = checkpoint.tensors.find(kPackedChecksumsKey);
  if (found == checkpoint.tensors.end()) return false;
  Checksums& checksums = checkpoint.checksums;
  checksums.offset = found->second.offset, checksums.bytes = found->second.bytes;
  checksums.header_bytes = header_bytes;
  checkpoint.tensors.erase(found);
  uint64_t number = 1;  // the first is the header's
  for (const Tensor* tensor : in_order(checkpoint)) {
    checksums.ranges.push_back({tensor->offset, tensor->bytes, number});
    number += count_pieces(tensor->bytes);
  }
  return checksums.bytes == 8 * number;
}

}  // namespace

std::string packed_description(DType dtype, const Shape& shape, bool is_transposed) {
  std::string text(type_name(dtype));
  Shape sizes = shape;
  if (is_transposed) text += kTransposedMark, std::swap(sizes[0], sizes[1]);
  for (const int64_t size : sizes) text += ' ' + std::to_string(size);
  return text;
}

std::vector<const Tensor*> in_order(const Checkpoint& checkpoint) {
  std::vector<const Tensor*> order;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (tensor.bytes > 0) order.push_back(&tensor);
  // By a heap, which is 2 KB of WebAssembly less than std::sort.
  const auto precedes = [](const Tensor* a, const Tensor* b) {
    return a->offset != b->offset ? a->offset < b->offset : a->name < b->name;
  };
  std::make_heap(order.begin(), order.end(), precedes);
  std::sort_heap(order.begin(), order.end(), precedes);
  return order;
}

bool is_sampling(std::string_view text) {
  if (text.size() > kMaxSamplingBytes) return false;
  while (!text.empty())
    if (!is_word(take_word(text))) return false;
  return true;
}

Status apply_packed_metadata(const Metadata& metadata, uint64_t header_bytes, Checkpoint& checkpoint) {
  const Source& source = *checkpoint.source;
  const auto find = [&](std::string_view key) -> std::string_view {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string_view() : found->second;
  };
  const std::string_view version = find(kPackedVersionKey), quantization = find(kPackedQuantizationKey);
  if (!version.empty()) {
    uint64_t number = 0, eps = 0;
    if (!read_number(version, number) || !read_number(find(kPackedEpsKey), eps) || eps > kOne)
      return bad_file(source, "expected a version and an eps in the metadata of a packed file");
    if (number != kPackedVersion) {
      const bool is_newer = number > kPackedVersion;
      return unsupported(source, "a packed file of format " + std::to_string(number) + ", written by " +
                                     (is_newer ? "a newer" : "an older") +
                                     " rwkv-wasm; this one reads format " + std::to_string(kPackedVersion) +
                                     (is_newer ? "" : ": convert the original model again"));
    }
    checkpoint.format = "rwkv-wasm";
    checkpoint.packed_as = printable(quantization);
    const std::string_view sampling = find(kPackedSamplingKey);
    if (!is_sampling(sampling))
      return bad_file(source,
                      "expected words where the metadata says how to sample, found " + printable(sampling));
    checkpoint.sampling = sampling;
    checkpoint.group_norm_eps = std::bit_cast<float>(uint32_t(eps));
  }
  // Both its entries, so that no single letter of the header turns the checksums off.
  const std::string_view pieces = find(kPackedPieceKey);
  if (!pieces.empty() || checkpoint.tensors.contains(kPackedChecksumsKey))
    if (pieces != std::to_string(kPieceOfTensor) || !take_checksums(header_bytes, checkpoint))
      return bad_file(source, "expected a checksum of each " + std::to_string(kPieceOfTensor) +
                                  " bytes of a tensor, found others; whoever changes a file takes " +
                                  kPackedChecksumsKey + " and " + kPackedPieceKey + " out of it");
  if (const std::string_view text = find(kPackedVocabularyKey); !text.empty()) {
    const auto found = checkpoint.tensors.find(kPackedVocabularyKey);
    std::string_view rest = text;
    EmbeddedVocabulary& vocabulary = checkpoint.vocabulary;
    vocabulary.kind = take_word(rest);
    if (found == checkpoint.tensors.end() || !is_word(vocabulary.kind) ||
        !read_number(rest, vocabulary.count) || vocabulary.count > found->second.bytes / 8)
      return bad_file(source, "expected a vocabulary where the metadata says " + printable(text));
    vocabulary.offset = found->second.offset, vocabulary.bytes = found->second.bytes;
    checkpoint.tensors.erase(found);
  }
  for (auto next = checkpoint.tensors.begin(); next != checkpoint.tensors.end();) {
    const auto found = next++;
    auto& [name, tensor] = *found;
    if (tensor.dtype != DType::kU8) continue;
    const std::string_view text = find(name);
    if (text.empty()) {
      checkpoint.set_aside(name, "U8");
      checkpoint.tensors.erase(found);
    } else if (!describe(text, tensor)) {
      return bad_file(source, printable(name) + ": " + std::to_string(tensor.bytes) + " bytes are not " +
                                  printable(text));
    }
  }
  return Done{};
}

}  // namespace rwkv
