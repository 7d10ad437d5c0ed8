// The only file that sees a machine. Everything is four floats wide, WebAssembly's width, on every target, so
// that the native tests run the very code that the browser runs. Words that xsimd has are xsimd's; the rest
// is here.
#pragma once

#include <cstdint>
#include <cstring>
#include <xsimd/xsimd.hpp>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace rwkv {

constexpr int kLanes = 4;

#if defined(RWKV_EMULATED_SIMD)
using f32x4 = xsimd::batch<float, xsimd::emulated<128>>;
#else
using f32x4 = xsimd::make_sized_batch_t<float, kLanes>;
#endif
using i32x4 = xsimd::batch<int32_t, f32x4::arch_type>;
using u32x4 = xsimd::batch<uint32_t, f32x4::arch_type>;

inline f32x4 load(const float* p) { return f32x4::load_unaligned(p); }
inline void store(float* p, f32x4 v) { v.store_unaligned(p); }
inline f32x4 splat(float v) { return f32x4(v); }

// a b + c. One rounding in the relaxed build where the machine has it, two everywhere else.
inline f32x4 madd(f32x4 a, f32x4 b, f32x4 c) {
#if defined(__wasm_relaxed_simd__)
  return wasm_f32x4_relaxed_madd(a, b, c);
#else
  return a * b + c;
#endif
}

// (v0 + v1) + (v2 + v3): one order on every target.
inline float sum(f32x4 v) {
  float lane[kLanes];
  store(lane, v);
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

// The largest lane.
inline float largest(f32x4 v) { return xsimd::reduce_max(v); }

// The first n (0..4) floats; zeros in the other lanes. Touches no memory beyond them.
inline f32x4 load_part(const float* p, int n) {
  float lane[kLanes] = {};
  if (n > 0) std::memcpy(lane, p, size_t(n) * sizeof(float));
  return load(lane);
}
inline void store_part(float* p, f32x4 v, int n) {
  float lane[kLanes];
  store(lane, v);
  if (n > 0) std::memcpy(p, lane, size_t(n) * sizeof(float));
}

// Rounds to the nearest integer, ties to even, for |v| < 2^22: adding 1.5 * 2^23 leaves the integer in the
// low bits.
constexpr float kRoundingMagic = 12582912.0f;
inline i32x4 round_to_int(f32x4 v) {
  return xsimd::bitwise_cast<int32_t>(v + splat(kRoundingMagic)) - i32x4(0x4B400000);
}

// e^v, relative error below 2e-7 for -87.3 <= v <= 88.3; clamped outside, so it never overflows, and 0 is
// 1e-38. Of NaN it is anything. e^v = 2^n e^r with n = round(v / ln 2), |r| <= ln 2 / 2, e^r by its Taylor
// polynomial of degree 7.
inline f32x4 exp(f32x4 v) {
  v = xsimd::min(xsimd::max(v, splat(-87.3f)), splat(88.3f));
  const f32x4 shifted = v * splat(1.44269504f) + splat(kRoundingMagic);
  const f32x4 n = shifted - splat(kRoundingMagic);
  // ln 2 in two parts: n times the first is exact, the second carries the rest.
  const f32x4 r = (v - n * splat(0.693359375f)) + n * splat(2.12194440e-4f);
  f32x4 p = splat(1.0f / 5040);
  p = p * r + splat(1.0f / 720);
  p = p * r + splat(1.0f / 120);
  p = p * r + splat(1.0f / 24);
  p = p * r + splat(1.0f / 6);
  p = p * r + splat(0.5f);
  p = p * r + splat(1.0f);
  p = p * r + splat(1.0f);
  const u32x4 exponent = (xsimd::bitwise_cast<uint32_t>(shifted) - u32x4(0x4B400000)) << 23;
  return xsimd::bitwise_cast<float>(xsimd::bitwise_cast<uint32_t>(p) + exponent);
}

// Eight halves as two vectors, stored so that 32-bit lane i holds element i below and element 4 + i above.
// A half's bits moved to a float's places are the float times 2^-112, subnormals included.
struct F32x8 {
  f32x4 low, high;
};
inline F32x8 load_f16x8(const uint16_t* p) {
  const i32x4 mask(int32_t(0x8FFFE000)), w = i32x4::load_unaligned(reinterpret_cast<const int32_t*>(p));
  const f32x4 scale = splat(5.192296858534828e33f);  // 2^112
  return {xsimd::bitwise_cast<float>(((w << 16) >> 3) & mask) * scale,
          xsimd::bitwise_cast<float>((w >> 3) & mask) * scale};
}

// Exact dot products of 4 rows of int8 weights with one row of activations, 4 columns at a time.
class RowDots {
 public:
  // w: 16 bytes, 4 columns of row 0, then of rows 1, 2, 3. x: 4 activations in -127..127.
  void add(const int8_t* w, const int16_t* x);
  // The four sums.
  f32x4 total() const;

 private:
#if defined(__wasm_simd128__)
  v128_t rows01_ = wasm_i32x4_const_splat(0), rows23_ = wasm_i32x4_const_splat(0);  // two partial sums a row
#else
  int32_t sums_[4] = {};
#endif
};

#if defined(__wasm_simd128__)
inline void RowDots::add(const int8_t* w, const int16_t* x) {
  const v128_t weights = wasm_v128_load(w), activations = wasm_v128_load64_splat(x);
  rows01_ = wasm_i32x4_add(rows01_, wasm_i32x4_dot_i16x8(wasm_i16x8_extend_low_i8x16(weights), activations));
  rows23_ = wasm_i32x4_add(rows23_, wasm_i32x4_dot_i16x8(wasm_i16x8_extend_high_i8x16(weights), activations));
}
inline f32x4 RowDots::total() const {
  return f32x4(wasm_f32x4_convert_i32x4(wasm_i32x4_add(wasm_i32x4_shuffle(rows01_, rows23_, 0, 2, 4, 6),
                                                       wasm_i32x4_shuffle(rows01_, rows23_, 1, 3, 5, 7))));
}
#else
inline void RowDots::add(const int8_t* w, const int16_t* x) {
  for (int row = 0; row < 4; ++row)
    for (int k = 0; k < 4; ++k) sums_[row] += int32_t(w[4 * row + k]) * x[k];
}
inline f32x4 RowDots::total() const {
  const float lane[kLanes] = {float(sums_[0]), float(sums_[1]), float(sums_[2]), float(sums_[3])};
  return load(lane);
}
#endif

// out[i] = f(in[i]...) for i < n: whole vectors, then one partial vector. Outputs may be inputs.
template <class F, class... In>
inline void map(int n, float* out, F f, const In*... in) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, f(load(in + i)...));
  if (i < n) store_part(out + i, f(load_part(in + i, n - i)...), n - i);
}

// The sum of f(in[i]...) for i < n. REQUIRES: f(0...) = 0, so that padding adds nothing.
template <class F, class... In>
inline float sum_of(int n, F f, const In*... in) {
  f32x4 total = splat(0);
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) total = total + f(load(in + i)...);
  if (i < n) total = total + f(load_part(in + i, n - i)...);
  return sum(total);
}

}  // namespace rwkv
