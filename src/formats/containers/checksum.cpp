#include "formats/containers/checksum.h"

#include <algorithm>

#include "simd.h"

namespace rwkv {

void Checksum::add_block(const std::byte* bytes) {
  u64x2 a(0), b(0);
  for (const std::byte* const end = bytes + kBlock; bytes < end; bytes += sizeof(u64x2))
    b += a += u64x2::load_unaligned(reinterpret_cast<const uint64_t*>(bytes));
  uint64_t sums[4];
  a.store_unaligned(sums), b.store_unaligned(sums + 2);
  // Each step is one to one, so that no single sum is lost.
  for (const uint64_t sum : sums) {
    hash_ = (hash_ ^ sum) * 0x9E3779B97F4A7C15u;
    hash_ ^= hash_ >> 32;
  }
}

void Checksum::add(std::span<const std::byte> bytes) {
  const size_t held = length_ % kBlock;
  length_ += bytes.size();
  if (held > 0) {
    const size_t taken = std::min(kBlock - held, bytes.size());
    std::copy_n(bytes.begin(), taken, rest_ + held);
    bytes = bytes.subspan(taken);
    if (held + taken < kBlock) return;
    add_block(rest_);
  }
  for (; bytes.size() >= kBlock; bytes = bytes.subspan(kBlock)) add_block(bytes.data());
  std::copy(bytes.begin(), bytes.end(), rest_);
}

uint64_t Checksum::value() const {
  Checksum whole = *this;
  std::fill(whole.rest_ + length_ % kBlock, whole.rest_ + kBlock, std::byte{0});
  whole.add_block(whole.rest_);
  return whole.hash_ ^ length_;
}

uint64_t checksum(std::span<const std::byte> bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace rwkv
