// The kernels of each number format: a row each, beside the one of quant/table.h that says how its weights
// lie.
#pragma once

#include "kernels/choice.h"
#include "quant/table.h"
#include "simd.h"

namespace rwkv {

// A matrix as kernels see it: groups of 8 rows, so many bytes each.
struct Groups {
  const std::byte* data;
  size_t bytes;
  int rows, cols;
};

struct TileArguments {
  const Groups& W;
  const std::byte* x;  // tiles of Activations, where there are no panels one
  float* y;            // (rows, M), its rows y_width apart
  int y_width;
  int first, count;  // groups; the count a multiple of the streams
  int rows;  // T; of a panel any number, as long as it, filled up, times the streams is kPanelRows at most
  int streams = 1;
};
using TileKernel = void (*)(const TileArguments&);

constexpr int kPanelRows = 64;
constexpr int kPanelStreams = 8;  // at most: what the machines that gain by more than one have use for

// One form's kernels, one for each shape that is used: S streams of one row, or one stream of T rows; panels are of
// as many tiles of T rows, and streams, as the arguments say. Null where this build lacks the form.
struct TileKernels {
  TileKernel one_row[3] = {};  // S = 1, 2, 4
  TileKernel rows[3] = {};     // T = 2, 3, 4
  bool has_panels = false;     // whether those of rows are panels, with the last tile filled up with zeros

  TileKernel of(int streams, int T) const { return T == 1 ? one_row[streams / 2] : rows[T - 2]; }
  bool has_row(int streams) const { return of(streams, 1) != nullptr; }
  bool has_rows() const { return of(1, kTileRows) != nullptr; }
};
using FormKernels = TileKernels[std::size(kForms)];  // in the order of Form

// From get.operator()<S, T>().
template <class Get>
constexpr TileKernels every_shape(Get get) {
  return {
      {get.template operator()<1, 1>(), get.template operator()<2, 1>(), get.template operator()<4, 1>()},
      {get.template operator()<1, 2>(), get.template operator()<1, 3>(), get.template operator()<1, 4>()}};
}
extern const FormKernels kF32Kernels, kF16Kernels, kQ8Kernels, kQ4Kernels;

// f16 weights are 2^-112 times what they stand for (simd.h). Activations are multiplied by one part of 2^112,
// results by the other: no activation below 2^64 overflows, and no product that matters is lost.
constexpr float kHalfInput = 0x1p64f;

// What becomes of x before it meets the weights (matmul.h, Activations).
struct Operand {
  float scale = 1;  // floats: x times this
  int sums = 0;     // 8-bit integers: so many sums, each of its own columns, come of a block; floats: none
  int offset = 0;   // of 0 among the weights' levels; the sums start with what takes it back

  constexpr bool is_integer() const { return sums > 0; }
};

struct FormatKernels {
  Quantization format;
  Operand x;
  const FormKernels& forms;

  const TileKernels& of(Form form) const { return forms[int(form)]; }
};

inline constexpr FormatKernels kFormatKernels[] = {
    {Quantization::kF32, {}, kF32Kernels},
    {Quantization::kF16, {.scale = kHalfInput}, kF16Kernels},
    {Quantization::kQ8, {.sums = 1, .offset = q8::kOffset}, kQ8Kernels},
    {Quantization::kQ4, {.sums = 2, .offset = q4::kOffset}, kQ4Kernels},
};
static_assert(std::size(kFormatKernels) == std::size(kNumberFormats));
static_assert([] {
  for (const Quantization q : kQuantizations)
    if (kFormatKernels[int(q)].format != q) return false;
  return true;
}());

// Whether integers are words, of forms that this build has, so that it holds no code for others.
constexpr bool takes_words(Form form) { return !kHasByteDots || (kHasWordDots && form == Form::kDot); }

constexpr const FormatKernels& kernels_of(Quantization format) { return kFormatKernels[int(format)]; }

}  // namespace rwkv
