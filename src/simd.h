// The only file that sees a machine. Everything is four floats wide, WebAssembly's width, on every target, so
// that the native tests run the very code that the browser runs. Words that xsimd has are xsimd's; the rest
// is here.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
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
using u64x2 = xsimd::batch<uint64_t, f32x4::arch_type>;
using u16x8 = xsimd::batch<uint16_t, f32x4::arch_type>;
using u8x16 = xsimd::batch<uint8_t, f32x4::arch_type>;

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

inline i16x8 pairs(i32x4 v) { return xsimd::bitwise_cast<int16_t>(v); }
inline i32x4 lanes(i16x8 v) { return xsimd::bitwise_cast<int32_t>(v); }

inline i32x4 load_int(const void* p) { return i32x4::load_unaligned(static_cast<const int32_t*>(p)); }

// The same 4 bytes in every lane.
inline i32x4 splat_int(const void* p) {
#if defined(__wasm_simd128__)
  return wasm_v128_load32_splat(p);
#else
  int32_t v;
  std::memcpy(&v, p, sizeof v);
  return i32x4(v);
#endif
}
inline f32x4 splat_float(const void* p) { return from_bits(splat_int(p)); }

// The same 8 bytes in both halves.
inline i32x4 splat_two_ints(const void* p) {
#if defined(__wasm_simd128__)
  return wasm_v128_load64_splat(p);
#else
  int32_t v[2];
  std::memcpy(v, p, sizeof v);
  return i32x4(v[0], v[1], v[0], v[1]);
#endif
}

// Lanes that fit 16 bits, those of a below those of b.
inline i16x8 narrow(i32x4 a, i32x4 b) {
#if defined(__wasm_simd128__)
  return wasm_i16x8_narrow_i32x4(a, b);
#else
  int32_t from[8];
  int16_t to[8];
  a.store_unaligned(from), b.store_unaligned(from + kLanes);
  for (int i = 0; i < 8; ++i) to[i] = int16_t(from[i]);
  return i16x8::load_unaligned(to);
#endif
}

// Lanes that fit 8 bits, those of a below those of b.
inline i32x4 narrow_to_bytes(i16x8 a, i16x8 b) {
#if defined(__wasm_simd128__)
  return wasm_i8x16_narrow_i16x8(a, b);
#else
  int16_t from[16];
  int8_t to[16];
  a.store_unaligned(from), b.store_unaligned(from + 8);
  for (int i = 0; i < 16; ++i) to[i] = int8_t(from[i]);
  return load_int(to);
#endif
}

// In either vector, of four lanes of four bytes each: byte j of lane i <-> byte i of lane j.
inline void transpose_bytes(i32x4& a, i32x4& b) {
  const auto halves = [](i32x4 v) { return xsimd::bitwise_cast<uint64_t>(v); };
  const auto bytes = [](u64x2 v) { return xsimd::bitwise_cast<uint8_t>(v); };
  for (int i = 0; i < 2; ++i) {
    const u8x16 low = bytes(xsimd::zip_lo(halves(a), halves(b))),
                high = bytes(xsimd::zip_hi(halves(a), halves(b)));
    a = xsimd::bitwise_cast<int32_t>(xsimd::zip_lo(low, high));
    b = xsimd::bitwise_cast<int32_t>(xsimd::zip_hi(low, high));
  }
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

// Products of bytes a in -127..127 with bytes w in 0..127. Within these bounds relaxed SIMD leaves nothing
// to the machine: no sum of two products saturates, and w is the same number with and without a sign.
// Baseline WebAssembly has no such instruction; natively loops stand for it, so that every test sees the same
// code.
#if defined(__wasm_relaxed_simd__) || !defined(__wasm_simd128__)
constexpr bool kHasByteDots = true;
#else
constexpr bool kHasByteDots = false;
#endif
// Where the relaxed ones are there, those of 16 bits are of no use; natively they are tested.
#if defined(__wasm_relaxed_simd__)
constexpr bool kHasWordDots = false;
#else
constexpr bool kHasWordDots = true;
#endif

#if !defined(__wasm_relaxed_simd__)
// The sums of `terms` neighbouring products.
template <class Sum, int terms>
inline i32x4 byte_dots_by_loop(i32x4 a, i32x4 w) {
  int8_t x[16], y[16];
  a.store_unaligned(reinterpret_cast<int32_t*>(x)), w.store_unaligned(reinterpret_cast<int32_t*>(y));
  Sum sums[16 / terms] = {};
  for (int i = 0; i < 16; ++i) sums[i / terms] = Sum(sums[i / terms] + x[i] * y[i]);
  return load_int(sums);
}
#endif

// 16-bit lane i = a[2i] w[2i] + a[2i+1] w[2i+1].
inline i16x8 pair_dot(i32x4 a, i32x4 w) {
#if defined(__wasm_relaxed_simd__)
  return wasm_i16x8_relaxed_dot_i8x16_i7x16(a, w);
#else
  return pairs(byte_dots_by_loop<int16_t, 2>(a, w));
#endif
}

// 32-bit lane i = sum + the products of bytes 4i..4i+3.
inline i32x4 quad_dot(i32x4 a, i32x4 w, i32x4 sum) {
#if defined(__wasm_relaxed_simd__)
  return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, w, sum);
#else
  return sum + byte_dots_by_loop<int32_t, 4>(a, w);
#endif
}

// Keeps an accumulation where it is written. Without it LLVM brings the steps of an unrolled loop into an
// order with so many values alive that V8, with 15 registers, moves most of them to the stack and back: of a
// tile of 8 rows and 4 tokens q8 dot makes 45 instead of 72 GOP/s, q8 split 77 instead of 99, q4 75 instead
// of 109.
template <class Vector>
inline void keep_order([[maybe_unused]] Vector& v) {
#if defined(__wasm_simd128__)
  asm volatile("" : "+r"(v.data));
#endif
}

// So many steps of the loop that follows are written one after the other. All of them are best, except where
// the program may meet the V8 of Node 20, which draws every load of a long block to its front: with 8 steps
// q8 dot makes 30-34 GOP/s there and q4 dot 31-35, with one 45-58 and 45-54. (Node 24: 55-70 and 46-62, and
// 45-66 and 44-60.) Relaxed SIMD is not for Node 20.
#if defined(__clang__)
#define RWKV_PRAGMA(text) _Pragma(#text)
#define RWKV_UNROLL(count) RWKV_PRAGMA(clang loop unroll_count(count))
#else
#define RWKV_UNROLL(count)
#endif

// V8 builds a constant vector anew at each use; what came out of memory it keeps in a register. (Products
// with q4 weights gain an eighth, those with f16 weights are twice as fast, so is e^v.)
inline i32x4 splat_from_memory(int32_t v) {
  volatile int32_t in_memory = v;
  return i32x4(in_memory);
}
inline f32x4 splat_from_memory(float v) { return from_bits(splat_from_memory(std::bit_cast<int32_t>(v))); }

// e^v, relative error below 2e-7 for -87.3 <= v <= 88.3; clamped outside, so it never overflows, and 0 is
// 1e-38. Of NaN it is NaN. Made once for a loop. e^v = 2^n e^r with n = round(v / ln 2), |r| <= ln 2 /
// 2, e^r by its Taylor polynomial of degree 7, its terms in pairs, so that fewer wait for others.
class Exp {
 public:
  f32x4 operator()(f32x4 x) const {
    const f32x4 v = xsimd::min(xsimd::max(x, low_), high_);
    const f32x4 shifted = v * per_ln2_ + magic_;
    const f32x4 n = shifted - magic_;
    const f32x4 r = (v - n * ln2_[0]) + n * ln2_[1], r2 = r * r;
    const f32x4 p = ((c_[0] + r) + (c_[1] + c_[2] * r) * r2) +
                    ((c_[3] + c_[4] * r) + (c_[5] + c_[6] * r) * r2) * (r2 * r2);
    // The low bits of `shifted` are n: they become the exponent.
    const f32x4 power = xsimd::bitwise_cast<float>(xsimd::bitwise_cast<uint32_t>(p) +
                                                   (xsimd::bitwise_cast<uint32_t>(shifted) << 23));
    return xsimd::select(x == x, power, x);
  }

 private:
  f32x4 low_ = splat_from_memory(-87.3f), high_ = splat_from_memory(88.3f);
  f32x4 per_ln2_ = splat_from_memory(1.44269504f), magic_ = splat_from_memory(kRoundingMagic);
  // ln 2 in two parts: n times the first is exact, the second carries the rest.
  f32x4 ln2_[2] = {splat_from_memory(0.693359375f), splat_from_memory(2.12194440e-4f)};
  f32x4 c_[7] = {splat_from_memory(1.0f),       splat_from_memory(0.5f),       splat_from_memory(1.0f / 6),
                 splat_from_memory(1.0f / 24),  splat_from_memory(1.0f / 120), splat_from_memory(1.0f / 720),
                 splat_from_memory(1.0f / 5040)};
};

// Eight halves as two vectors, stored so that 32-bit lane i holds element i below and element 4 + i above.
// A half's bits moved to a float's places are the float times 2^-112, subnormals included: kHalfScale makes
// up for it.
constexpr float kHalfScale = 0x1p112f;
constexpr int32_t kHalfMask = int32_t(0x8FFFE000);
struct F32x8 {
  f32x4 low, high;
};
inline F32x8 load_scaled_halves(const void* p, i32x4 half_mask) {
  const i32x4 w = load_int(p);
  return {from_bits(((w << 16) >> 3) & half_mask), from_bits((w >> 3) & half_mask)};
}

// Integers -128..127 in `v`, those of columns 0..31, as bytes. 32-bit lane j of the first vector holds the
// columns 2j, 2j+1, 16+2j, 17+2j, of the second one those of j + 4.
struct ByteQuads {
  i32x4 first, second;
};
inline ByteQuads byte_quads(const i32x4 (&v)[8]) {
#if defined(__wasm_simd128__)
  const auto narrow = [&](int i) {
    return wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(v[i], v[i + 1]),
                                   wasm_i16x8_narrow_i32x4(v[i + 2], v[i + 3]));
  };
  const v128_t low = narrow(0), high = narrow(4);
  return {wasm_i16x8_shuffle(low, high, 0, 8, 1, 9, 2, 10, 3, 11),
          wasm_i16x8_shuffle(low, high, 4, 12, 5, 13, 6, 14, 7, 15)};
#else
  int32_t from[32];
  for (int i = 0; i < 8; ++i) v[i].store_unaligned(from + i * kLanes);
  int8_t to[32];
  for (int i = 0; i < 32; ++i) to[i] = int8_t(from[i / 4 * 2 + i % 2 + (i & 2) * 8]);
  return {load_int(to), load_int(to + 16)};
#endif
}

// The nearest half, ties to even, in the low 16 bits of each lane; as float_to_half (quant/dtype.h).
inline i32x4 to_half(f32x4 v) {
  const i32x4 bits = bits_of(v), magnitude = bits & i32x4(0x7FFFFFFF);
  const i32x4 normal = (magnitude - i32x4(0x38000000 - 0xFFF) + ((magnitude >> 13) & i32x4(1))) >> 13;
  const i32x4 subnormal = bits_of(from_bits(magnitude) + splat(0.5f)) - i32x4(0x3F000000);
  i32x4 half = xsimd::select(magnitude < i32x4(0x38800000), subnormal, normal);
  half = xsimd::select(magnitude >= i32x4(0x477FF000), i32x4(0x7C00), half);
  half = xsimd::select(magnitude > i32x4(0x7F800000), i32x4(0x7E00), half);
  return half | ((bits >> 16) & i32x4(0x8000));
}

// f(input(0), input(1), ...)
template <size_t... k, class F, class Input>
inline f32x4 apply(std::index_sequence<k...>, F f, Input input) {
  return f(input(k)...);
}

// out[i] = f(a[i], b[i], ...) for i < n: whole vectors, then one partial vector. Outputs may be inputs.
//   map(n, out, {a, b}, [](f32x4 a, f32x4 b) { return a + b; });
template <size_t count, class F>
inline void map(int n, float* out, const float* const (&in)[count], F f) {
  const std::make_index_sequence<count> all;
  int i = 0;
  for (; i + kLanes <= n; i += kLanes)
    store(out + i, apply(all, f, [&](size_t k) { return load(in[k] + i); }));
  if (i < n) store_part(out + i, apply(all, f, [&](size_t k) { return load_part(in[k] + i, n - i); }), n - i);
}

// The sum of f(a[i], b[i], ...) for i < n. REQUIRES: f(0, 0, ...) = 0, so that padding adds nothing.
template <size_t count, class F>
inline float sum_of(int n, const float* const (&in)[count], F f) {
  const std::make_index_sequence<count> all;
  f32x4 total = splat(0);
  int i = 0;
  for (; i + kLanes <= n; i += kLanes)
    total = total + apply(all, f, [&](size_t k) { return load(in[k] + i); });
  if (i < n) total = total + apply(all, f, [&](size_t k) { return load_part(in[k] + i, n - i); });
  return sum(total);
}

}  // namespace rwkv
