#include "model/weight_reader.h"

#include "formats/views.h"
#include "room.h"

namespace rwkv {
namespace {

Shape squeeze(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

}  // namespace

WeightReader::WeightReader(const Checkpoint& checkpoint, Quantization quantization, LoadProgress progress)
    : checkpoint_(checkpoint), quantization_(quantization), tensors_(checkpoint, std::move(progress)) {}

bool WeightReader::accept(const Status& status) {
  if (!status && !error_) error_ = status.error();
  return status.ok();
}

void WeightReader::fail(ErrorKind kind, const std::string& what) {
  if (!error_) error_ = Error{kind, checkpoint_.source->name() + ": " + what};
}

bool WeightReader::has_room_for(uint64_t bytes) {
  if (has_room(bytes + kSmallBytes)) return true;
  fail(ErrorKind::kOutOfMemory, "not enough memory for " + std::to_string(bytes) + " bytes more, after " +
                                    std::to_string(bytes_) + " bytes of weights");
  return false;
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
    fail(ErrorKind::kBadModel,
         full_name + ": " + checkpoint_.why_not(full_name) + ", expected " + to_string(shape));
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
  const std::string full_name = prefix_ + std::string(name);
  if (!tensor) fail(ErrorKind::kBadModel, full_name + ": " + checkpoint_.why_not(full_name));
  else if (dimension >= tensor->shape.size() || tensor->shape[dimension] > (1 << 20))
    fail(ErrorKind::kBadModel, tensor->name + ": unexpected shape " + to_string(tensor->shape));
  return error_ ? 0 : int(tensor->shape[dimension]);
}

void WeightReader::keep(PlannedTensor::Kind kind, const Tensor& tensor, DType dtype, uint64_t bytes) {
  bytes_ += bytes;
  if (plan_only_) planned_.push_back({kind, tensor.name, tensor.shape, dtype, bytes});
}

void WeightReader::read_later(Content content) {
  contents_.push_back(std::move(content));
  while (!deferred_ && is_behind()) catch_up();
}

std::byte* WeightReader::make_piece(const Content& content, uint64_t bytes) {
  piece_ = {};  // never both
  piece_ = {content.place, content.bytes_of(content.next), Buffer(size_t(bytes))};
  if (!piece_.bytes) accept(no_room(bytes, checkpoint_.source->name()));
  return piece_.bytes.as<std::byte>();
}

void WeightReader::catch_up() {
  uint64_t budget = part_bytes_;
  while (!error_ && !contents_.empty() && budget > 0) {
    Content& content = contents_.front();
    const uint64_t count = std::min(content.stripe, content.count - content.next);
    std::byte* const out = hands_over() ? (this->*make_piece_)(content, content.bytes_of(count))
                                        : content.place + content.bytes_of(content.next);
    if (!out || !accept(content.read(*this, content.next, count, out))) break;
    content.next += count;
    budget -= hands_over() ? budget : std::min(budget, part_bytes_ * count / content.stripe);
    if (content.next == content.count) contents_.pop_front();
  }
  if (error_) contents_.clear(), piece_.place = nullptr;
}

void WeightReader::fill(const Tensor& tensor, std::byte* place, uint64_t bytes, CountNotFinite look,
                        bool* is_spoilt) {
  const uint64_t stripe = (part_bytes_ + 63) / 64 * 64;  // of whole numbers
  read_later(
      {bytes, stripe, place, 1, 1,
       [=, not_finite = size_t{0}](WeightReader& in, uint64_t first, uint64_t count, std::byte* out) mutable {
         const std::span<std::byte> part{out, size_t(count)};
         const Status status = in.tensors_.read(tensor, first, part);
         if (status && look) not_finite += look(part), *is_spoilt = not_finite > 0;
         if (first + count == bytes) in.warn_of(tensor, not_finite);
         return status;
       }});
}

void WeightReader::fill_rows(const Tensor& tensor, std::byte* place, uint64_t unit, uint64_t unit_bytes,
                             EncodeRows encode) {
  const uint64_t rows = uint64_t(tensor.shape[0]);
  const uint64_t fitting = part_bytes_ / std::max<uint64_t>(tensor.bytes / std::max<uint64_t>(rows, 1), 1);
  // Elements in another order need all of the tensor.
  const uint64_t stripe = tensor.strides.empty() ? std::max<uint64_t>(fitting / kGroup, 1) * kGroup : rows;
  read_later({rows, stripe, place, unit, unit_bytes,
              [=, encode = std::move(encode), not_finite = size_t{0}](
                  WeightReader& in, uint64_t first, uint64_t count, std::byte* out) mutable {
                const bool is_all = count == uint64_t(tensor.shape[0]);
                const Tensor part = is_all ? tensor : rows_of(tensor, first, count);
                const Status status = in.tensors_.each_rows(part, [&](int row, int count, float* values) {
                  not_finite +=
                      encode(int(first) + row, count, values, out + uint64_t(row) / unit * unit_bytes);
                });
                if (first + count == uint64_t(tensor.shape[0])) in.warn_of(tensor, not_finite);
                return status;
              }});
}

Vector WeightReader::vector(std::string_view name, const Shape& shape) {
  const std::optional<Tensor> tensor = expect(name, shape);
  if (tensor && is_packed(tensor->dtype))
    fail(ErrorKind::kBadModel, tensor->name + ": expected no packed matrix");
  if (error_) return {};
  keep(PlannedTensor::Kind::kVector, *tensor, DType::kF32, tensor->count() * sizeof(float));
  if (plan_only_) return {};
  Result<Vector> values = tensors_.values(*tensor);
  if (!values) return accept(values.error()), Vector{};
  warn_of(*tensor, count_not_finite(*values));
  return std::move(*values);
}

Norm WeightReader::norm(std::string_view name, int width) {
  const std::string stem(name);
  Vector weight = vector(stem + ".weight", {width});
  return {std::move(weight), vector(stem + ".bias", {width})};
}

WeightReader::Update WeightReader::read_update(std::string_view matrix, int rows, int cols) {
  std::string name(matrix.substr(0, matrix.rfind('.')));
  name += ".lora_B";
  if (!has(name)) return {};
  const uint64_t before = bytes_;
  const int rank = size_of(name, 1);
  Update update{{}, vector(name, {rows, rank})};
  name.back() = 'A';
  update.A = vector(name, {rank, cols});
  bytes_ = before;  // they go as soon as the matrix is packed
  return update;
}

Matrix WeightReader::pack(PlannedTensor::Kind kind, const Tensor& tensor, const Tensor& view,
                          Quantization format, Update update) {
  const int rows = int(view.shape[0]), cols = int(view.shape[1]);
  // A packed file has done this work already; what it holds may be finer than `format`.
  const bool is_ours = is_packed(tensor.dtype) && checkpoint_.packed_as == quantization_name(quantization_);
  if (is_packed(tensor.dtype) && !view.strides.empty())
    fail(ErrorKind::kBadModel, tensor.name + ": is packed the other way round");
  if (is_ours) format = format_of(tensor.dtype);
  const uint64_t bytes = number_format(format).bytes(rows, cols);
  keep(kind, tensor, packed_type(format), bytes);
  if (plan_only_) return {};
  if (error_ || !has_room_for(hands_over() ? 0 : bytes)) return {};
  Matrix matrix = make_matrix(format, rows, cols, !hands_over());
  std::byte* const place = matrix.data.as<std::byte>();

  if (is_ours && update.A.empty()) {
    fill(tensor, place, bytes, number_format(format).count_not_finite, matrix.is_spoilt.get());
  } else {
    const bool were_quantized = update.A.empty() && block_size(tensor.dtype).elements > 1;
    auto encode = [is_spoilt = matrix.is_spoilt.get(), format, cols, were_quantized,
                   update = std::move(update)](int row, int count, float* values, std::byte* out) mutable {
      const int rank = int(update.A.size()) / cols;
      for (int r = 0; r < count && rank > 0; ++r)
        add_matmul_each({&update.B[size_t(row + r) * rank], 1, rank}, {update.A.data(), 1, rank * cols},
                        {values + size_t(r) * cols, 1, cols});
      Matrix group = make_matrix(format, kGroup, cols);
      const size_t not_finite = pack_group(group, 0, values, were_quantized);
      if (is_spoilt && *group.is_spoilt) *is_spoilt = true;
      std::copy_n(group.data.as<std::byte>(), group.data.bytes(), out);
      return not_finite;
    };
    fill_rows(view, place, kGroup, number_format(format).group_bytes(cols), std::move(encode));
  }
  return error_ ? Matrix{} : std::move(matrix);
}

Matrix WeightReader::matrix(std::string_view name, int rows, int cols) {
  const std::optional<Tensor> tensor = expect(name, {rows, cols});
  if (!tensor) return {};
  return pack(PlannedTensor::Kind::kMatrix, *tensor, *tensor, format_for(quantization_, cols),
              read_update(name, rows, cols));
}

Matrix WeightReader::transposed(std::string_view name, int rows, int cols) {
  const std::optional<Tensor> tensor = expect(name, {cols, rows});
  if (!tensor) return {};
  Tensor view = rwkv::transposed(*tensor);
  return pack(PlannedTensor::Kind::kTransposed, *tensor, view, low_rank_format(cols));
}

Matrix WeightReader::transposed(const Vector& values, int i, int rows, int cols) {
  if (error_) return {};
  const Quantization format = low_rank_format(cols);
  const uint64_t bytes = number_format(format).bytes(rows, cols);
  bytes_ += bytes;
  if (plan_only_) return {};
  const uint64_t group_bytes = 2 * sizeof(float) * kGroup * uint64_t(cols);
  if (!has_room_for(bytes + group_bytes)) return {};
  Matrix matrix = make_matrix(format, rows, cols);
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
  // Devices read single numbers and Q8_0.
  const bool is_readable =
      !hands_over() || block_size(tensor->dtype).elements == 1 || tensor->dtype == DType::kQ8_0;
  const bool is_plain = !is_packed(tensor->dtype) && tensor->strides.empty() &&
                        tensor->stored == Stored::kValue && tensor->scale == 1 && is_readable;
  const DType own = is_plain ? tensor->dtype : DType::kF32;
  const DType wanted = number_format(quantization_).embedding;
  const DType ours = uint64_t(cols) % block_size(wanted).elements ? DType::kF16 : wanted;
  const auto bytes_of_row = [&](DType dtype) { return bytes_of(dtype, uint64_t(cols)); };
  const DType dtype = bytes_of_row(ours) < bytes_of_row(own) ? ours : own;
  const uint64_t row_bytes = bytes_of_row(dtype), total = row_bytes * uint64_t(rows);
  keep(PlannedTensor::Kind::kEmbedding, *tensor, dtype, total);
  if (plan_only_) return {};
  if (!has_room_for(hands_over() ? 0 : total)) return {};
  Embedding embedding{dtype, Buffer(hands_over() ? 0 : size_t(total))};
  std::byte* const place = embedding.data.as<std::byte>();

  if (dtype == own && is_plain) {
    fill(*tensor, place, total);
  } else {
    fill_rows(*tensor, place, 1, row_bytes,
              [dtype, cols](int, int count, const float* values, std::byte* out) {
                const std::span<const float> used(values, size_t(count) * cols);
                encode(dtype, used, out);
                return count_not_finite(used);
              });
  }
  return error_ ? Embedding{} : std::move(embedding);
}

}  // namespace rwkv
