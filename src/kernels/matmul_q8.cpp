#include "kernels/matmul_tile.h"

namespace rwkv {
namespace {

// The forms differ in how 4 columns of 4 rows, 16 bytes of weights, meet 4 activations.

struct DotForm {
  static constexpr int kQuadBytes = 8, kUnrolled = 1;
  i32x4 bytes = splat_from_memory(0x00FF00FF);

  struct Pairs {
    i16x8 even, odd;
  };
  Pairs weights(i32x4 w) const {
    return {pairs(w & bytes), xsimd::bitwise_cast<int16_t>(xsimd::bitwise_cast<uint16_t>(w) >> 8)};
  }
  Pairs activations(const std::byte* x) const { return {pairs(splat_int(x)), pairs(splat_int(x + 4))}; }
  void add(i32x4 (&sums)[2], const Pairs (&w)[2], const Pairs& x) const {
    for (int half = 0; half < 2; ++half)
      sums[half] = sums[half] + dot(x.even, w[half].even), keep_order(sums[half]);
    for (int half = 0; half < 2; ++half)
      sums[half] = sums[half] + dot(x.odd, w[half].odd), keep_order(sums[half]);
  }
};

struct ByteForm {
  [[maybe_unused]] static constexpr int kQuadBytes = 4, kUnrolled = 8;
  static i32x4 weights(i32x4 w) { return w; }
  static i32x4 activations(const std::byte* x) { return splat_int(x); }
};

struct SplitForm : ByteForm {
  i32x4 ones = splat_from_memory(0x00010001);

  void add(i32x4 (&sums)[2], const i32x4 (&w)[2], i32x4 x) const {
    for (int half = 0; half < 2; ++half)
      sums[half] = sums[half] + dot(pair_dot(x, w[half]), pairs(ones)), keep_order(sums[half]);
  }
};

struct FusedForm : ByteForm {
  void add(i32x4 (&sums)[2], const i32x4 (&w)[2], i32x4 x) const {
    for (int half = 0; half < 2; ++half)
      sums[half] = quad_dot(x, w[half], sums[half]), keep_order(sums[half]);
  }
};

// ys += the integer sum of a block of S groups times the scales of both sides. It starts at -64 sum(x), so that it
// ends at the sum of x (q - 64); |sum| <= 32 127 127 on the way.
template <class Form, int S, int T>
inline void add_block(const Form& form, const std::byte* (&groups)[S], const std::byte* x, F32x8 (*ys)[T]) {
  i32x4 sums[S][T][2];  // rows 0-3, rows 4-7
  for (int t = 0; t < T; ++t)
    for (int s = 0; s < S; ++s) sums[s][t][0] = sums[s][t][1] = splat_int(x + 4 * (T + t));
  const std::byte* quads = x + 8 * T;
  RWKV_UNROLL(Form::kUnrolled)
  for (int quad = 0; quad < kQuads; ++quad)
    for (int s = 0; s < S; ++s) {
      const std::byte* from = groups[s] + 32 + quad * 32;
      const decltype(form.weights(i32x4())) w[2] = {form.weights(load_int(from)),
                                                    form.weights(load_int(from + 16))};
      for (int t = 0; t < T; ++t)
        form.add(sums[s][t], w, form.activations(quads + (quad * T + t) * Form::kQuadBytes));
    }
  for (int s = 0; s < S; ++s) {
    const auto* scales = reinterpret_cast<const float*>(groups[s]);
    for (int t = 0; t < T; ++t) {
      const f32x4 x_scale = splat_float(x + 4 * t);
      F32x8& y = ys[s][t];
      y.low = madd(xsimd::to_float(sums[s][t][0]), load(scales) * x_scale, y.low);
      y.high = madd(xsimd::to_float(sums[s][t][1]), load(scales + kLanes) * x_scale, y.high);
    }
    groups[s] += q8::kBlockBytes;
  }
}

template <class Form>
constexpr size_t input_bytes(int T) {
  return size_t(T) * (8 + kQuads * Form::kQuadBytes);
}

template <class Form, int S, int T>
void q8_tile(const TileArguments& in) {
  const Form form;
  const int blocks = in.W.cols / kBlock;
  walk<S, T>(in, [&](const std::byte*(&groups)[S], F32x8(&ys)[S][T]) {
    const std::byte* x = in.x;
    for (int b = 0; b < blocks; ++b, x += input_bytes<Form>(T)) add_block<Form, S, T>(form, groups, x, ys);
  });
}

struct Panel {
  static constexpr size_t kFrontBytes = 0, kBlockBytes = q8::kBlockBytes,
                          kInputBytes = input_bytes<FusedForm>(1);
  FusedForm form;

  static const std::byte* weights(const std::byte* block) { return block; }
  template <int T>
  void add(const std::byte* block, const std::byte* x, F32x8 (&ys)[T]) const {
    const std::byte* groups[] = {block};
    add_block<FusedForm, 1, T>(form, groups, x, &ys);
  }
  static F32x8 result(const std::byte*, const F32x8& y) { return y; }
};

template <class Form, bool is_built>
constexpr TileKernels shapes_of() {
  if constexpr (is_built)
    return every_shape([]<int S, int T>() -> TileKernel { return q8_tile<Form, S, T>; });
  else return {};
}
constexpr TileKernels fused_shapes() {
  if constexpr (kHasByteDots)
    return {{q8_tile<FusedForm, 1, 1>, q8_tile<FusedForm, 2, 1>, q8_tile<FusedForm, 4, 1>},
            {panel_tiles<Panel, 2>, panel_tiles<Panel, 3>, panel_tiles<Panel, 4>},
            true};
  else return {};
}

}  // namespace

constinit const FormKernels kQ8Kernels = {shapes_of<DotForm, kHasWordDots>(),
                                          shapes_of<SplitForm, kHasByteDots>(), fused_shapes()};

}  // namespace rwkv
