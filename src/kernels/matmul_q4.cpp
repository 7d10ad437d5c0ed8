#include "kernels/matmul_tile.h"

namespace rwkv {
namespace {

// 16 bytes are 4 columns of rows 0-3 (low nibbles) and of rows 4-7 (high ones). Whatever the form, lane 2 i + h of
// a block's 16-bit sums belongs to row i and the columns 16 h.. of the block, which share a scale.

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
// No step overflows. |d| <= 16 127 8 = 16256 fits 16 bits, and so does the sum of x q, |sum| <= 16 127 15; what
// starts at -8 s may wrap on its way, for additions modulo 2^16 end at the right value whenever that fits.
// |8 s| <= 16256, 128 scale <= 32640 and |scale zero| <= 255 128 = 32640 fit 16 bits; in all |sum| <= 2 128 16256
// 255 + 2 16256 32640 < 2^31.
struct Scales {
  i16x8 scale[2], shift[2];  // of rows 0-3, rows 4-7; shift = scale zero

  Scales(const std::byte* block, i32x4 bytes) {
    const i32x4 scales = load_int(block);
    const i16x8 zeros = pairs(load_int(block + 16));
    scale[0] = pairs(scales & bytes);
    scale[1] = xsimd::bitwise_cast<int16_t>(xsimd::bitwise_cast<uint16_t>(scales) >> 8);
    shift[0] = scale[0] * ((zeros << 8) >> 8);
    shift[1] = scale[1] * (zeros >> 8);
  }
};

inline F32x8 in_units(const std::byte* group, const F32x8& y) {
  const auto* units = reinterpret_cast<const float*>(group);
  const f32x4 part = splat(1.0f / 128);
  return {y.low * (load(units) * part), y.high * (load(units + kLanes) * part)};
}

template <class Form, int S, int T>
void q4_tile(const TileArguments& in) {
  const Form form;
  const i32x4 bytes = splat_from_memory(0x00FF00FF);
  const int blocks = in.W.cols / kBlock;
  walk<S, T>(in, [&](const std::byte*(&groups)[S], F32x8(&ys)[S][T]) {
    const std::byte* heads[S];
    for (int s = 0; s < S; ++s) {
      heads[s] = groups[s];
      groups[s] += q4::kUnitsBytes;
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
        const Scales scales(groups[s], bytes);
        for (int t = 0; t < T; ++t) {
          const f32x4 x_scale = splat_float(x + 4 * t);
          const i16x8 start = pairs(splat_int(x + 4 * (T + t)));
          const auto total = [&](int half) {
            return xsimd::to_float((dot(sums[s][t][half], scales.scale[half]) << 7) +
                                   dot(start, scales.shift[half]));
          };
          ys[s][t].low = madd(total(0), x_scale, ys[s][t].low);
          ys[s][t].high = madd(total(1), x_scale, ys[s][t].high);
        }
        groups[s] += q4::kBlockBytes;
      }
      x += T * (8 + kQuads * Form::kQuadBytes);
    }
    for (int s = 0; s < S; ++s)
      for (int t = 0; t < T; ++t) ys[s][t] = in_units(heads[s], ys[s][t]);
  });
}

// Two quads are zipped word by word, so that 32-bit lane 2 i + h is 4 columns of 16 h.. of row i.
struct Panel {
  static constexpr int kPairs = kQuads / 2;
  static constexpr size_t kFrontBytes = q4::kUnitsBytes, kBlockBytes = q4::kBlockBytes,
                          kInputBytes = 8 + kBlock;
  i32x4 bytes = splat_from_memory(0x00FF00FF), nibbles = splat_from_memory(0x0F0F0F0F);

  struct Weights {
    i32x4 half[2][kPairs][2];  // rows 0-3, rows 4-7
    i16x8 scale_128[2], shift[2];
  };
  Weights weights(const std::byte* block) const {
    Weights to;
    for (int pair = 0; pair < kPairs; ++pair) {
      const std::byte* from = block + 32 + pair * 32;
      const i16x8 first = pairs(load_int(from)), second = pairs(load_int(from + 16));
      const i32x4 zipped[] = {lanes(xsimd::zip_lo(first, second)), lanes(xsimd::zip_hi(first, second))};
      for (int i = 0; i < 2; ++i) {
        to.half[0][pair][i] = zipped[i] & nibbles;
        to.half[1][pair][i] =
            xsimd::bitwise_cast<int32_t>(xsimd::bitwise_cast<uint16_t>(zipped[i]) >> 4) & nibbles;
      }
    }
    const Scales scales(block, bytes);
    for (int half = 0; half < 2; ++half)
      to.scale_128[half] = scales.scale[half] << 7, to.shift[half] = scales.shift[half];
    return to;
  }

  template <int T>
  void add(const Weights& weights, const std::byte* x, F32x8 (&ys)[T]) const {
    const auto add_half = [&](int half, f32x4 F32x8::*y) {
      i32x4 sums[T][2];  // rows 0 and 1 of the half, rows 2 and 3
      for (int t = 0; t < T; ++t) sums[t][0] = sums[t][1] = i32x4(0);
      for (int pair = 0; pair < kPairs; ++pair)
        for (int t = 0; t < T; ++t) {
          const i32x4 x_quads = splat_two_ints(x + 8 * T + 8 * (pair * T + t));
          for (int i = 0; i < 2; ++i)
            sums[t][i] = quad_dot(x_quads, weights.half[half][pair][i], sums[t][i]), keep_order(sums[t][i]);
        }
      for (int t = 0; t < T; ++t) {
        const i16x8 start = pairs(splat_int(x + 4 * (T + t))), d = narrow(sums[t][0], sums[t][1]) + start;
        ys[t].*y = madd(xsimd::to_float(dot(d, weights.scale_128[half]) + dot(start, weights.shift[half])),
                        splat_float(x + 4 * t), ys[t].*y);
      }
    };
    add_half(0, &F32x8::low), add_half(1, &F32x8::high);
  }
  static F32x8 result(const std::byte* group, const F32x8& y) { return in_units(group, y); }
};

template <class Form, bool is_built>
constexpr TileKernels shapes_of() {
  if constexpr (is_built)
    return every_shape([]<int S, int T>() -> TileKernel { return q4_tile<Form, S, T>; });
  else return {};
}
constexpr TileKernels panels_alone() {
  if constexpr (kHasByteDots) return {{}, {nullptr, nullptr, panel_tiles<Panel, kTileRows>}, true};
  else return {};
}

}  // namespace

constinit const FormKernels kQ4Kernels = {shapes_of<DotForm, kHasWordDots>(),
                                          shapes_of<SplitForm, kHasByteDots>(), panels_alone()};

}  // namespace rwkv
