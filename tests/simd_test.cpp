#include "simd.h"

#include <catch_amalgamated.hpp>
#include <cmath>

#include "reference.h"

using namespace rwkv;

namespace {

// By the definition of IEEE 754 binary16.
float half_to_float_reference(uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const double magnitude = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
  return float(half & 0x8000 ? -magnitude : magnitude);
}

}  // namespace

TEST_CASE("exp stays within 2e-7 of the true value over its whole range") {
  double worst = 0;
  const Exp exp;
  for (float v = -87.3f; v <= 88.3f; v += 0.00037f) {
    float lane[4];
    store(lane, exp(splat(v)));
    worst = std::max(worst, std::fabs(lane[2] / std::exp(double(v)) - 1));
  }
  CHECK(worst < 2e-7);
}

TEST_CASE("exp neither overflows nor goes below zero outside its range") {
  const float extremes[4] = {-1e30f, -100.0f, 100.0f, 1e30f};
  float lane[4];
  store(lane, Exp()(load(extremes)));
  for (int i = 0; i < 4; ++i) CHECK(std::isfinite(lane[i]));
  CHECK(lane[0] >= 0);
  CHECK(lane[0] < 2e-38f);
  CHECK(lane[3] > 1e38f);
}

TEST_CASE("round_to_int rounds to nearest, ties to even") {
  const float values[8] = {0.5f, 1.5f, -0.5f, -1.5f, 126.6f, -127.0f, 2.49f, 0.0f};
  const int32_t expected[8] = {0, 2, 0, -2, 127, -127, 2, 0};
  for (int half = 0; half < 2; ++half) {
    int32_t lane[4];
    round_to_int(load(values + 4 * half)).store_unaligned(lane);
    for (int i = 0; i < 4; ++i) CHECK(lane[i] == expected[4 * half + i]);
  }
}

TEST_CASE("partial loads and stores touch nothing beyond their count") {
  for (int n = 0; n <= 4; ++n) {
    const std::vector<float> in = reference::random_floats(n, 1, 2, 1);  // exactly n: sanitizers see one more
    std::vector<float> out(n, 0.0f);
    const f32x4 v = load_part(in.data(), n);
    store_part(out.data(), v, n);
    CHECK(out == in);
    float lane[4];
    store(lane, v);
    for (int i = n; i < 4; ++i) CHECK(lane[i] == 0);
  }
}

TEST_CASE("every half becomes the float it stands for") {
  int wrong = 0;
  for (int base = 0; base < 65536; base += 8) {
    uint16_t halves[8], packed[8];
    for (int i = 0; i < 8; ++i) halves[i] = uint16_t(base + i), packed[i % 4 * 2 + i / 4] = halves[i];
    const F32x8 v = load_scaled_halves(packed, i32x4(kHalfMask));
    float lane[8];
    store(lane, v.low * splat(kHalfScale));
    store(lane + 4, v.high * splat(kHalfScale));
    for (int i = 0; i < 8; ++i) {
      if ((halves[i] & 0x7C00) == 0x7C00) continue;  // infinities and NaN: no weight is one
      wrong += lane[i] != half_to_float_reference(halves[i]);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("16-bit dots are exact at the extremes") {
  for (const int a : {-128, -127, 0, 1, 127})
    for (const int b : {-32768, -1, 0, 255, 32767}) {
      const int16_t x[8] = {int16_t(a), 0, 0, int16_t(a), int16_t(a), int16_t(a), 0, 0};
      const int16_t y[8] = {int16_t(b), int16_t(b), int16_t(b), int16_t(b), int16_t(b), int16_t(b), 1, 1};
      int32_t lane[4];
      dot(pairs(load_int(x)), pairs(load_int(y))).store_unaligned(lane);
      CHECK(lane[0] == a * b);
      CHECK(lane[1] == a * b);
      CHECK(lane[2] == 2 * a * b);
      CHECK(lane[3] == 0);
    }
}

#if defined(__wasm_relaxed_simd__) || !defined(__wasm_simd128__)
TEST_CASE("products of bytes are exact within the bounds that leave the machine no choice") {
  const auto random = reference::random_floats(4096, 0, 1, 3);
  int wrong = 0;
  for (int round = 0; round < 128; ++round) {
    int8_t a[16], w[16];
    for (int i = 0; i < 16; ++i) {
      const float u = random[size_t(round) * 32 + size_t(i)], v = random[size_t(round) * 32 + 16 + size_t(i)];
      a[i] = int8_t(round < 4 ? (round & 1 ? 127 : -127) : int(u * 255) - 127);
      w[i] = int8_t(round < 4 ? (round & 2 ? 127 : 0) : int(v * 128));
    }
    int16_t pair[8];
    int32_t quad[4];
    const i32x4 start(1000 * round - 64000);
    lanes(pair_dot(load_int(a), load_int(w))).store_unaligned(reinterpret_cast<int32_t*>(pair));
    quad_dot(load_int(a), load_int(w), start).store_unaligned(quad);
    for (int i = 0; i < 8; ++i) wrong += pair[i] != a[2 * i] * w[2 * i] + a[2 * i + 1] * w[2 * i + 1];
    for (int i = 0; i < 4; ++i) {
      int expected = 1000 * round - 64000;
      for (int k = 0; k < 4; ++k) expected += a[4 * i + k] * w[4 * i + k];
      wrong += quad[i] != expected;
    }
  }
  CHECK(wrong == 0);
}
#endif

TEST_CASE("byte quads hold two columns of either half of a block") {
  int32_t columns[32];
  for (int i = 0; i < 32; ++i) columns[i] = (i % 2 ? -1 : 1) * (127 - 3 * i);
  i32x4 v[8];
  for (int i = 0; i < 8; ++i) v[i] = load_int(columns + 4 * i);
  const ByteQuads quads = byte_quads(v);
  int8_t bytes[32];
  quads.first.store_unaligned(reinterpret_cast<int32_t*>(bytes));
  quads.second.store_unaligned(reinterpret_cast<int32_t*>(bytes + 16));
  for (int j = 0; j < 8; ++j) {
    CHECK(bytes[4 * j] == columns[2 * j]);
    CHECK(bytes[4 * j + 1] == columns[2 * j + 1]);
    CHECK(bytes[4 * j + 2] == columns[16 + 2 * j]);
    CHECK(bytes[4 * j + 3] == columns[17 + 2 * j]);
  }
}
