#include <catch_amalgamated.hpp>
#include <cstring>
#include <random>

#include "tools/calibration/rounding.h"

using namespace rwkv;

namespace {

constexpr int K = 64;

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Of inputs whose neighbours are alike.
Hessian correlated() {
  Hessian H(K);
  for (uint32_t i = 0; i < 500; ++i) {
    std::vector<float> x = random_values(K, i);
    for (size_t k = 1; k < K; ++k) x[k] += 0.9f * x[k - 1];
    H.add(x.data());
  }
  H.finish(0.01f * H.mean_of_diagonal());
  return H;
}

Matrix packed(const std::vector<float>& values) {
  Matrix matrix = make_matrix(Quantization::kQ4, kGroup, K);
  pack_group(matrix, 0, values.data());
  return matrix;
}

}  // namespace

TEST_CASE("a q4 row is what the kernels see") {
  Matrix matrix = packed(random_values(kGroup * K, 1)), copy = make_matrix(Quantization::kQ4, kGroup, K);
  std::memset(copy.data.as<char>(), 0, copy.data.bytes());
  std::vector<float> seen(kGroup * K);
  unpack_group(matrix, 0, seen.data());
  for (int row = 0; row < kGroup; ++row) {
    const Q4Row taken = take_row(matrix, row);
    for (int k = 0; k < K; ++k) CHECK(taken.value(k) == seen[size_t(row * K + k)]);
    put_row(copy, row, taken);
  }
  CHECK(std::memcmp(copy.data.as<char>(), matrix.data.as<char>(), matrix.data.bytes()) == 0);
}

TEST_CASE("a factor solves what it is the factor of") {
  const Hessian H = correlated();
  const std::vector<float> x = random_values(K, 2);
  std::vector<float> y(K, 0.0f);
  for (int i = 0; i < K; ++i)
    for (int k = 0; k < K; ++k) y[size_t(i)] += H.row(i)[k] * x[size_t(k)];
  Factor(H, 0, K).solve(y);
  for (size_t k = 0; k < K; ++k) CHECK(std::abs(y[k] - x[k]) < 1e-2f);
}

TEST_CASE("rows rounded with their inputs in mind err less in their products") {
  const Hessian H = correlated();
  const Factor factor(H, 0, K);
  const std::vector<float> values = random_values(kGroup * K, 3);
  const Matrix plain = packed(values);
  for (int row = 0; row < kGroup; ++row) {
    const std::span<const float> w(&values[size_t(row) * K], K);
    CHECK(cost_of(w, round_row(w, H, factor), H) < 0.7 * cost_of(w, take_row(plain, row), H));
  }
}

TEST_CASE("a row of zeros stays one") {
  const Hessian H = correlated();
  const std::vector<float> zeros(K, 0.0f);
  const Q4Row row = round_row(zeros, H, Factor(H, 0, K));
  for (int k = 0; k < K; ++k) CHECK(row.value(k) == 0);
}
