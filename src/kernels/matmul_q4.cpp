#include "kernels/matmul_tile.h"

namespace rwkv {
namespace {

// 16 bytes are 4 columns of rows 0-3 (low nibbles) and of rows 4-7 (high ones). Both forms sum the products
// with 4 activations in 16 bits: lane 2 i + h of a vector belongs to row i and the columns 16 h.. of the
// block, which share a scale.

struct DotForm {
  static constexpr int kQuadBytes = 8, kUnrolled = 1;
  i32x4 nibbles = splat_from_memory(0x000F000F);

  struct Pairs {
    i16x8 even, odd;
  };
  struct Weights {
    Pairs half[2];
  };
  Weights weights(i32x4 w) const {
    const u16x8 words = xsimd::bitwise_cast<uint16_t>(w);
    const auto shifted = [&](int n) { return xsimd::bitwise_cast<int16_t>(words >> n); };
    const i16x8 mask = pairs(nibbles);
    return {{{pairs(w) & mask, shifted(8) & mask}, {shifted(4) & mask, shifted(12)}}};
  }
  Pairs activations(const std::byte* x) const { return {pairs(splat_int(x)), pairs(splat_int(x + 4))}; }
  void add(i16x8 (&sums)[2], const Weights& w, const Pairs& x) const {
    for (int half = 0; half < 2; ++half)
      sums[half] = sums[half] + x.even * w.half[half].even, keep_order(sums[half]);
    for (int half = 0; half < 2; ++half)
      sums[half] = sums[half] + x.odd * w.half[half].odd, keep_order(sums[half]);
  }
};

struct SplitForm {
  [[maybe_unused]] static constexpr int kQuadBytes = 4, kUnrolled = 8;
  i32x4 nibbles = splat_from_memory(0x0F0F0F0F);

  struct Weights {
    i32x4 half[2];
  };
  Weights weights(i32x4 w) const {
    return {{w & nibbles, xsimd::bitwise_cast<int32_t>(xsimd::bitwise_cast<uint16_t>(w) >> 4) & nibbles}};
  }
  i32x4 activations(const std::byte* x) const { return splat_int(x); }
  void add(i16x8 (&sums)[2], const Weights& w, i32x4 x) const {
    for (int half = 0; half < 2; ++half)
      sums[half] = sums[half] + pair_dot(x, w.half[half]), keep_order(sums[half]);
  }
};

// A block is one integer sum. With d the sum of x (q - 8) over 16 columns and s that of x, it is the sum over
// both halves of scale (d - zero s / 16), here times 128 so that it is whole:
//
//   128 (scale_0 d_0 + scale_1 d_1) + (-8 s_0) scale_0 zero_0 + (-8 s_1) scale_1 zero_1
//
// No step overflows. |d| <= 16 127 8 = 16256 fits 16 bits; the sum that becomes d starts at -8 s and may wrap
// on its way, for additions modulo 2^16 end at the right value whenever that fits. |8 s| <= 16256 and |scale
// zero| <= 255 128 = 32640 fit 16 bits; in all |sum| <= 2 128 16256 255 + 2 16256 32640 < 2^31.
template <class Form, int S, int T>
void q4_tile(const TileArguments& in) {
  const Form form;
  const i32x4 bytes = splat_from_memory(0x00FF00FF);
  const int blocks = in.W.cols / kBlock;
  walk<S, T>(in, [&](const std::byte*(&groups)[S], F32x8(&ys)[S][T]) {
    const float* units[S];
    for (int s = 0; s < S; ++s) {
      units[s] = reinterpret_cast<const float*>(groups[s]);
      groups[s] += kGroup * sizeof(float);
    }
    const std::byte* x = in.x;
    for (int b = 0; b < blocks; ++b) {
      i16x8 sums[S][T][2];  // rows 0-3, rows 4-7
      for (int t = 0; t < T; ++t)
        for (int s = 0; s < S; ++s) sums[s][t][0] = sums[s][t][1] = pairs(splat_int(x + 4 * (T + t)));
      const std::byte* quads = x + 8 * T;
      RWKV_UNROLL(Form::kUnrolled)
      for (int quad = 0; quad < kQuads; ++quad)
        for (int s = 0; s < S; ++s) {
          const auto w = form.weights(load_int(groups[s] + 32 + quad * 16));
          for (int t = 0; t < T; ++t)
            form.add(sums[s][t], w, form.activations(quads + (quad * T + t) * Form::kQuadBytes));
        }
      for (int s = 0; s < S; ++s) {
        const i32x4 scales = load_int(groups[s]);
        const i16x8 zeros = pairs(load_int(groups[s] + 16));
        const i16x8 scale[] = {pairs(scales & bytes),
                               xsimd::bitwise_cast<int16_t>(xsimd::bitwise_cast<uint16_t>(scales) >> 8)};
        const i16x8 shift[] = {scale[0] * ((zeros << 8) >> 8), scale[1] * (zeros >> 8)};
        for (int t = 0; t < T; ++t) {
          const f32x4 x_scale = splat_float(x + 4 * t);
          const i16x8 start = pairs(splat_int(x + 4 * (T + t)));
          const auto total = [&](int half) {
            return xsimd::to_float((dot(sums[s][t][half], scale[half]) << 7) + dot(start, shift[half]));
          };
          ys[s][t].low = madd(total(0), x_scale, ys[s][t].low);
          ys[s][t].high = madd(total(1), x_scale, ys[s][t].high);
        }
        groups[s] += q4::kBlockBytes;
      }
      x += T * (8 + kQuads * Form::kQuadBytes);
    }
    const f32x4 part = splat(1.0f / 128);
    for (int s = 0; s < S; ++s)
      for (int t = 0; t < T; ++t)
        ys[s][t] = {ys[s][t].low * (load(units[s]) * part), ys[s][t].high * (load(units[s] + kLanes) * part)};
  });
}

template <class Form, bool is_built>
constexpr TileKernels shapes_of() {
  if constexpr (is_built)
    return every_shape([]<int S, int T>() -> TileKernel { return q4_tile<Form, S, T>; });
  else return {};
}

}  // namespace

constinit const FormKernels kQ4Kernels = {shapes_of<DotForm, kHasWordDots>(),
                                          shapes_of<SplitForm, kHasByteDots>()};

}  // namespace rwkv
