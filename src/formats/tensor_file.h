// Tensors as a file, piece by piece: .safetensors, or .pth as torch.save writes it (pth.cpp and safetensors.cpp
// read both, and tell what is in them). All values are F32.
#pragma once

#include <functional>
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

class TensorFile {
 public:
  // Errors: kUnsupported (a .pth that a zip without 64-bit sizes cannot hold: 4 GB, 65,535 entries).
  static Result<TensorFile> start(std::vector<TensorToWrite> tensors, TensorFileFormat format);

  // Of the whole file.
  uint64_t bytes() const { return bytes_; }
  // The next piece; of no bytes after the last. Errors: those of reading the tensors, kOutOfMemory.
  Result<Buffer> next();

 private:
  Result<Buffer> read(size_t tensor);

  std::vector<TensorToWrite> tensors_;
  // What stands before each tensor and, the last, behind them all.
  std::vector<std::string> between_;
  // Where a tensor's checksum belongs, as soon as it is known: in the text behind it, and in the last one. Of .pth.
  struct ChecksumPlaces {
    size_t behind, in_last;
  };
  std::vector<ChecksumPlaces> checksums_;
  uint64_t bytes_ = 0;
  size_t next_ = 0;  // 2 i: between_[i]; 2 i + 1: tensor i

  friend class TorchZip;
};

}  // namespace rwkv
