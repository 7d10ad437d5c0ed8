// The only file that sees a machine. Everything is four floats wide, WebAssembly's width, on every target, so
// that the native tests run the very code that the browser runs. Words that xsimd has are xsimd's; the rest
// is here.
#pragma once

#include <cstddef>
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
using i16x8 = xsimd::batch<int16_t, f32x4::arch_type>;
using u16x8 = xsimd::batch<uint16_t, f32x4::arch_type>;

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
constexpr int32_t kRoundingMagicBits = 0x4B400000;
inline i32x4 round_to_int(f32x4 v) {
  return xsimd::bitwise_cast<int32_t>(v + splat(kRoundingMagic)) - i32x4(kRoundingMagicBits);
}

inline i32x4 bits_of(f32x4 v) { return xsimd::bitwise_cast<int32_t>(v); }
inline f32x4 from_bits(i32x4 v) { return xsimd::bitwise_cast<float>(v); }

// rows[i][j] <-> rows[j][i]
inline void transpose(f32x4 (&rows)[kLanes]) { xsimd::transpose(rows, rows + kLanes); }

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
  const u32x4 exponent = (xsimd::bitwise_cast<uint32_t>(shifted) - u32x4(kRoundingMagicBits)) << 23;
  return xsimd::bitwise_cast<float>(xsimd::bitwise_cast<uint32_t>(p) + exponent);
}

// The products of eight pairs, summed two by two: lane i = a[2i] b[2i] + a[2i+1] b[2i+1].
inline i32x4 dot(i16x8 a, i16x8 b) {
#if defined(__wasm_simd128__)
  return wasm_i32x4_dot_i16x8(a, b);
#elif defined(__SSE2__) && !defined(RWKV_EMULATED_SIMD)
  return _mm_madd_epi16(a, b);
#else
  int16_t x[8], y[8];
  int32_t lane[kLanes];
  a.store_unaligned(x), b.store_unaligned(y);
  for (int i = 0; i < kLanes; ++i) lane[i] = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
  return i32x4::load_unaligned(lane);
#endif
}

inline i16x8 pairs(i32x4 v) { return xsimd::bitwise_cast<int16_t>(v); }

// V8 builds a constant vector anew at each use; what came out of memory it keeps in a register.
inline i32x4 splat_from_memory(int32_t v) {
  volatile int32_t in_memory = v;
  return i32x4(in_memory);
}
struct Masks {
  i32x4 nibbles = splat_from_memory(0x000F000F), bytes = splat_from_memory(0x00FF00FF);  // of 16-bit lanes
  i32x4 pair = splat_from_memory(0x0000FFFF);  // the lower one of a 32-bit lane
  i32x4 half = splat_from_memory(int32_t(0x8FFFE000));
  f32x4 half_scale = from_bits(splat_from_memory(0x77800000));  // 2^112
};

// Eight halves as two vectors, stored so that 32-bit lane i holds element i below and element 4 + i above.
// A half's bits moved to a float's places are the float times 2^-112, subnormals included.
struct F32x8 {
  f32x4 low, high;
};
inline F32x8 load_f16x8(const uint16_t* p, const Masks& masks) {
  const i32x4 w = i32x4::load_unaligned(reinterpret_cast<const int32_t*>(p));
  return {from_bits(((w << 16) >> 3) & masks.half) * masks.half_scale,
          from_bits((w >> 3) & masks.half) * masks.half_scale};
}

// Two neighbouring int16 in every 32-bit lane.
inline i16x8 splat_pair(const int16_t* p) {
  int32_t pair;
  std::memcpy(&pair, p, sizeof pair);
  return xsimd::bitwise_cast<int16_t>(i32x4(pair));
}

// The nearest half, ties to even, in the low 16 bits of each lane; as float_to_half (dtype.h).
inline i32x4 to_half(f32x4 v) {
  const i32x4 bits = bits_of(v), magnitude = bits & i32x4(0x7FFFFFFF);
  const i32x4 normal = (magnitude - i32x4(0x38000000 - 0xFFF) + ((magnitude >> 13) & i32x4(1))) >> 13;
  const i32x4 subnormal = bits_of(from_bits(magnitude) + splat(0.5f)) - i32x4(0x3F000000);
  i32x4 half = xsimd::select(magnitude < i32x4(0x38800000), subnormal, normal);
  half = xsimd::select(magnitude >= i32x4(0x477FF000), i32x4(0x7C00), half);
  half = xsimd::select(magnitude > i32x4(0x7F800000), i32x4(0x7E00), half);
  return half | ((bits >> 16) & i32x4(0x8000));
}

// The low halves of the lanes of both, side by side.
inline i16x8 join_pairs(i32x4 first, i32x4 second, const Masks& masks) {
  return xsimd::bitwise_cast<int16_t>((first & masks.pair) | second << 16);
}

// Eight integers as int16, each four in the order 0, 2, 1, 3.
inline void store_int16(int16_t* p, i32x4 first, i32x4 second) {
  const auto a = xsimd::bitwise_cast<int64_t>(first), b = xsimd::bitwise_cast<int64_t>(second);
  const i32x4 low = xsimd::bitwise_cast<int32_t>(xsimd::zip_lo(a, b)),  // 0, 1 of both
      high = xsimd::bitwise_cast<int32_t>(xsimd::zip_hi(a, b));         // 2, 3 of both
  ((low & i32x4(0xFFFF)) | high << 16).store_unaligned(reinterpret_cast<int32_t*>(p));
}

// Exact dot products of 4 rows of 8-bit weights with one row of activations, 4 columns at a time.
struct RowDots {
  i32x4 sums = i32x4(0);

  // w: 16 bytes, 4 columns of row 0, then of rows 1, 2, 3. x: 4 activations in -127..127, in the order 0, 2,
  // 1, 3: even bytes of w meet the first two, odd bytes the others.
  void add(const int8_t* w, const int16_t* x) {
    const i16x8 bytes = i16x8::load_unaligned(reinterpret_cast<const int16_t*>(w));
    sums = sums + dot((bytes << 8) >> 8, splat_pair(x)) + dot(bytes >> 8, splat_pair(x + 2));
  }
  f32x4 total() const { return xsimd::to_float(sums); }
};

// The same of 8 rows of 4-bit weights: 16 bytes hold rows 0-3 in the low nibbles and rows 4-7 in the high
// ones. Whole bytes give low + 16 high, so that only the low nibbles need to be parted.
struct NibbleDots {
  i32x4 low = i32x4(0), both = i32x4(0);

  i32x4 high() const { return (both - low) >> 4; }
  void add(const uint8_t* w, const int16_t* x, const Masks& masks) {
    const i32x4 all = i32x4::load_unaligned(reinterpret_cast<const int32_t*>(w));
    const i32x4 even = all & masks.bytes,
                odd = xsimd::bitwise_cast<int32_t>(xsimd::bitwise_cast<uint16_t>(all) >> 8);
    const i16x8 x_even = splat_pair(x), x_odd = splat_pair(x + 2);
    low = low + dot(pairs(all & masks.nibbles), x_even) + dot(pairs(odd & masks.nibbles), x_odd);
    both = both + dot(pairs(even), x_even) + dot(pairs(odd), x_odd);
  }
};

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
