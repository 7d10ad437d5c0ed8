// Element types as bytes: how numbers lie in files.
#pragma once

#include <cstdint>
#include <span>

#include "tensor.h"

namespace rwkv {

constexpr int kBlock = 32;        // elements that share a scale, along a row
constexpr int kSuperBlock = 256;  // elements of a K-type's block

struct BlockSize {
  uint64_t elements, bytes;
};

// An element type's name and its blocks: how many elements share one, and its bytes. Of packed types, whose
// matrices lie in groups (table.h), {1, 0}.
struct DTypeRow {
  DType dtype;
  const char* name;
  uint16_t elements, bytes;
};
inline constexpr DTypeRow kDTypes[] = {
    {DType::kF32, "F32", 1, 4},
    {DType::kF16, "F16", 1, 2},
    {DType::kBF16, "BF16", 1, 2},
    {DType::kQ4_0, "Q4_0", kBlock, 18},
    {DType::kQ4_1, "Q4_1", kBlock, 20},
    {DType::kQ5_0, "Q5_0", kBlock, 22},
    {DType::kQ5_1, "Q5_1", kBlock, 24},
    {DType::kQ8_0, "Q8_0", kBlock, 34},
    {DType::kQ4_K, "Q4_K", kSuperBlock, 144},
    {DType::kQ5_K, "Q5_K", kSuperBlock, 176},
    {DType::kQ6_K, "Q6_K", kSuperBlock, 210},
    {DType::kU8, "U8", 1, 1},
    {DType::kPackedF32, "packed F32", 1, 0},
    {DType::kPackedF16, "packed F16", 1, 0},
    {DType::kPackedQ8, "packed Q8", 1, 0},
    {DType::kPackedQ4, "packed Q4", 1, 0},
};
static_assert([] {
  for (size_t i = 0; i < std::size(kDTypes); ++i)
    if (size_t(kDTypes[i].dtype) != i) return false;
  return true;
}());

constexpr const char* dtype_name(DType dtype) { return kDTypes[int(dtype)].name; }
constexpr BlockSize block_size(DType dtype) {
  return {kDTypes[int(dtype)].elements, kDTypes[int(dtype)].bytes};
}
constexpr bool is_packed(DType dtype) { return kDTypes[int(dtype)].bytes == 0; }

// Bytes of `count` elements. REQUIRES: whole blocks, not a packed type.
constexpr uint64_t bytes_of(DType dtype, uint64_t count) {
  return count / block_size(dtype).elements * block_size(dtype).bytes;
}

float half_to_float(uint16_t half);
uint16_t float_to_half(float value);  // nearest, ties to even; overflow gives infinity

// out.size() elements from `bytes`, which hold them as `dtype`. REQUIRES: as bytes_of.
void decode(DType dtype, const std::byte* bytes, std::span<float> out);
// The other way, for F32, F16, BF16 and Q8_0. Q8_0: scale = max |w| / 127, rounded to f16; w = scale * q;
// of a block that is not finite the scale is NaN.
void encode(DType dtype, std::span<const float> values, std::byte* bytes);

// How many are NaN or infinite.
size_t count_not_finite(std::span<const float> values);

}  // namespace rwkv
