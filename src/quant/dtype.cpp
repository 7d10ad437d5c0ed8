#include "quant/dtype.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "quant/decode_blocks.h"

namespace rwkv {

// Without a branch, so that loops of it become vectors.
float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, magnitude = half & 0x7FFF;
  // The bits in a float's places are the value times 2^-112, subnormals included.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const uint32_t not_finite = 0x7F800000 | (magnitude & 0x3FF) << 13;
  return std::bit_cast<float>(sign | (magnitude < 0x7C00 ? std::bit_cast<uint32_t>(scaled) : not_finite));
}

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7FFFFFFF;
  const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  if (magnitude > 0x7F800000) return sign | 0x7E00;   // NaN
  if (magnitude >= 0x477FF000) return sign | 0x7C00;  // 65520 and above rounds to infinity
  if (magnitude < 0x38800000)  // below 2^-14: adding 0.5 aligns the mantissa to the subnormals' unit of 2^-24
    return uint16_t(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000));
  const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
  return uint16_t(sign | (rounded - 0x38000000) >> 13);
}

namespace {

template <class T>
T read_as(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

void decode_q8_0(const std::byte* p, std::span<float> out) {
  for (size_t block = 0; block < out.size() / kBlock; ++block, p += block_size(DType::kQ8_0).bytes) {
    const float scale = half_to_float(read_as<uint16_t>(p));
    for (int i = 0; i < kBlock; ++i) out[block * kBlock + i] = scale * float(int8_t(p[2 + i]));
  }
}

constexpr uint32_t kMagnitude = 0x7FFFFFFF, kInfinity = 0x7F800000;  // bits of a float
constexpr uint16_t kNaNHalf = 0x7E00;

uint32_t magnitude_bits(float value) { return std::bit_cast<uint32_t>(value) & kMagnitude; }

void encode_q8_0(std::span<const float> values, std::byte* p) {
  for (size_t block = 0; block < values.size() / kBlock; ++block, p += block_size(DType::kQ8_0).bytes) {
    const float* w = values.data() + block * kBlock;
    // Magnitudes are in the order of their bits.
    uint32_t peak = 0;
    for (int i = 0; i < kBlock; ++i) peak = std::max(peak, magnitude_bits(w[i]));
    const bool is_finite = peak < kInfinity;
    const uint16_t half = is_finite ? float_to_half(std::bit_cast<float>(peak) / 127) : kNaNHalf;
    const float scale = half_to_float(half), inverse = scale > 0 ? 1 / scale : 0;
    std::memcpy(p, &half, sizeof half);
    for (int i = 0; i < kBlock; ++i) {
      const float q =
          (is_finite ? w[i] * inverse : 0) + 0x1.8p23f;  // which leaves the nearest integer in the low bits
      p[2 + i] = std::byte(std::clamp(std::bit_cast<int32_t>(q) - 0x4B400000, -127, 127));
    }
  }
}

}  // namespace

void decode(DType dtype, const std::byte* bytes, std::span<float> out) {
  switch (dtype) {
    case DType::kF32:
      std::copy_n(bytes, out.size_bytes(), std::as_writable_bytes(out).data());
      break;
    case DType::kF16:
      for (size_t i = 0; i < out.size(); ++i) out[i] = half_to_float(read_as<uint16_t>(bytes + 2 * i));
      break;
    case DType::kBF16:
      for (size_t i = 0; i < out.size(); ++i)
        out[i] = std::bit_cast<float>(uint32_t(read_as<uint16_t>(bytes + 2 * i)) << 16);
      break;
    case DType::kQ8_0:
      decode_q8_0(bytes, out);
      break;
    default:
      for (size_t i = 0; i < out.size(); i += block_size(dtype).elements, bytes += block_size(dtype).bytes)
        decode_block(dtype, bytes, &out[i]);
  }
}

size_t count_not_finite(std::span<const float> values) {
  size_t count = 0;
  for (const float value : values) count += magnitude_bits(value) >= kInfinity;
  return count;
}

void encode(DType dtype, std::span<const float> values, std::byte* bytes) {
  switch (dtype) {
    case DType::kF32:
      std::copy_n(std::as_bytes(values).data(), values.size_bytes(), bytes);
      break;
    case DType::kF16:
    case DType::kBF16:
      for (size_t i = 0; i < values.size(); ++i) {
        const uint32_t bits = std::bit_cast<uint32_t>(values[i]);
        const uint16_t half = dtype == DType::kF16 ? float_to_half(values[i])
                                                   : uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        std::memcpy(bytes + 2 * i, &half, sizeof half);
      }
      break;
    case DType::kQ8_0:
      encode_q8_0(values, bytes);
      break;
    default:
      assert(false);
  }
}

}  // namespace rwkv
