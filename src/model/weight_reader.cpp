#include "model/weight_reader.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "formats/views.h"

namespace rwkv {
namespace {

constexpr uint64_t kPieceBytes =
    4 << 20;  // read at once: browsers take twice as long for four single megabytes

Shape squeeze(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

uint64_t packed_bytes(Quantization format, int rows, int cols) {
  return uint64_t(rows + kGroup - 1) / kGroup * Matrix::group_bytes(format, cols);
}

// The values behind what the file stores.
void restore(const Tensor& tensor, std::span<float> values) {
  if (tensor.stored == Stored::kMinusExp)
    for (float& v : values) v = float(std::log(-double(v)));
  if (tensor.stored == Stored::kExpMinusExp)
    for (float& v : values) v = float(std::log(-std::log(double(v))));
  if (tensor.scale != 1)
    for (float& v : values) v *= tensor.scale;
}

// The first `count` elements from number `first` on, in row-major order, of the file's elements in `bytes`.
void gather(const Tensor& tensor, const std::byte* bytes, size_t element, uint64_t first, uint64_t count,
            std::byte* out) {
  const size_t rank = tensor.shape.size();
  std::vector<int64_t> index(rank);
  for (size_t i = rank; i-- > 0; first /= uint64_t(tensor.shape[i]))
    index[i] = int64_t(first % uint64_t(tensor.shape[i]));
  for (uint64_t n = 0; n < count; ++n, out += element) {
    uint64_t at = 0;
    for (size_t i = 0; i < rank; ++i) at += uint64_t(index[i] * tensor.strides[i]);
    std::copy_n(bytes + at * element, element, out);
    for (size_t i = rank; i-- > 0 && ++index[i] == tensor.shape[i];) index[i] = 0;
  }
}

}  // namespace

WeightReader::WeightReader(const Checkpoint& checkpoint, Quantization quantization, LoadProgress progress)
    : checkpoint_(checkpoint), quantization_(quantization), progress_(std::move(progress)) {
  for (const auto& [name, tensor] : checkpoint.tensors) total_ += tensor.bytes;
}

void WeightReader::fail(ErrorKind kind, const std::string& what) {
  if (!error_) error_ = Error{kind, checkpoint_.source->name() + ": " + what};
}

void WeightReader::fail_memory(uint64_t bytes) {
  fail(ErrorKind::kOutOfMemory, "not enough memory for " + std::to_string(bytes) + " bytes more, after " +
                                    std::to_string(bytes_) + " bytes of weights");
}

void WeightReader::warn_of(const Tensor& tensor, size_t not_finite) {
  if (not_finite > 0)
    warnings_.push_back(tensor.name + ": " + std::to_string(not_finite) +
                        (not_finite == 1 ? " value is not finite" : " values are not finite"));
}

const Tensor* WeightReader::find(std::string_view name) const {
  return checkpoint_.find(prefix_ + std::string(name));
}

std::optional<Tensor> WeightReader::expect(std::string_view name, const Shape& shape) {
  if (error_) return std::nullopt;
  const Tensor* tensor = find(name);
  const std::string full_name = prefix_ + std::string(name);
  if (!tensor) {
    fail(ErrorKind::kBadModel, full_name + ": missing, expected " + to_string(shape));
    return std::nullopt;
  }
  // Blocks and packed matrices go by rows: there every dimension counts.
  const bool by_rows = is_packed(tensor->dtype) || block_size(tensor->dtype).elements > 1;
  if (by_rows ? tensor->shape != shape : squeeze(tensor->shape) != squeeze(shape)) {
    fail(ErrorKind::kBadModel,
         full_name + ": expected " + to_string(shape) + ", file has " + to_string(tensor->shape));
    return std::nullopt;
  }
  Tensor view = *tensor;
  view.shape = shape;
  if (!view.strides.empty()) {
    view.strides.assign(shape.size(), 1);
    for (size_t to = 0, from = 0; to < shape.size(); ++to) {
      if (shape[to] == 1) continue;
      while (tensor->shape[from] == 1) ++from;
      view.strides[to] = tensor->strides[from++];
    }
  }
  return view;
}

int WeightReader::size_of(std::string_view name, size_t dimension) {
  const Tensor* tensor = find(name);
  if (!tensor) fail(ErrorKind::kBadModel, prefix_ + std::string(name) + ": missing");
  else if (dimension >= tensor->shape.size() || tensor->shape[dimension] > (1 << 20))
    fail(ErrorKind::kBadModel, tensor->name + ": unexpected shape " + to_string(tensor->shape));
  return error_ ? 0 : int(tensor->shape[dimension]);
}

bool WeightReader::read(const Tensor& tensor, uint64_t offset, std::span<std::byte> out) {
  if (const Status status = checkpoint_.source->read(tensor.offset + offset, out); !status) {
    if (!error_) error_ = status.error();
    return false;
  }
  loaded_ += out.size();
  if (progress_) progress_(loaded_, total_);
  return true;
}

template <class Take>
void WeightReader::each_piece(const Tensor& tensor, uint64_t unit, Take take) {
  const uint64_t most = std::max<uint64_t>(kPieceBytes / unit, 1) * unit;
  if (piece_.bytes() < std::min(most, tensor.bytes)) {
    piece_ = Buffer();  // before the next is made: never both
    if (most < SIZE_MAX / 2) piece_ = Buffer(size_t(std::min(most, tensor.bytes)));
    if (!piece_) return fail_memory(most);
  }
  for (uint64_t at = 0; at < tensor.bytes; at += most) {
    const auto bytes = piece_.span().first(size_t(std::min(most, tensor.bytes - at)));
    if (!read(tensor, at, bytes)) return;
    take(std::span<const std::byte>(bytes));
  }
}

void WeightReader::decode_strided(const Tensor& tensor, const std::byte* bytes, uint64_t first,
                                  std::span<float> out) {
  const BlockSize block = block_size(tensor.dtype);
  if (block.elements == 1) {
    std::vector<std::byte> in_order(out.size() * block.bytes);
    gather(tensor, bytes, block.bytes, first, out.size(), in_order.data());
    decode(tensor.dtype, in_order.data(), out);
  } else {  // only small tensors come turned and in blocks
    Vector values(size_t(tensor.bytes / block.bytes * block.elements));
    decode(tensor.dtype, bytes, values);
    gather(tensor, reinterpret_cast<const std::byte*>(values.data()), sizeof(float), first, out.size(),
           reinterpret_cast<std::byte*>(out.data()));
  }
}

template <class Take>
void WeightReader::each_rows(const Tensor& tensor, Take take) {
  const int rows = int(tensor.shape[0]), cols = int(tensor.shape[1]);
  std::vector<float> values(size_t(kGroup) * cols);
  const auto hand_over = [&](int row, auto decode_rows) {
    const int count = std::min(rows - row, kGroup);
    const std::span<float> used(values.data(), size_t(count) * cols);
    std::fill(values.begin() + ptrdiff_t(used.size()), values.end(), 0.0f);
    decode_rows(used);
    restore(tensor, used);
    take(row, count, values.data());
  };
  if (is_packed(tensor.dtype)) {
    Matrix group = make_matrix(format_of(tensor.dtype), kGroup, cols);
    if (group.empty()) return fail_memory(Matrix::group_bytes(format_of(tensor.dtype), cols));
    const size_t group_bytes = group.data.bytes();
    int row = 0;
    each_piece(tensor, group_bytes, [&](std::span<const std::byte> bytes) {
      for (; !bytes.empty(); bytes = bytes.subspan(group_bytes), row += kGroup) {
        std::copy_n(bytes.data(), group_bytes, group.data.as<std::byte>());
        unpack_group(group, 0, values.data());
        take(row, std::min(rows - row, kGroup), values.data());
      }
    });
  } else if (!tensor.strides.empty()) {
    each_piece(tensor, std::max<uint64_t>(tensor.bytes, 1), [&](std::span<const std::byte> bytes) {
      for (int row = 0; row < rows; row += kGroup)
        hand_over(row, [&](std::span<float> out) {
          decode_strided(tensor, bytes.data(), uint64_t(row) * cols, out);
        });
    });
  } else {
    const uint64_t row_bytes = bytes_of(tensor.dtype, uint64_t(cols));
    int row = 0;
    each_piece(tensor, row_bytes * kGroup, [&](std::span<const std::byte> bytes) {
      for (size_t at = 0; at < bytes.size(); at += size_t(row_bytes) * kGroup, row += kGroup)
        hand_over(row, [&](std::span<float> out) { decode(tensor.dtype, bytes.data() + at, out); });
    });
  }
}

void WeightReader::keep(PlannedTensor::Kind kind, const Tensor& tensor, DType dtype, uint64_t bytes) {
  bytes_ += bytes;
  if (plan_only_) planned_.push_back({kind, tensor.name, tensor.shape, dtype, bytes});
}

Vector WeightReader::vector(std::string_view name, const Shape& shape) {
  const std::optional<Tensor> tensor = expect(name, shape);
  if (tensor && is_packed(tensor->dtype))
    fail(ErrorKind::kBadModel, tensor->name + ": expected no packed matrix");
  if (error_) return {};
  const uint64_t count = tensor->count();
  keep(PlannedTensor::Kind::kVector, *tensor, DType::kF32, count * sizeof(float));
  if (plan_only_) return {};
  Vector values(size_t(count), 0.0f);
  each_piece(*tensor, std::max<uint64_t>(tensor->bytes, 1), [&](std::span<const std::byte> bytes) {
    if (tensor->strides.empty()) decode(tensor->dtype, bytes.data(), values);
    else decode_strided(*tensor, bytes.data(), 0, values);
  });
  restore(*tensor, values);
  warn_of(*tensor, count_not_finite(values));
  return error_ ? Vector{} : values;
}

Norm WeightReader::norm(std::string_view name, int width) {
  const std::string stem(name);
  Vector weight = vector(stem + ".weight", {width});
  return {std::move(weight), vector(stem + ".bias", {width})};
}

Matrix WeightReader::pack(PlannedTensor::Kind kind, const Tensor& tensor, const Tensor& view,
                          Quantization format) {
  const int rows = int(view.shape[0]), cols = int(view.shape[1]);
  // A packed file has done this work already; what it holds may be finer than `format`.
  const bool is_ready = is_packed(tensor.dtype) && checkpoint_.packed_as == quantization_name(quantization_);
  if (is_packed(tensor.dtype) && !view.strides.empty())
    fail(ErrorKind::kBadModel, tensor.name + ": is packed the other way round");
  if (is_ready) format = format_of(tensor.dtype);
  keep(kind, tensor, packed_type(format), packed_bytes(format, rows, cols));
  if (plan_only_) return {};
  Matrix matrix = make_matrix(format, rows, cols);
  if (matrix.empty()) fail_memory(packed_bytes(format, rows, cols));
  if (error_) return {};

  if (is_ready) {
    read(tensor, 0, matrix.data.span());
  } else {
    size_t not_finite = 0;
    each_rows(view, [&](int row, int, const float* values) {
      not_finite += pack_group(matrix, row / kGroup, values);
    });
    warn_of(tensor, not_finite);
  }
  return error_ ? Matrix{} : std::move(matrix);
}

Matrix WeightReader::matrix(std::string_view name, int rows, int cols) {
  const std::optional<Tensor> tensor = expect(name, {rows, cols});
  if (!tensor) return {};
  return pack(PlannedTensor::Kind::kMatrix, *tensor, *tensor, format_for(quantization_, cols));
}

Matrix WeightReader::transposed(std::string_view name, int rows, int cols) {
  const std::optional<Tensor> tensor = expect(name, {cols, rows});
  if (!tensor) return {};
  Tensor view = rwkv::transposed(*tensor);
  return pack(PlannedTensor::Kind::kTransposed, *tensor, view, unquantised());
}

Matrix WeightReader::transposed(const Vector& values, int i, int rows, int cols) {
  if (error_) return {};
  bytes_ += packed_bytes(unquantised(), rows, cols);
  if (plan_only_) return {};
  Matrix matrix = make_matrix(unquantised(), rows, cols);
  if (matrix.empty()) return fail_memory(packed_bytes(unquantised(), rows, cols)), Matrix{};
  const float* from = values.data() + size_t(i) * rows * cols;
  std::vector<float> group(size_t(kGroup) * cols);
  for (int row = 0; row < rows; row += kGroup) {
    for (int r = 0; r < kGroup; ++r)
      for (int k = 0; k < cols; ++k)
        group[size_t(r) * cols + k] = row + r < rows ? from[size_t(k) * rows + row + r] : 0.0f;
    pack_group(matrix, row / kGroup, group.data());
  }
  return matrix;
}

Embedding WeightReader::embedding(std::string_view name, int rows, int cols) {
  const std::optional<Tensor> tensor = expect(name, {rows, cols});
  if (!tensor) return {};
  const bool is_plain = !is_packed(tensor->dtype) && tensor->strides.empty() &&
                        tensor->stored == Stored::kValue && tensor->scale == 1;
  const DType own = is_plain ? tensor->dtype : DType::kF32;
  const bool in_blocks = block_size(own).elements > 1;
  DType dtype = own;
  if (quantization_ > Quantization::kF16 && !in_blocks && cols % kBlock == 0) dtype = DType::kQ8_0;
  else if (quantization_ != Quantization::kF32 && own == DType::kF32) dtype = DType::kF16;
  const uint64_t row_bytes = bytes_of(dtype, uint64_t(cols)), total = row_bytes * uint64_t(rows);
  keep(PlannedTensor::Kind::kEmbedding, *tensor, dtype, total);
  if (plan_only_) return {};
  Embedding embedding{dtype, {}};
  if (total < SIZE_MAX / 2) embedding.data = Buffer(size_t(total));
  if (!embedding.data) return fail_memory(total), Embedding{};

  if (dtype == own && is_plain) {
    read(*tensor, 0, embedding.data.span());
  } else {
    size_t not_finite = 0;
    each_rows(*tensor, [&](int row, int count, const float* values) {
      const std::span<const float> used(values, size_t(count) * cols);
      not_finite += count_not_finite(used);
      encode(dtype, used, embedding.data.as<std::byte>() + row_bytes * uint64_t(row));
    });
    warn_of(*tensor, not_finite);
  }
  return error_ ? Embedding{} : std::move(embedding);
}

}  // namespace rwkv
