#include "model/conversion.h"

#include <bit>

#include "formats/checksums.h"
#include "formats/containers/bytes.h"
#include "formats/containers/safetensors_header.h"
#include "formats/packed.h"

namespace rwkv {
namespace {

std::string metadata(std::string_view key, std::string_view value) {
  return quoted(key) + ':' + quoted(value) + ',';
}

Result<Buffer> copy_of(const Source& source, std::span<const std::byte> bytes) {
  Result<Buffer> buffer = allocate(source, bytes.size());
  if (buffer) std::copy(bytes.begin(), bytes.end(), buffer->as<std::byte>());
  return buffer;
}

}  // namespace

Result<Conversion> Conversion::start(const Checkpoint& checkpoint, Quantization quantization,
                                     LoadProgress progress) {
  auto plan = plan_model(checkpoint, quantization);
  if (!plan) return plan.error();
  if (const Status room = require_tables(*checkpoint.source, checkpoint.tensors.size()); !room)
    return room.error();
  Conversion conversion(checkpoint, std::move(*plan), quantization, std::move(progress));
  conversion.header_ = conversion.header();
  return conversion;
}

std::string Conversion::header() {
  const EmbeddedVocabulary& vocabulary = checkpoint_->vocabulary;
  std::string about =
      metadata("format", "rwkv-wasm") + metadata(kPackedVersionKey, std::to_string(kPackedVersion)) +
      metadata(kPackedQuantizationKey, quantization_name(quantization_)) +
      metadata(kPackedEpsKey, std::to_string(std::bit_cast<uint32_t>(plan_.config.group_norm_eps))) +
      metadata(kPackedPieceKey, std::to_string(kPieceOfTensor));
  if (!checkpoint_->sampling.empty()) about += metadata(kPackedSamplingKey, checkpoint_->sampling);
  std::string entries;
  uint64_t offset = 0, checksums = 1;
  for (const PlannedTensor& tensor : plan_.tensors) {
    checksums += count_pieces(tensor.bytes);
    if (block_size(tensor.dtype).bytes == 2 || tensor.dtype == DType::kF32) {
      entries += safetensors_entry(tensor.name, dtype_name(tensor.dtype), tensor.shape, tensor.bytes, offset);
    } else {
      about += metadata(tensor.name, packed_description(tensor.dtype, tensor.shape,
                                                        tensor.kind == PlannedTensor::Kind::kTransposed));
      entries += safetensors_entry(tensor.name, "U8", {int64_t(tensor.bytes)}, tensor.bytes, offset);
    }
  }
  if (!vocabulary.kind.empty()) {
    about += metadata(kPackedVocabularyKey, vocabulary.kind + ' ' + std::to_string(vocabulary.count));
    entries +=
        safetensors_entry(kPackedVocabularyKey, "U8", {int64_t(vocabulary.bytes)}, vocabulary.bytes, offset);
    checksums += count_pieces(vocabulary.bytes);
  }
  entries += safetensors_entry(kPackedChecksumsKey, "U8", {int64_t(8 * checksums)}, 8 * checksums, offset);
  about.pop_back();  // the last comma
  std::string header = safetensors_header("\"__metadata__\":{" + about + "}," + entries);
  bytes_ = header.size() + offset;
  return header;
}

Result<Buffer> Conversion::read(const PlannedTensor& planned) {
  const int rows = planned.shape.size() == 2 ? int(planned.shape[0]) : 0,
            cols = rows ? int(planned.shape[1]) : 0;
  switch (planned.kind) {
    case PlannedTensor::Kind::kVector: {
      const Vector values = reader_.vector(planned.name, planned.shape);
      return copy_of(*checkpoint_->source, std::as_bytes(std::span(values)));
    }
    case PlannedTensor::Kind::kMatrix:
      return std::move(reader_.matrix(planned.name, rows, cols).data);
    case PlannedTensor::Kind::kTransposed:
      return std::move(reader_.transposed(planned.name, cols, rows).data);
    case PlannedTensor::Kind::kEmbedding:
      return std::move(reader_.embedding(planned.name, rows, cols).data);
  }
  return Buffer();
}

Result<Buffer> Conversion::piece(size_t turn) {
  const EmbeddedVocabulary& vocabulary = checkpoint_->vocabulary;
  const size_t tensors = plan_.tensors.size();
  if (turn == 0) return copy_of(*checkpoint_->source, std::as_bytes(std::span(header_)));
  if (turn <= tensors) {
    Result<Buffer> buffer = read(plan_.tensors[turn - 1]);
    if (reader_.error()) return *reader_.error();
    return buffer;
  }
  if (turn == tensors + 1 && !vocabulary.kind.empty())
    return read_verified(*checkpoint_, "the vocabulary", vocabulary.offset, vocabulary.bytes);
  return copy_of(*checkpoint_->source, std::as_bytes(std::span(checksums_)));
}

Result<Buffer> Conversion::next() {
  const size_t turn = next_++, last = plan_.tensors.size() + 1 + !checkpoint_->vocabulary.kind.empty();
  if (turn > last) return Buffer(0);
  Result<Buffer> made = piece(turn);
  if (made && turn == 0) checksums_.push_back(checksum(made->span()));
  else if (made && turn < last) append_checksums(made->span(), checksums_);
  return made;
}

}  // namespace rwkv
