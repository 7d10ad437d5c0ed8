#include <catch_amalgamated.hpp>
#include <cmath>

#include "kernels/kernels.h"
#include "reference.h"

using namespace rwkv;
using reference::random_floats;

namespace {

// Applies an in-place kernel to one row of n values at an offset that is not aligned, and checks each against
// f.
template <class Kernel, class F>
void check_each(Kernel kernel, F f, float low, float high, double tolerance) {
  for (int n = 0; n <= 2 * 4 + 1; ++n)
    for (int offset = 0; offset < 4; ++offset) {
      const auto in = random_floats(size_t(n) + offset, low, high, n * 7 + offset);
      auto out = in;
      kernel(Rows{out.data() + offset, 1, n});
      for (int i = 0; i < offset; ++i) REQUIRE(out[i] == in[i]);
      for (int i = offset; i < n + offset; ++i) {
        INFO("f(" << in[i] << ") = " << out[i] << ", expected " << f(double(in[i])));
        REQUIRE(std::fabs(out[i] - f(double(in[i]))) <= tolerance);
      }
    }
}

double sigmoid_reference(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("the functions of one row equal the reference at every length and misalignment") {
  check_each([](Rows x) { sigmoid(x); }, sigmoid_reference, -20, 20, 2e-7);
  check_each([](Rows x) { rwkv::tanh(x); }, [](double x) { return std::tanh(x); }, -20, 20, 3e-7);
  check_each([](Rows x) { rwkv::tanh(x); }, [](double x) { return std::tanh(x); }, -0.1f, 0.1f, 3e-7);
  check_each([](Rows x) { silu(x); }, [](double x) { return x * sigmoid_reference(x); }, -10, 10, 3e-6);
  check_each([](Rows x) { relu_squared(x); }, [](double x) { return x > 0 ? x * x : 0; }, -3, 3, 1e-6);
  check_each([](Rows x) { decay6(x); }, [](double x) { return std::exp(-std::exp(x)); }, -8, 3, 3e-7);
  check_each([](Rows x) { decay7(x); },
             [](double x) { return std::exp(-std::exp(-0.5) * sigmoid_reference(x)); }, -8, 8, 3e-7);
}

TEST_CASE("sigmoid, tanh and the decays stay finite and in range for huge inputs") {
  std::vector<float> x = {-1e30f, -500, 500, 1e30f};
  const auto apply = [&](auto kernel) {
    auto out = x;
    kernel(Rows{out.data(), 1, 4});
    for (const float v : out) CHECK((v >= -1 && v <= 1));
  };
  apply([](Rows r) { sigmoid(r); });
  apply([](Rows r) { rwkv::tanh(r); });
  apply([](Rows r) { decay6(r); });
  apply([](Rows r) { decay7(r); });
}

TEST_CASE("lerp, add and multiply equal the reference at every width, with mu a vector or rows") {
  for (int C = 1; C <= 9; ++C)
    for (int R = 1; R <= 3; ++R) {
      auto x = random_floats(R * C, -1, 1, 1), prev = random_floats(R * C, -1, 1, 2),
           mus = random_floats(R * C, 0, 1, 3);
      const Vector mu = random_floats(C, 0, 1, 4);
      std::vector<float> by_vector(R * C), by_rows(R * C), sum = x, biased = x, product = x, scaled(R * C);
      const auto rows = [&](std::vector<float>& v) { return Rows{v.data(), R, C}; };
      lerp(rows(x), rows(prev), mu, rows(by_vector));
      lerp(rows(x), rows(prev), rows(mus), rows(by_rows));
      add(rows(prev), rows(sum));
      add(mu, rows(biased));
      multiply(rows(prev), rows(product));
      multiply(rows(x), mu, rows(scaled));
      for (int i = 0; i < R * C; ++i) {
        const float m = mu[i % C];
        REQUIRE(by_vector[i] == Catch::Approx(x[i] + (prev[i] - x[i]) * m).margin(1e-6));
        REQUIRE(by_rows[i] == Catch::Approx(x[i] + (prev[i] - x[i]) * mus[i]).margin(1e-6));
        REQUIRE(sum[i] == x[i] + prev[i]);
        REQUIRE(biased[i] == x[i] + m);
        REQUIRE(product[i] == x[i] * prev[i]);
        REQUIRE(scaled[i] == x[i] * m);
      }
    }
}

TEST_CASE("scale_key7 is k (1 + (a - 1) k_a)") {
  const int R = 2, C = 7;
  auto a = random_floats(R * C, 0, 1, 1), k = random_floats(R * C, -1, 1, 2);
  const auto before = k;
  const Vector k_a = random_floats(C, 0, 2, 3);
  scale_key7({a.data(), R, C}, k_a, {k.data(), R, C});
  for (int i = 0; i < R * C; ++i)
    CHECK(k[i] == Catch::Approx(before[i] * (1 + (a[i] - 1) * k_a[i % C])).margin(1e-6));
}
