#include "model/weight_reader.h"

#include <algorithm>

namespace rwkv {
namespace {

Shape squeeze(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

}  // namespace

WeightReader::WeightReader(const Checkpoint& checkpoint, Quantization quantization,
                           const LoadProgress& progress)
    : checkpoint_(checkpoint), quantization_(quantization), progress_(progress) {
  for (const auto& [name, tensor] : checkpoint.tensors) total_ += tensor.bytes;
}

void WeightReader::fail(ErrorKind kind, const std::string& what) {
  if (!error_) error_ = Error{kind, checkpoint_.source->name() + ": " + what};
}

void WeightReader::fail_memory(uint64_t bytes) {
  fail(ErrorKind::kOutOfMemory, "not enough memory for " + std::to_string(bytes) + " bytes more, after " +
                                    std::to_string(bytes_) + " bytes of weights");
}

const Tensor* WeightReader::find(std::string_view name) const {
  return checkpoint_.find(prefix_ + std::string(name));
}

const Tensor* WeightReader::expect(std::string_view name, const Shape& shape) {
  if (error_) return nullptr;
  const Tensor* tensor = find(name);
  const std::string full_name = prefix_ + std::string(name);
  if (!tensor) {
    fail(ErrorKind::kBadModel, full_name + ": missing, expected " + to_string(shape));
  } else if (squeeze(tensor->shape) != squeeze(shape)) {
    fail(ErrorKind::kBadModel,
         full_name + ": expected " + to_string(shape) + ", file has " + to_string(tensor->shape));
  } else {
    return tensor;
  }
  return nullptr;
}

int WeightReader::size_of(std::string_view name, size_t dimension) {
  const Tensor* tensor = find(name);
  if (!tensor) fail(ErrorKind::kBadModel, prefix_ + std::string(name) + ": missing");
  else if (dimension >= tensor->shape.size() || tensor->shape[dimension] > (1 << 20))
    fail(ErrorKind::kBadModel, tensor->name + ": unexpected shape " + to_string(tensor->shape));
  return error_ ? 0 : int(tensor->shape[dimension]);
}

std::span<const std::byte> WeightReader::read(const Tensor& tensor) {
  const auto bytes = checkpoint_.read(tensor, file_bytes_);
  if (!bytes) {
    if (!error_) error_ = bytes.error();
    return {};
  }
  loaded_ += tensor.bytes;
  if (progress_) progress_(loaded_, total_);
  return *bytes;
}

Vector WeightReader::vector(std::string_view name, const Shape& shape) {
  const Tensor* tensor = expect(name, shape);
  if (!tensor) return {};
  const auto bytes = read(*tensor);
  if (error_) return {};
  Vector values(size_t(tensor->count()));
  decode(tensor->dtype, bytes.data(), values);
  bytes_ += values.size() * sizeof(float);
  return values;
}

Norm WeightReader::norm(std::string_view name, int width) {
  const std::string stem(name);
  Vector weight = vector(stem + ".weight", {width});
  return {std::move(weight), vector(stem + ".bias", {width})};
}

Matrix WeightReader::make(Quantization format, int rows, int cols) {
  Matrix matrix = make_matrix(format, rows, cols);
  if (matrix.empty()) fail_memory(uint64_t(rows) * Matrix::group_bytes(format, cols) / kGroup);
  bytes_ += matrix.data.bytes();
  return matrix;
}

Matrix WeightReader::matrix(std::string_view name, int rows, int cols) {
  const Tensor* tensor = expect(name, {rows, cols});
  if (!tensor) return {};
  Matrix matrix = make(format_for(quantization_, cols), rows, cols);
  if (error_) return {};
  const auto bytes = read(*tensor);
  if (error_) return {};

  std::vector<float> group(size_t(kGroup) * cols);
  const uint64_t row_bytes = bytes_of(tensor->dtype, cols);
  for (int row = 0; row < rows; row += kGroup) {
    const int count = std::min(rows - row, kGroup);
    std::fill(group.begin() + size_t(count) * cols, group.end(), 0.0f);
    decode(tensor->dtype, bytes.data() + row_bytes * row, {group.data(), size_t(count) * cols});
    pack_group(matrix, row / kGroup, group.data());
  }
  return matrix;
}

Matrix WeightReader::transposed(const float* values, int rows, int cols) {
  if (error_) return {};
  Matrix matrix =
      make(quantization_ == Quantization::kF32 ? Quantization::kF32 : Quantization::kF16, rows, cols);
  if (error_) return {};
  std::vector<float> group(size_t(kGroup) * cols);
  for (int row = 0; row < rows; row += kGroup) {
    for (int r = 0; r < kGroup; ++r)
      for (int k = 0; k < cols; ++k)
        group[size_t(r) * cols + k] = row + r < rows ? values[size_t(k) * rows + row + r] : 0.0f;
    pack_group(matrix, row / kGroup, group.data());
  }
  return matrix;
}

Matrix WeightReader::transposed(std::string_view name, int rows, int cols) {
  const Vector values = vector(name, {cols, rows});
  bytes_ -= values.size() * sizeof(float);  // it does not stay
  return transposed(values.data(), rows, cols);
}

// As in the file, so nothing is lost; only f32 is halved where the model is quantised anyway.
Embedding WeightReader::embedding(std::string_view name, int rows, int cols) {
  const Tensor* tensor = expect(name, {rows, cols});
  if (!tensor) return {};
  const bool halve = tensor->dtype == DType::kF32 && quantization_ != Quantization::kF32;
  Embedding embedding{halve ? DType::kF16 : tensor->dtype, {}};
  const uint64_t row_bytes = bytes_of(embedding.dtype, cols), total = row_bytes * rows;
  if (total < SIZE_MAX / 2) embedding.data = Buffer(size_t(total));
  if (!embedding.data) return fail_memory(total), Embedding{};
  bytes_ += total;
  const auto bytes = read(*tensor);
  if (error_) return {};
  if (!halve) {
    std::copy(bytes.begin(), bytes.end(), embedding.data.as<std::byte>());
  } else {
    Vector row(cols);
    for (int r = 0; r < rows; ++r) {
      decode(DType::kF32, bytes.data() + size_t(r) * cols * sizeof(float), row);
      encode(DType::kF16, row, embedding.data.as<std::byte>() + row_bytes * r);
    }
  }
  return embedding;
}

}  // namespace rwkv
