// Tensors as a file, piece by piece: .safetensors, or .pth as torch.save writes it (pth.cpp and safetensors.cpp
// read both, and tell what is in them). All values are F32.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "result.h"
#include "tensor.h"

namespace rwkv {

enum class TensorFileFormat : uint8_t { kSafetensors, kPth };

struct TensorToWrite {
  std::string name;
  Shape shape;
  std::function<Result<Buffer>()> read;  // gives its values, row-major, when their turn comes
};

// What stands around the tensors of a file.
struct TensorFileFrame {
  std::vector<std::string> texts;  // before each tensor, and behind the last
  // Where a tensor's CRC-32 belongs once it is known: in the text behind it, and in the last one. Empty: nowhere.
  struct ChecksumPlaces {
    size_t behind, in_last;
  };
  std::vector<ChecksumPlaces> checksums = {};
};
TensorFileFrame safetensors_frame(const std::vector<TensorToWrite>& tensors);
TensorFileFrame torch_frame(const std::vector<TensorToWrite>& tensors);  // torch_frame.cpp
uint32_t crc32(std::span<const std::byte> bytes);

uint64_t bytes_of(const TensorToWrite& tensor);

class TensorFile {
 public:
  // Errors: kUnsupported (a .pth that a zip without 64-bit sizes cannot hold: 4 GB, 65,535 entries).
  static Result<TensorFile> start(std::vector<TensorToWrite> tensors, TensorFileFormat format);

  // Of the whole file.
  uint64_t bytes() const { return bytes_; }
  // The next piece; of no bytes after the last. Errors: those of reading the tensors, kOutOfMemory.
  Result<Buffer> next();

 private:
  TensorFile(std::vector<TensorToWrite> tensors, TensorFileFrame frame);
  Result<Buffer> read(size_t tensor);

  std::vector<TensorToWrite> tensors_;
  TensorFileFrame frame_;
  uint64_t bytes_ = 0;
  size_t next_ = 0;  // 2 i: the text before tensor i; 2 i + 1: tensor i
};

}  // namespace rwkv
