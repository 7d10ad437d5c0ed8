#include <catch_amalgamated.hpp>

#include "kernels/kernels.h"
#include "reference.h"

using namespace rwkv;
using reference::random_floats;

TEST_CASE("layer_norm equals the reference at every width, in place and not") {
  for (int C = 1; C <= 70; C += C < 10 ? 1 : 13) {
    const int R = 3;
    auto x = random_floats(R * C, -5, 9, C);
    const Norm norm{random_floats(C, -1, 1, 2), random_floats(C, -1, 1, 3)};
    auto expected = reference::doubles(x);
    for (int r = 0; r < R; ++r)
      reference::normalize(&expected[r * C], C, norm.weight.data(), norm.bias.data(), 1e-5);
    std::vector<float> out(R * C);
    layer_norm({x.data(), R, C}, norm, 1e-5f, {out.data(), R, C});
    INFO("C " << C);
    CHECK(reference::max_difference(out, expected) < 1e-5);
    layer_norm({x.data(), R, C}, norm, 1e-5f, {x.data(), R, C});
    CHECK(x == out);
  }
}

TEST_CASE("layer_norm of equal values gives the bias") {
  std::vector<float> x(8, 3.0f);
  const Norm norm{Vector(8, 2.0f), random_floats(8, -1, 1, 3)};
  layer_norm({x.data(), 1, 8}, norm, 1e-5f, {x.data(), 1, 8});
  CHECK(reference::max_difference(x, norm.bias) < 1e-6);
}

TEST_CASE("group_norm normalises each head by itself") {
  for (const int N : {4, 8, 64}) {
    const int H = 3, R = 2, C = H * N;
    auto x = random_floats(R * C, -2, 2, N);
    const Norm norm{random_floats(C, -1, 1, 2), random_floats(C, -1, 1, 3)};
    auto expected = reference::doubles(x);
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < C; c += N)
        reference::normalize(&expected[r * C + c], N, &norm.weight[c], &norm.bias[c], 64e-5);
    group_norm({x.data(), R, C}, H, norm, 64e-5f);
    CHECK(reference::max_difference(x, expected) < 1e-5);
  }
}

TEST_CASE("normalize_heads makes unit vectors and leaves zeros alone") {
  const int H = 2, N = 8, C = H * N;
  auto x = random_floats(C, -2, 2, 1);
  std::fill_n(x.begin() + N, N, 0.0f);
  auto expected = reference::doubles(x);
  double length = 0;
  for (int i = 0; i < N; ++i) length += expected[i] * expected[i];
  for (int i = 0; i < N; ++i) expected[i] /= std::sqrt(length);
  normalize_heads({x.data(), 1, C}, H);
  CHECK(reference::max_difference(x, expected) < 1e-6);
}
