#include <catch_amalgamated.hpp>
#include <cmath>

#include "kernels/kernels.h"
#include "reference.h"

using namespace rwkv;

namespace {

Matrix pack(Quantization format, const std::vector<float>& W, int M, int K) {
  Matrix matrix = make_matrix(format, M, K);
  std::vector<float> group(size_t(kGroup) * K);
  for (int m = 0; m < M; m += kGroup) {
    std::fill(group.begin(), group.end(), 0.0f);
    std::copy_n(W.data() + size_t(m) * K, size_t(std::min(M - m, kGroup)) * K, group.data());
    pack_group(matrix, m / kGroup, group.data());
  }
  return matrix;
}

std::vector<float> multiply(const Matrix& W, std::vector<float> x, int R) {
  Arena arena;
  std::vector<float> y(size_t(R) * W.rows);
  matmul(W, {x.data(), R, W.cols}, {y.data(), R, W.rows}, arena);
  return y;
}

// What activations become: integers times their block's scale.
std::vector<float> rounded_blocks(std::vector<float> values) {
  for (size_t b = 0; b < values.size(); b += kBlock) {
    float largest = 0;
    for (int i = 0; i < kBlock; ++i) largest = std::fmax(largest, std::fabs(values[b + i]));
    for (int i = 0; i < kBlock; ++i)
      values[b + i] = largest > 0 ? std::nearbyint(values[b + i] * (127 / largest)) * (largest / 127) : 0;
  }
  return values;
}

// The weights that a matrix stands for, (M, K).
std::vector<float> unpack(const Matrix& matrix) {
  std::vector<float> W, group(size_t(kGroup) * matrix.cols);
  for (int m = 0; m < matrix.rows; m += kGroup) {
    unpack_group(matrix, m / kGroup, group.data());
    W.insert(W.end(), group.begin(), group.begin() + size_t(std::min(matrix.rows - m, kGroup)) * matrix.cols);
  }
  return W;
}

}  // namespace

TEST_CASE("matmul equals the reference in f32 and f16 at every row count, height and width around a tile") {
  for (const Quantization format : {Quantization::kF32, Quantization::kF16})
    for (const int M : {1, 3, 4, 7, 8, 9, 16, 23})
      for (const int K : {1, 2, 5, 31, 64})
        for (int R = 1; R <= 9; ++R) {
          auto W = reference::random_floats(size_t(M) * K, -1, 1, M * 100 + K);
          if (format == Quantization::kF16)
            for (float& w : W) w = half_to_float(float_to_half(w));
          const auto x = reference::random_floats(size_t(R) * K, -2, 2, R);
          INFO(quantization_name(format) << " M " << M << " K " << K << " R " << R);
          REQUIRE(reference::max_difference(multiply(pack(format, W, M, K), x, R),
                                            reference::matmul(W, x, R, M, K)) < 2e-5);
        }
}

TEST_CASE("matmul equals the reference in q8 and q4 on the rounded operands, at every count and height") {
  for (const Quantization format : {Quantization::kQ8, Quantization::kQ4})
    for (const int M : {1, 3, 4, 5, 7, 8, 9, 13, 16, 24})
      for (const int K : {32, 64, 160})
        for (int R = 1; R <= 9; ++R) {
          const Matrix W = pack(format, reference::random_floats(size_t(M) * K, -1, 1, M * 100 + K), M, K);
          const auto x = reference::random_floats(size_t(R) * K, -2, 2, R);
          INFO(quantization_name(format) << " M " << M << " K " << K << " R " << R);
          REQUIRE(reference::max_difference(multiply(W, x, R),
                                            reference::matmul(unpack(W), rounded_blocks(x), R, M, K)) < 5e-5);
        }
}

// Whole blocks at one end of their range on both sides: the largest sums there can be.
TEST_CASE("matmul's integer sums hold the extremes of q8 and q4") {
  const int M = 16, K = 64, R = 5;
  for (const Quantization format : {Quantization::kQ8, Quantization::kQ4})
    for (const float activation : {-127.0f, 127.0f}) {
      std::vector<float> W(size_t(M) * K), x(size_t(R) * K, activation);
      for (int m = 0; m < M; ++m)
        for (int k = 0; k < K; ++k)  // all of one sign, both signs, and one that pulls the zero to an end
          W[size_t(m) * K + k] = m % 4 == 0    ? 127
                                 : m % 4 == 1  ? -127
                                 : k % 16 == m ? 127
                                 : m % 4 == 2  ? -1
                                               : -127;
      const Matrix packed = pack(format, W, M, K);
      INFO(quantization_name(format) << " activation " << activation);
      const auto exact = reference::matmul(unpack(packed), x, R, M, K);
      CHECK(reference::max_difference(multiply(packed, x, R), exact) < 1e-6 * 127 * 127 * K);
      CHECK(reference::max_difference(reference::matmul(W, x, R, M, K), exact) < 0.01 * 127 * 127 * K);
    }
}

TEST_CASE("a matrix of each row's own is multiplied as the reference does") {
  for (const int K : {1, 3, 32})
    for (const int M : {1, 2, 3, 4, 5, 8, 9, 32})
      for (const int R : {1, 2, 5}) {
        auto x = reference::random_floats(size_t(R) * K, -1, 1, K),
             E = reference::random_floats(size_t(R) * K * M, -1, 1, M);
        std::vector<float> y(size_t(R) * M, NAN);
        matmul_each({x.data(), R, K}, {E.data(), R, K * M}, {y.data(), R, M});
        reference::Doubles expected(y.size());
        for (int r = 0; r < R; ++r)
          for (int k = 0; k < K; ++k)
            for (int m = 0; m < M; ++m)
              expected[size_t(r) * M + m] += double(x[size_t(r) * K + k]) * E[(size_t(r) * K + k) * M + m];
        INFO("K " << K << " M " << M << " R " << R);
        REQUIRE(reference::max_difference(y, expected) < 1e-5);
      }
}

TEST_CASE("a row of matmul does not depend on the rows beside it, to the last bit") {
  const int M = 20, K = 96, R = 11;
  const auto W = reference::random_floats(size_t(M) * K, -1, 1, 1),
             x = reference::random_floats(size_t(R) * K, -1, 1, 2);
  for (const Quantization format :
       {Quantization::kF32, Quantization::kF16, Quantization::kQ8, Quantization::kQ4}) {
    const Matrix matrix = pack(format, W, M, K);
    const auto together = multiply(matrix, x, R);
    for (int r = 0; r < R; ++r) {
      const auto alone = multiply(matrix, {x.begin() + r * K, x.begin() + (r + 1) * K}, 1);
      CHECK(std::equal(alone.begin(), alone.end(), together.begin() + size_t(r) * M));
    }
  }
}
