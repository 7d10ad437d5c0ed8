#include "kernels/matmul_tile.h"

namespace rwkv {
namespace {

constexpr float kHalfResult = kHalfScale / kHalfInput;

// 8 weights of one column.
struct F32Form {
  static constexpr int kColumnBytes = f32::kColumnBytes;
  static F32x8 weights(const std::byte* w) {
    const auto* floats = reinterpret_cast<const float*>(w);
    return {load(floats), load(floats + kLanes)};
  }
  static F32x8 result(F32x8 y) { return y; }
};

struct F16Form {
  static constexpr int kColumnBytes = f16::kColumnBytes;
  i32x4 mask = splat_from_memory(kHalfMask);

  F32x8 weights(const std::byte* w) const { return load_scaled_halves(w, mask); }
  static F32x8 result(F32x8 y) { return {y.low * splat(kHalfResult), y.high * splat(kHalfResult)}; }
};

template <class Form, int S, int T>
void float_tile(const TileArguments& in) {
  const Form form;
  const int cols = in.W.cols;
  walk<S, T>(in, [&](const std::byte*(&groups)[S], F32x8(&ys)[S][T]) {
    const std::byte* x = in.x;
    for (int k = 0; k < cols; ++k, x += T * sizeof(float))
      for (int s = 0; s < S; ++s, groups[s - 1] += Form::kColumnBytes) {
        const F32x8 w = form.weights(groups[s]);
        for (int t = 0; t < T; ++t) {
          const f32x4 x_k = splat_float(x + 4 * t);
          F32x8& y = ys[s][t];
          y = {madd(w.low, x_k, y.low), madd(w.high, x_k, y.high)};
          keep_order(y.low), keep_order(y.high);
        }
      }
    for (int s = 0; s < S; ++s)
      for (int t = 0; t < T; ++t) ys[s][t] = form.result(ys[s][t]);
  });
}

}  // namespace

constinit const FormKernels kF32Kernels = {
    every_shape([]<int S, int T>() -> TileKernel { return float_tile<F32Form, S, T>; })};
constinit const FormKernels kF16Kernels = {
    every_shape([]<int S, int T>() -> TileKernel { return float_tile<F16Form, S, T>; })};

}  // namespace rwkv
