#include "quant/matrix.h"

#include <catch_amalgamated.hpp>
#include <cmath>
#include <map>

#include "quant/sample_group.h"
#include "reference.h"

using namespace rwkv;

namespace {

Matrix pack(Quantization format, int cols, const std::vector<float>& values) {
  Matrix matrix = make_matrix(format, kGroup, cols);
  pack_group(matrix, 0, values.data());
  return matrix;
}

std::vector<float> unpack(const Matrix& matrix) {
  std::vector<float> values(size_t(kGroup) * matrix.cols);
  unpack_group(matrix, 0, values.data());
  return values;
}

// FNV-1a
uint64_t hash_of(const Matrix& matrix) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte byte : matrix.data.span()) hash = (hash ^ uint64_t(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace

TEST_CASE("a matrix of any width keeps its f32 and f16 weights") {
  for (const int cols : {1, 3, 4, 5, 31, 33, 64}) {
    const auto values = sample_group(cols, unsigned(cols));
    CHECK(unpack(pack(Quantization::kF32, cols, values)) == values);
    auto halves = values;
    for (float& value : halves) value = half_to_float(float_to_half(value));
    CHECK(unpack(pack(Quantization::kF16, cols, values)) == halves);
  }
}

TEST_CASE("q8 rounds each weight to the nearest of 127 steps of its block, to the bit") {
  const int cols = 96;
  const auto values = sample_group(cols, 1);
  const Matrix matrix = pack(Quantization::kQ8, cols, values);
  const auto unpacked = unpack(matrix);
  int wrong = 0;
  for (size_t b = 0; b < values.size(); b += kBlock) {
    float largest = 0;
    for (int i = 0; i < kBlock; ++i) largest = std::fmax(largest, std::fabs(values[b + i]));
    const float inverse = largest > 0 ? 63 / largest : 0;
    for (int i = 0; i < kBlock; ++i)
      wrong += unpacked[b + i] != largest / 63 * std::nearbyint(values[b + i] * inverse);
  }
  CHECK(wrong == 0);
}

TEST_CASE("q4 holds each weight within about a half of its part's step") {
  const int cols = 192;
  const auto values = sample_group(cols, 2), unpacked = unpack(pack(Quantization::kQ4, cols, values));
  double worst = 0;
  for (size_t part = 0; part < values.size(); part += q4::kPart) {
    float low = 0, high = 0;
    for (int i = 0; i < q4::kPart; ++i)
      low = std::fmin(low, values[part + i]), high = std::fmax(high, values[part + i]);
    for (int i = 0; i < q4::kPart && high > low; ++i)
      worst = std::fmax(worst, std::fabs(unpacked[part + i] - values[part + i]) / ((high - low) / 15));
  }
  CHECK(worst < 1.3);  // ends may be cut off where that serves the others
  CHECK(worst > 0.5);
  CHECK(relative_error(unpacked, values) < 0.06);
  std::vector<float> zeros(values.begin() + 5 * cols, values.begin() + 6 * cols);
  CHECK(std::equal(zeros.begin(), zeros.end(), unpacked.begin() + 5 * cols));
}

TEST_CASE("packing again what was packed changes nothing") {
  const int cols = 256;
  for (const Quantization format : kQuantizations) {
    INFO(quantization_name(format));
    const auto once = unpack(pack(format, cols, sample_group(cols, 3)));
    const auto twice = unpack(pack(format, cols, once));
    // A scale may move by a bit where 63 scales are not exactly the largest weight.
    CHECK(relative_error(twice, once) < (number_format(format).shares_scales() ? 2e-7 : 1e-30));
  }
}

TEST_CASE("q4 finds the steps of weights that were quantised before") {
  const int cols = 256;
  auto values = reference::random_floats(size_t(kGroup) * cols, -1, 1, 4);
  for (size_t b = 0; b < values.size(); b += kBlock) {  // as Q4_0 does: 16 steps for 32 columns
    float peak = 0;
    for (int i = 0; i < kBlock; ++i)
      if (std::fabs(values[b + i]) > std::fabs(peak)) peak = values[b + i];
    const float scale = half_to_float(float_to_half(peak / -8));
    for (int i = 0; i < kBlock; ++i)
      values[b + i] = scale * std::fmin(std::nearbyint(values[b + i] / scale), 7.0f);
  }
  Matrix matrix = make_matrix(Quantization::kQ4, kGroup, cols);
  pack_group(matrix, 0, values.data());
  CHECK(relative_error(unpack(matrix), values) < 0.06);
  pack_group(matrix, 0, values.data(), true);
  CHECK(relative_error(unpack(matrix), values) < 0.004);
}

TEST_CASE(
    "values that are not finite are counted, and their rows are not finite afterwards; others are as they "
    "were") {
  const int cols = 64;
  for (const Quantization format : kQuantizations) {
    INFO(quantization_name(format));
    auto values = reference::random_floats(size_t(kGroup) * cols, -1, 1, 6);
    const auto sound = unpack(pack(format, cols, values));
    for (const size_t at : {size_t(3), size_t(70), values.size() - 1}) values[at] = NAN;  // rows 0, 1, 7
    values[100] = INFINITY, values[300] = -INFINITY;                                      // rows 1, 4
    Matrix matrix = make_matrix(format, kGroup, cols);
    CHECK(pack_group(matrix, 0, values.data()) == 5);
    const auto unpacked = unpack(matrix);
    for (int row = 0; row < kGroup; ++row) {
      const std::span<const float> found(&unpacked[size_t(row) * cols], cols);
      CHECK((count_not_finite(found) > 0) == (row == 0 || row == 1 || row == 4 || row == 7));
      if (count_not_finite(found) == 0)
        CHECK(std::equal(found.begin(), found.end(), &sound[size_t(row) * cols]));
    }
  }
}

TEST_CASE("weights at the ends of the range of floats are packed to finite weights") {
  const int cols = 64;
  for (const float size : {3e38f, 1e-30f, 1e-37f, 1e-45f})
    for (const Quantization format : {Quantization::kQ8, Quantization::kQ4}) {
      INFO(quantization_name(format) << " " << size);
      auto values = reference::random_floats(size_t(kGroup) * cols, -1, 1, 8);
      for (float& value : values) value *= size;
      Matrix matrix = make_matrix(format, kGroup, cols);
      CHECK(pack_group(matrix, 0, values.data()) == 0);
      for (const float w : unpack(matrix)) REQUIRE(std::fabs(w) <= size * 1.01f);
    }
}

TEST_CASE("packing gives the same bytes on every machine") {
  const auto values = sample_group(160, 9);
  const std::map<Quantization, uint64_t> expected = {{Quantization::kF32, 0xec999ef9f2cb999d},
                                                     {Quantization::kF16, 0x764586b53c626ac4},
                                                     {Quantization::kQ8, 0xdf46d2cf40686736},
                                                     {Quantization::kQ4, 0xe363625973f7ba18}};
  for (const Quantization format : kQuantizations) {
    INFO(quantization_name(format));
    REQUIRE(expected.contains(format));
    CHECK(hash_of(pack(format, 160, values)) == expected.at(format));
  }
}
