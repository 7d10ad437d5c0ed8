#include "formats/checksums.h"

#include <algorithm>

#include "formats/containers/bytes.h"

namespace rwkv {

void append_checksums(std::span<const std::byte> tensor, std::vector<uint64_t>& sums) {
  for (size_t at = 0; at < tensor.size(); at += kPieceOfTensor)
    sums.push_back(checksum(tensor.subspan(at, std::min<size_t>(kPieceOfTensor, tensor.size() - at))));
}

Result<Buffer> read_verified(const Checkpoint& checkpoint, std::string_view name, uint64_t offset,
                             uint64_t bytes) {
  Result<Buffer> read = read_range(*checkpoint.source, offset, bytes);
  if (!read) return read;
  if (Status sound = Verifier(checkpoint).see(name, offset, read->span()); !sound) return sound.error();
  return read;
}

uint64_t Verifier::expected(uint64_t number) const {
  return load_le<uint64_t>(expected_.as<std::byte>() + 8 * number);
}

Error Verifier::damaged(std::string_view name, uint64_t first, uint64_t last) const {
  return bad_file(*checkpoint_.source, printable(name) + ": the file is damaged: bytes " +
                                           std::to_string(first) + " to " + std::to_string(last - 1) +
                                           " of it are not those that were written");
}

Status Verifier::start() {
  const Checksums& checksums = checkpoint_.checksums;
  const Source& source = *checkpoint_.source;
  Result<Buffer> sums = read_range(source, checksums.offset, checksums.bytes);
  if (!sums) return sums.error();
  const Result<Buffer> header = read_range(source, 0, checksums.header_bytes);
  if (!header) return header.error();
  expected_ = std::move(*sums);
  if (checksum(header->span()) != expected(0)) return damaged("the header", 0, checksums.header_bytes);
  return Done{};
}

Status Verifier::see(std::string_view name, uint64_t offset, std::span<const std::byte> bytes) {
  const std::vector<Range>& ranges = checkpoint_.checksums.ranges;
  if (ranges.empty()) return Done{};
  if (!expected_)
    if (Status status = start(); !status) return status;
  if (offset != next_) {
    const auto found = std::lower_bound(ranges.begin(), ranges.end(), offset,
                                        [](const Range& range, uint64_t at) { return range.offset < at; });
    range_ = found != ranges.end() && found->offset == offset ? &*found : nullptr;
    next_ = offset, sum_ = {};
  }
  while (range_ && !bytes.empty()) {
    const uint64_t at = next_ - range_->offset, piece = at / kPieceOfTensor;
    const uint64_t end = std::min((piece + 1) * kPieceOfTensor, range_->bytes);
    const auto part = bytes.first(size_t(std::min<uint64_t>(bytes.size(), end - at)));
    sum_.add(part);
    next_ += part.size(), bytes = bytes.subspan(part.size());
    if (at + part.size() < end) break;
    if (sum_.value() != expected(range_->first + piece)) return damaged(name, piece * kPieceOfTensor, end);
    sum_ = {};
    if (end == range_->bytes) range_ = nullptr, next_ = UINT64_MAX;
  }
  return Done{};
}

}  // namespace rwkv
