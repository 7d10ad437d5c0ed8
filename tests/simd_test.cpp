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
  for (float v = -87.3f; v <= 88.3f; v += 0.00037f) {
    float lane[4];
    store(lane, rwkv::exp(splat(v)));
    worst = std::max(worst, std::fabs(lane[2] / std::exp(double(v)) - 1));
  }
  CHECK(worst < 2e-7);
}

TEST_CASE("exp neither overflows nor goes below zero outside its range") {
  const float extremes[4] = {-1e30f, -100.0f, 100.0f, 1e30f};
  float lane[4];
  store(lane, rwkv::exp(load(extremes)));
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
    const F32x8 v = load_f16x8(packed, Masks{});
    float lane[8];
    store(lane, v.low);
    store(lane + 4, v.high);
    for (int i = 0; i < 8; ++i) {
      if ((halves[i] & 0x7C00) == 0x7C00) continue;  // infinities and NaN: no weight is one
      wrong += lane[i] != half_to_float_reference(halves[i]);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("row dots are exact at the extremes of int8") {
  for (const int w : {-128, -127, 0, 1, 127})
    for (const int x : {-127, 0, 127}) {
      int8_t weights[16];
      int16_t activations[4];
      std::fill_n(weights, 16, int8_t(w));
      std::fill_n(activations, 4, int16_t(x));
      RowDots dots;
      for (int i = 0; i < 8; ++i) dots.add(weights, activations);
      float lane[4];
      store(lane, dots.total());
      for (int i = 0; i < 4; ++i) CHECK(lane[i] == float(32 * w * x));
    }
}
