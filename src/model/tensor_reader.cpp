#include "model/tensor_reader.h"

#include <algorithm>
#include <cmath>

#include "formats/containers/bytes.h"
#include "room.h"

namespace rwkv {
namespace {

// Read at once: browsers take twice as long for four single megabytes.
constexpr uint64_t kPieceBytes = 4 << 20;
// Of a file with checksums, which cost half as much while the bytes are in a core's cache.
constexpr size_t kVerifiedBytes = 256 << 10;

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

TensorReader::TensorReader(const Checkpoint& checkpoint, LoadProgress progress)
    : checkpoint_(checkpoint), progress_(std::move(progress)), verifier_(checkpoint) {
  for (const auto& [name, tensor] : checkpoint.tensors) total_ += tensor.bytes;
}

Status TensorReader::read_piece(const Tensor& tensor, uint64_t offset, std::span<std::byte> out) {
  const size_t most = checkpoint_.checksums.ranges.empty() ? out.size() : kVerifiedBytes;
  for (size_t done = 0; done < out.size(); done += most) {
    const uint64_t at = tensor.offset + offset + done;
    const auto part = out.subspan(done, std::min(most, out.size() - done));
    if (Status read = checkpoint_.source->read(at, part); !read) return read;
    if (Status sound = verifier_.see(tensor.name, at, part); !sound) return sound;
  }
  loaded_ += out.size();
  if (progress_) progress_(loaded_, total_);
  return Done{};
}

Status TensorReader::read(const Tensor& tensor, uint64_t offset, std::span<std::byte> out) {
  for (size_t at = 0; at < out.size(); at += kPieceBytes) {
    const auto piece = out.subspan(at, std::min<size_t>(kPieceBytes, out.size() - at));
    if (Status status = read_piece(tensor, offset + at, piece); !status) return status;
  }
  return Done{};
}

template <class Take>
Status TensorReader::each_piece(const Tensor& tensor, uint64_t unit, Take take) {
  const uint64_t most = std::max<uint64_t>(kPieceBytes / unit, 1) * unit;
  if (piece_.bytes() < std::min(most, tensor.bytes)) {
    piece_ = Buffer();  // before the next is made: never both
    Result<Buffer> piece = allocate(*checkpoint_.source, std::min(most, tensor.bytes));
    if (!piece) return piece.error();
    piece_ = std::move(*piece);
  }
  for (uint64_t at = 0; at < tensor.bytes; at += most) {
    const auto bytes = piece_.span().first(size_t(std::min(most, tensor.bytes - at)));
    if (Status status = read_piece(tensor, at, bytes); !status) return status;
    take(std::span<const std::byte>(bytes));
  }
  return Done{};
}

template <class Use>
Status TensorReader::with_strided(const Tensor& tensor, Use use) {
  const BlockSize block = block_size(tensor.dtype);
  return each_piece(tensor, std::max<uint64_t>(tensor.bytes, 1), [&](std::span<const std::byte> bytes) {
    if (block.elements == 1) {
      std::vector<std::byte> in_order;
      use([&](uint64_t first, std::span<float> out) {
        in_order.resize(out.size() * block.bytes);
        gather(tensor, bytes.data(), block.bytes, first, out.size(), in_order.data());
        decode(tensor.dtype, in_order.data(), out);
      });
    } else {  // only small tensors come turned and in blocks
      Vector elements(size_t(tensor.bytes / block.bytes * block.elements));
      decode(tensor.dtype, bytes.data(), elements);
      use([&](uint64_t first, std::span<float> out) {
        gather(tensor, std::as_bytes(std::span(elements)).data(), sizeof(float), first, out.size(),
               std::as_writable_bytes(out).data());
      });
    }
  });
}

Status TensorReader::require(const Tensor& tensor, uint64_t bytes) const {
  const uint64_t piece = tensor.strides.empty() ? std::min(tensor.bytes, 2 * kPieceBytes)
                                                : tensor.bytes + sizeof(float) * tensor.count();
  return require_room(piece + bytes, checkpoint_.source->name() + ": " + tensor.name);
}

Result<Vector> TensorReader::values(const Tensor& tensor) {
  if (const Status room = require(tensor, tensor.bytes + sizeof(float) * tensor.count()); !room)
    return room.error();
  Vector values(size_t(tensor.count()), 0.0f);
  const Status status =
      tensor.strides.empty()
          ? each_piece(tensor, std::max<uint64_t>(tensor.bytes, 1),
                       [&](std::span<const std::byte> bytes) { decode(tensor.dtype, bytes.data(), values); })
          : with_strided(tensor, [&](auto fill) { fill(0, std::span(values)); });
  if (!status) return status.error();
  restore(tensor, values);
  return values;
}

Status TensorReader::each_rows(const Tensor& tensor, const TakeRows& take) {
  const int rows = int(tensor.shape[0]), cols = int(tensor.shape[1]);
  // A group of rows as floats, in order, as columns and packed.
  if (Status room = require(tensor, 4 * sizeof(float) * kGroup * uint64_t(cols)); !room) return room;
  std::vector<float> values(size_t(kGroup) * cols);
  int row = 0;
  const auto hand_over = [&](auto fill) {
    const int count = std::min(rows - row, kGroup);
    const std::span<float> used(values.data(), size_t(count) * cols);
    std::fill(values.begin() + ptrdiff_t(used.size()), values.end(), 0.0f);
    fill(used);
    restore(tensor, used);
    take(row, count, values.data());
    row += kGroup;
  };
  if (!tensor.strides.empty())
    return with_strided(tensor, [&](auto fill) {
      while (row < rows) hand_over([&](std::span<float> out) { fill(uint64_t(row) * cols, out); });
    });
  if (!is_packed(tensor.dtype)) {
    const uint64_t group_bytes = bytes_of(tensor.dtype, uint64_t(cols)) * kGroup;
    return each_piece(tensor, group_bytes, [&](std::span<const std::byte> bytes) {
      for (size_t at = 0; at < bytes.size(); at += size_t(group_bytes))
        hand_over([&](std::span<float> out) { decode(tensor.dtype, bytes.data() + at, out); });
    });
  }
  Matrix group = make_matrix(format_of(tensor.dtype), kGroup, cols);
  const size_t group_bytes = group.group_bytes();
  if (group.empty()) return allocate(*checkpoint_.source, group_bytes).error();
  return each_piece(tensor, group_bytes, [&](std::span<const std::byte> bytes) {
    for (; !bytes.empty(); bytes = bytes.subspan(group_bytes), row += kGroup) {
      std::copy_n(bytes.data(), group_bytes, group.data.as<std::byte>());
      unpack_group(group, 0, values.data());
      take(row, std::min(rows - row, kGroup), values.data());
    }
  });
}

}  // namespace rwkv
