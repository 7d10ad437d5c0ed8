#include "formats/tensor_file.h"

#include <cstring>

#include "formats/containers/safetensors_header.h"
#include "room.h"

namespace rwkv {
namespace {

// Names come from files: quotes and what else JSON has no place for in a string.
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (uint8_t(c) < 0x20) {
      text.append("\\u00").append(1, "01"[uint8_t(c) >> 4]).append(1, "0123456789abcdef"[c & 15]);
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

Result<Buffer> copy_of(std::string_view text) {
  Buffer copy(text.size());
  if (!copy) return no_room(text.size(), "a file to write");
  std::memcpy(copy.as<char>(), text.data(), text.size());
  return copy;
}

}  // namespace

uint64_t bytes_of(const TensorToWrite& tensor) {
  uint64_t bytes = sizeof(float);
  for (const int64_t size : tensor.shape) bytes *= uint64_t(size);
  return bytes;
}

TensorFileFrame safetensors_frame(const std::vector<TensorToWrite>& tensors) {
  std::string entries = "\"__metadata__\":{\"format\":\"pt\"},";
  uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors)
    entries += safetensors_entry(escaped(tensor.name), "F32", tensor.shape, bytes_of(tensor), offset);
  std::vector<std::string> texts(tensors.size() + 1);
  texts[0] = safetensors_header(std::move(entries));
  return {std::move(texts)};
}

TensorFile::TensorFile(std::vector<TensorToWrite> tensors, TensorFileFrame frame)
    : tensors_(std::move(tensors)), frame_(std::move(frame)) {
  for (const std::string& text : frame_.texts) bytes_ += text.size();
  for (const TensorToWrite& tensor : tensors_) bytes_ += bytes_of(tensor);
}

Result<TensorFile> TensorFile::start(std::vector<TensorToWrite> tensors, TensorFileFormat format) {
  if (format == TensorFileFormat::kSafetensors) {
    TensorFileFrame frame = safetensors_frame(tensors);
    return TensorFile(std::move(tensors), std::move(frame));
  }
  constexpr size_t kMostEntries = 65'535, kOthers = 3;
  TensorFileFrame frame = torch_frame(tensors);
  TensorFile file(std::move(tensors), std::move(frame));
  if (file.bytes_ > UINT32_MAX || file.tensors_.size() > kMostEntries - kOthers)
    return Error{ErrorKind::kUnsupported, "a .pth of " + std::to_string(file.bytes_) + " bytes and " +
                                              std::to_string(file.tensors_.size()) +
                                              " tensors is too large: write safetensors"};
  return file;
}

Result<Buffer> TensorFile::read(size_t tensor) {
  Result<Buffer> values = tensors_[tensor].read();
  if (!values || frame_.checksums.empty()) return values;
  const uint32_t checksum = crc32(values->span());
  const auto [behind, in_last] = frame_.checksums[tensor];
  std::memcpy(&frame_.texts[tensor + 1][behind], &checksum, sizeof checksum);
  std::memcpy(&frame_.texts.back()[in_last], &checksum, sizeof checksum);
  return values;
}

Result<Buffer> TensorFile::next() {
  while (next_ < 2 * tensors_.size() + 1) {
    const size_t turn = next_++;
    Result<Buffer> piece = turn % 2 ? read(turn / 2) : copy_of(frame_.texts[turn / 2]);
    if (!piece || piece->bytes() > 0) return piece;
  }
  return Buffer(0);
}

}  // namespace rwkv
