// A checkpoint some of whose tensors are others: what a model is loaded from, and converted, as if it were a
// file.
#pragma once

#include <memory>

#include "formats/checkpoint.h"
#include "quant/matrix.h"
#include "support.h"

namespace rwkv {

class ReplacedTensors final : public Source {
 public:
  // The original must outlive it.
  ReplacedTensors(const Checkpoint& original, Quantization packed_as)
      : Source(original.source->name()), original_(original), checkpoint_(original) {
    checkpoint_.source = this;
    checkpoint_.packed_as = quantization_name(packed_as);
  }

  const Checkpoint& checkpoint() const { return checkpoint_; }

  // A matrix in kernel layout.
  void replace(std::string_view name, const Matrix& matrix) {
    replace(name, packed_type(matrix.format), {matrix.rows, matrix.cols}, matrix.data.span());
  }
  // REQUIRES: there is a tensor of this name.
  void replace(std::string_view name, DType dtype, const Shape& shape, std::span<const std::byte> bytes) {
    checkpoint_.tensors.find(name)->second = {
        .name = std::string(name), .dtype = dtype, .shape = shape, .offset = size(), .bytes = bytes.size()};
    added_.insert(added_.end(), bytes.begin(), bytes.end());
  }

  uint64_t size() const override { return original_.source->size() + added_.size(); }
  Status read(uint64_t offset, std::span<std::byte> out) const override {
    const uint64_t end = original_.source->size();
    if (offset < end) return original_.source->read(offset, out);
    std::copy_n(added_.begin() + ptrdiff_t(offset - end), out.size(), out.begin());
    return Done{};
  }

 private:
  const Checkpoint& original_;
  Checkpoint checkpoint_;
  Bytes added_;
};

}  // namespace rwkv
