// What this machine can do at most: bytes read from far memory and products of registers, with nothing else
// to do. A WebAssembly module without glue, so that Node, pages and their workers run it alike;
// `lib/limits.mjs` does the timing. Vectors are the compiler's own, and instructions its builtins, because
// limits must not depend on the words of the core that are measured against them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using i8x16 = int8_t __attribute__((vector_size(16)));
using i16x8 = int16_t __attribute__((vector_size(16)));
using i32x4 = int32_t __attribute__((vector_size(16)));
using f32x4 = float __attribute__((vector_size(16)));

constexpr int kRows = 4,
              kColumns = 2;  // of products a step: 8 accumulators, and 15 registers are all there are
constexpr int kStep = 4;     // vectors that a stream reads at once: a cache line

i32x4* memory = nullptr;
size_t vectors = 0;

// An operand that the compiler cannot see through, nor move the computing of out of a loop.
template <class T>
T opaque(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

int32_t sum_of(i32x4 v) { return v[0] + v[1] + v[2] + v[3]; }

// S equal parts of the memory, walked together.
template <int S>
int32_t read_streams() {
  i32x4 sums[S] = {};
  const size_t length = vectors / S / kStep * kStep;
  for (size_t i = 0; i < length; i += kStep)
    for (int s = 0; s < S; ++s) {
      const i32x4* p = memory + length * size_t(s) + i;
      sums[s] ^= (p[0] ^ p[1]) ^ (p[2] ^ p[3]);
    }
  for (int s = 1; s < S; ++s) sums[0] ^= sums[s];
  return sum_of(sums[0]);
}

// `steps` times kRows loaded vectors, each against kColumns kept ones. madd(a, b, sum) is one product with
// its addition. The loads come from the nearest cache.
template <class Operand, class Sum, class F>
int32_t products(int steps, F madd) {
  const auto* rows = reinterpret_cast<const Operand*>(memory);
  const Operand columns[kColumns] = {opaque(rows[40]), opaque(rows[41])};
  Sum sums[kRows][kColumns] = {};
  for (int step = 0; step < steps; ++step)
    for (int row = 0; row < kRows; ++row) {
      const Operand loaded = rows[(step & 7) * kRows + row];
      for (int column = 0; column < kColumns; ++column)
        sums[row][column] = madd(loaded, columns[column], sums[row][column]);
    }
  i32x4 total = {};
  for (const auto& row : sums)
    for (const Sum& sum : row) total ^= (i32x4)sum;
  return sum_of(total);
}

}  // namespace

extern "C" {

// Takes `bytes` of memory and writes to all of it. False: there is not enough.
[[clang::export_name("reserve")]] bool reserve(size_t bytes) {
  std::free(memory);
  memory = static_cast<i32x4*>(std::aligned_alloc(64, bytes));
  vectors = memory ? bytes / sizeof(i32x4) : 0;
  for (size_t i = 0; i < vectors; ++i) memory[i] = i32x4{} + int32_t(i & 0x07070707);
  return memory != nullptr;
}

// Reads all of it once. The result is there so that the reading is.
[[clang::export_name("read")]] int32_t read(int streams) {
  switch (streams) {
    case 1:
      return read_streams<1>();
    case 2:
      return read_streams<2>();
    case 4:
      return read_streams<4>();
    default:
      return read_streams<8>();
  }
}

// Each: 8 vector products and additions a step. Operations (a product and an addition count as two) a vector
// product: 8 of floats, 16 of 16-bit numbers, 32 of bytes.
[[clang::export_name("f32")]] int32_t f32(int steps) {
  return products<f32x4, f32x4>(steps, [](f32x4 a, f32x4 b, f32x4 sum) {
#ifdef __wasm_relaxed_simd__
    return __builtin_wasm_relaxed_madd_f32x4(a, b, sum);
#else
    return sum + a * b;
#endif
  });
}

[[clang::export_name("i16")]] int32_t i16(int steps) {
  return products<i16x8, i32x4>(
      steps, [](i16x8 a, i16x8 b, i32x4 sum) { return sum + __builtin_wasm_dot_s_i32x4_i16x8(a, b); });
}

#ifdef __wasm_relaxed_simd__
// Bytes to 32 bits by way of 16.
[[clang::export_name("i8_split")]] int32_t i8_split(int steps) {
  const i16x8 ones = opaque(i16x8{1, 1, 1, 1, 1, 1, 1, 1});
  return products<i8x16, i32x4>(steps, [=](i8x16 a, i8x16 b, i32x4 sum) {
    return sum + __builtin_wasm_dot_s_i32x4_i16x8(__builtin_wasm_relaxed_dot_i8x16_i7x16_s_i16x8(a, b), ones);
  });
}

// Bytes, summed in 16 bits.
[[clang::export_name("i8_short")]] int32_t i8_short(int steps) {
  return products<i8x16, i16x8>(steps, [](i8x16 a, i8x16 b, i16x8 sum) {
    return (i16x8)(sum + __builtin_wasm_relaxed_dot_i8x16_i7x16_s_i16x8(a, b));
  });
}

// Bytes to 32 bits in one instruction.
[[clang::export_name("i8_fused")]] int32_t i8_fused(int steps) {
  return products<i8x16, i32x4>(steps, [](i8x16 a, i8x16 b, i32x4 sum) {
    return __builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4(a, b, sum);
  });
}
#endif

}  // extern "C"
