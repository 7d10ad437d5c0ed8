// Element types as bytes: how numbers lie in files.
#pragma once

#include <cstdint>
#include <span>

#include "tensor.h"

namespace rwkv {

constexpr int kBlock = 32;        // elements that share a scale, along a row
constexpr int kSuperBlock = 256;  // elements of a K-type's block

// How many elements share one block of bytes, and its bytes. REQUIRES: not a packed type.
struct BlockSize {
  uint64_t elements, bytes;
};
constexpr BlockSize block_size(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return {1, 4};
    case DType::kF16:
    case DType::kBF16:
      return {1, 2};
    case DType::kQ4_0:
      return {kBlock, 18};
    case DType::kQ4_1:
      return {kBlock, 20};
    case DType::kQ5_0:
      return {kBlock, 22};
    case DType::kQ5_1:
      return {kBlock, 24};
    case DType::kQ8_0:
      return {kBlock, 34};
    case DType::kQ4_K:
      return {kSuperBlock, 144};
    case DType::kQ5_K:
      return {kSuperBlock, 176};
    case DType::kQ6_K:
      return {kSuperBlock, 210};
    case DType::kU8:
      return {1, 1};
    default:
      return {1, 0};
  }
}

constexpr bool is_packed(DType dtype) { return dtype >= DType::kPackedF32; }

// Bytes of `count` elements. REQUIRES: whole blocks, not a packed type.
constexpr uint64_t bytes_of(DType dtype, uint64_t count) {
  return count / block_size(dtype).elements * block_size(dtype).bytes;
}

float half_to_float(uint16_t half);
uint16_t float_to_half(float value);  // nearest, ties to even; overflow gives infinity

// out.size() elements from `bytes`, which hold them as `dtype`. REQUIRES: as bytes_of.
void decode(DType dtype, const std::byte* bytes, std::span<float> out);
// The other way, for F32, F16, BF16 and Q8_0. Q8_0: scale = max |w| / 127, rounded to f16; w = scale * q;
// what is not finite counts as 0.
void encode(DType dtype, std::span<const float> values, std::byte* bytes);

// How many are NaN or infinite.
size_t count_not_finite(std::span<const float> values);

}  // namespace rwkv
