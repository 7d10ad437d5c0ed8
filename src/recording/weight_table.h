// The weights of a model by number: in the order in which a pass meets them first.
#pragma once

#include <map>
#include <vector>

#include "model/model.h"
#include "recording/operations.h"

namespace rwkv {

struct Weight {
  // A matrix lies in packed groups (quant/table.h), an embedding row by row in a type of files (quant/dtype.h),
  // a vector (1, C) as f32.
  enum class Kind : uint8_t { kVector, kMatrix, kEmbedding } kind;
  DType dtype;  // a packed type of a matrix
  int rows, cols;
  uint64_t bytes;
  const std::byte* place;  // where its content lies or would lie: what it is known by
  bool has_content;        // whether it lies there
};

class WeightTable {
 public:
  // Of a weight, which has one from now on; kNone of an empty one.
  uint32_t id(const Vector& weight) {
    if (weight.empty()) return kNone;
    return id({Weight::Kind::kVector, DType::kF32, 1, int(weight.size()), weight.size() * sizeof(float),
               reinterpret_cast<const std::byte*>(weight.data()), true});
  }
  uint32_t id(const Matrix& weight) {
    return id({Weight::Kind::kMatrix, packed_type(weight.format), weight.rows, weight.cols,
               number_format(weight.format).bytes(weight.rows, weight.cols), weight.data.as<std::byte>(),
               weight.data.bytes() > 0});
  }
  // (rows, cols).
  uint32_t id(const Embedding& weight, int rows, int cols) {
    return id({Weight::Kind::kEmbedding, weight.dtype, rows, cols,
               uint64_t(rows) * bytes_of(weight.dtype, uint64_t(cols)), weight.data.as<std::byte>(),
               weight.data.bytes() > 0});
  }

  const std::vector<Weight>& weights() const { return weights_; }
  // Of the weight whose content lies there; kNone: there is none.
  uint32_t find(const void* place) const {
    const auto found = ids_.find(place);
    return found == ids_.end() ? kNone : found->second;
  }

 private:
  uint32_t id(const Weight& weight);

  std::vector<Weight> weights_;
  std::map<const void*, uint32_t> ids_;
};

}  // namespace rwkv
