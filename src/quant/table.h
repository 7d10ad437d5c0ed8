// The number formats of weights in memory: a row each, with all that packing, packed files, choices and
// reports ask about them. (Number formats of files: dtype.h; the kernels' half of the row:
// kernels/matmul_table.h.)
//
// A new one takes a file beside this one, an enumerator and a row here, a DType for its matrices in packed
// files (tensor.h, dtype.h), kernels with a row of their own, and its name in the package's list
// (web/shared/number-formats.ts). Nothing else names formats; the tests walk the tables.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "quant/f16.h"
#include "quant/f32.h"
#include "quant/q4.h"
#include "quant/q8.h"

namespace rwkv {

enum class Quantization : uint8_t { kF32, kF16, kQ8, kQ4 };

struct NumberFormat {
  Quantization quantization;
  const char* name;  // in options, reports and packed files
  DType packed;      // of its matrices in packed files
  // A group of 8 rows takes head_bytes, and block_bytes for each so many columns: 1, or as many as share
  // scales.
  uint32_t block, block_bytes, head_bytes;
  // What becomes of other weights where this format is asked for. Low-rank matrices: as q8 they cost a
  // hundredth of a percent of bits/byte, q4 would ruin them. The embedding, of which a token reads one row: a
  // type of files.
  Quantization low_rank;
  DType embedding;
  // A group, half by half; `values` (8, K) as the kernels see them.
  void (*pack)(const HalfGroup& in, std::byte* group);
  void (*unpack)(const std::byte* group, int cols, float* values);
  // Of whole groups, in formats whose kernels take such weights for numbers; null where products are NaN anyway.
  size_t (*count_not_finite)(std::span<const std::byte> groups) = nullptr;

  constexpr bool shares_scales() const { return block > 1; }
  constexpr uint64_t group_bytes(int cols) const {
    return head_bytes + uint64_t(uint32_t(cols) / block) * block_bytes;
  }
  // Of an (M, K) matrix.
  constexpr uint64_t bytes(int rows, int cols) const {
    return (uint64_t(rows) + kGroup - 1) / kGroup * group_bytes(cols);
  }
};

inline constexpr NumberFormat kNumberFormats[] = {
    {Quantization::kF32, "f32", DType::kPackedF32, 1, f32::kColumnBytes, 0,  //
     Quantization::kF32, DType::kF32, f32::pack, f32::unpack},
    {Quantization::kF16, "f16", DType::kPackedF16, 1, f16::kColumnBytes, 0,  //
     Quantization::kF16, DType::kF16, f16::pack, f16::unpack, f16::count_not_finite},
    {Quantization::kQ8, "q8", DType::kPackedQ8, kBlock, q8::kBlockBytes, 0,  //
     Quantization::kQ8, DType::kQ8_0, q8::pack, q8::unpack},
    {Quantization::kQ4, "q4", DType::kPackedQ4, kBlock, q4::kBlockBytes, q4::kUnitsBytes,  //
     Quantization::kQ8, DType::kQ8_0, q4::pack, q4::unpack},
};

constexpr const NumberFormat& number_format(Quantization q) { return kNumberFormats[int(q)]; }

// All of them, in the table's order, which is the enumerators'.
inline constexpr auto kQuantizations = [] {
  std::array<Quantization, std::size(kNumberFormats)> all{};
  for (size_t i = 0; i < all.size(); ++i) all[i] = kNumberFormats[i].quantization;
  return all;
}();
static_assert([] {
  for (const Quantization q : kQuantizations)
    if (number_format(q).quantization != q || !is_packed(number_format(q).packed)) return false;
  return true;
}());

constexpr const char* quantization_name(Quantization q) { return number_format(q).name; }
constexpr DType packed_type(Quantization q) { return number_format(q).packed; }

// The format that a packed type holds. REQUIRES: is_packed.
constexpr Quantization format_of(DType packed) {
  for (const NumberFormat& format : kNumberFormats)
    if (format.packed == packed) return format.quantization;
  return {};
}

constexpr std::optional<Quantization> find_quantization(std::string_view name) {
  for (const NumberFormat& format : kNumberFormats)
    if (format.name == name) return format.quantization;
  return std::nullopt;
}

// What a matrix of `cols` columns is packed as where `wanted` is asked for: formats with scales need whole
// blocks.
constexpr Quantization format_for(Quantization wanted, int cols) {
  return uint32_t(cols) % number_format(wanted).block ? Quantization::kF16 : wanted;
}

}  // namespace rwkv
