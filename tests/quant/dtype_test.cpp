#include "quant/dtype.h"

#include <catch_amalgamated.hpp>
#include <cmath>

#include "reference.h"

using namespace rwkv;

TEST_CASE("every half survives the way to float and back") {
  int wrong = 0;
  for (int half = 0; half < 65536; ++half)
    if ((half & 0x7FFF) <= 0x7C00) wrong += float_to_half(half_to_float(uint16_t(half))) != half;
  CHECK(wrong == 0);
  CHECK(std::isnan(half_to_float(float_to_half(NAN))));
}

TEST_CASE("float_to_half rounds to nearest, ties to even, and overflows to infinity") {
  CHECK(float_to_half(1.0f + 0x1p-11f) == 0x3C00);      // a tie, to even
  CHECK(float_to_half(1.0f + 3 * 0x1p-11f) == 0x3C02);  // a tie, to even
  CHECK(float_to_half(1.0f + 0x1.1p-11f) == 0x3C01);
  CHECK(float_to_half(65519.0f) == 0x7BFF);
  CHECK(float_to_half(65520.0f) == 0x7C00);
  CHECK(float_to_half(-1e30f) == 0xFC00);
  CHECK(float_to_half(0x1p-25f) == 0);  // a tie with zero
  CHECK(float_to_half(0x1.8p-25f) == 1);
  CHECK(float_to_half(0x1.ffep-15f) == 0x0400);  // rounds up into the normal range
}

TEST_CASE("values survive encode and decode within their type's precision") {
  const auto values = reference::random_floats(320, -3, 3, 5);
  const struct {
    DType dtype;
    double tolerance;
  } cases[] = {{DType::kF32, 0},
               {DType::kF16, 3.0 / 2048},
               {DType::kBF16, 3.0 / 256},
               {DType::kQ8_0, 3.0 / 127 * 0.51}};
  for (const auto& [dtype, tolerance] : cases) {
    INFO(dtype_name(dtype));
    std::vector<std::byte> bytes(bytes_of(dtype, values.size()));
    std::vector<float> decoded(values.size());
    encode(dtype, values, bytes.data());
    decode(dtype, bytes.data(), decoded);
    CHECK(reference::max_difference(values, decoded) <= tolerance);
    std::vector<std::byte> again(bytes.size());
    encode(dtype, decoded, again.data());  // what was rounded once does not move any more
    std::vector<float> decoded_again(values.size());
    decode(dtype, again.data(), decoded_again);
    CHECK(reference::max_difference(decoded, decoded_again) <= (dtype == DType::kQ8_0 ? 1e-6 : 0));
  }
}

TEST_CASE("values that are not finite make NaN of their block in Q8_0 and spoil no other") {
  const auto finite = reference::random_floats(96, -3, 3, 5);
  for (const float wrong : {NAN, INFINITY, -INFINITY}) {
    auto values = finite;
    values[40] = wrong;
    CHECK(count_not_finite(values) == 1);
    std::vector<std::byte> bytes(102);
    std::vector<float> decoded(96);
    encode(DType::kQ8_0, values, bytes.data());
    decode(DType::kQ8_0, bytes.data(), decoded);
    for (size_t i = 0; i < 96; ++i) {
      if (i / 32 == 1) CHECK(std::isnan(decoded[i]));
      else CHECK(std::fabs(decoded[i] - finite[i]) <= 3.0 / 127 * 0.51);
    }
  }
}

TEST_CASE("a Q8_0 block of zeros stays zero") {
  const std::vector<float> zeros(32);
  std::vector<std::byte> bytes(34);
  std::vector<float> decoded(32, 1.0f);
  encode(DType::kQ8_0, zeros, bytes.data());
  decode(DType::kQ8_0, bytes.data(), decoded);
  CHECK(decoded == zeros);
}
