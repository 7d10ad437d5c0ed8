#include <catch_amalgamated.hpp>

#include "kernels/kernels.h"
#include "reference.h"

using namespace rwkv;
using reference::Doubles;
using reference::doubles;
using reference::random_floats;

namespace {

// The inputs of a recurrence over T tokens of C channels, and what comes of them.
struct Run {
  int T, C;
  std::vector<float> r, k, v, w, kk, a, y = std::vector<float>(size_t(T) * C);

  Run(int T, int C)
      : T(T),
        C(C),
        r(random(-1, 1, 1)),
        k(random(-1, 1, 2)),
        v(random(-1, 1, 3)),
        w(random(0.1f, 1, 4)),
        kk(random(-0.3f, 0.3f, 5)),
        a(random(0, 1, 6)) {}
  std::vector<float> random(float low, float high, unsigned seed) const {
    return random_floats(size_t(T) * C, low, high, seed);
  }
  // Tokens [from, to).
  Rows rows(std::vector<float>& values, int from, int to) const {
    return {&values[size_t(from) * C], to - from, C};
  }
};

// Calls run(from, to) over T tokens: all at once, or cut in two.
template <class F>
void in_pieces(int T, int cut, F run) {
  if (cut > 0) run(0, cut);
  if (cut < T) run(cut, T);
}

// Of heads (H, N, N) as [head][key][value], as the kernels keep them, and the other way.
std::vector<float> kept(const std::vector<float>& heads, int N, bool back = false) {
  std::vector<float> turned(heads.size());
  for (size_t i = 0; i < heads.size(); ++i) {
    const size_t head = i / (N * N) * (N * N), place = head + state_index(N, int(i) / N % N, int(i) % N);
    if (back) turned[i] = heads[place];
    else turned[place] = heads[i];
  }
  return turned;
}

}  // namespace

TEST_CASE("a state's places are all different, and blocks of 16 and 4 values lie one after the other") {
  for (const int N : {4, 8, 12, 16, 20, 64}) {
    std::vector<int> met(N * N);
    for (int key = 0; key < N; ++key)
      for (int value = 0; value < N; ++value) ++met.at(state_index(N, key, value));
    CHECK(met == std::vector<int>(N * N, 1));
  }
  CHECK(state_index(20, 0, 15) == 15);
  CHECK(state_index(20, 1, 0) == 16);
  CHECK(state_index(20, 0, 16) == 320);
  CHECK(state_index(20, 2, 17) == 329);
}

TEST_CASE("wkv4 equals the reference at every channel count and tail, wherever the text is cut") {
  for (int C = 1; C <= 9; ++C)
    for (const int cut : {0, 1, 4}) {
      Run x(6, C);
      for (float& k : x.k) k *= 30;  // keys whose exponentials overflow unless they are kept in log space
      const Vector w = random_floats(C, -3, 0, 7), u = random_floats(C, -1, 1, 8);
      std::vector<float> state(3 * C);
      std::fill_n(state.begin() + 2 * C, C, -1e30f);
      Doubles expected_state = doubles(state);
      const auto expected = reference::wkv4(doubles(x.r), doubles(x.k), doubles(x.v), doubles(w), doubles(u),
                                            expected_state, 6, C);
      in_pieces(6, cut, [&](int from, int to) {
        wkv4(x.rows(x.r, from, to), x.rows(x.k, from, to), x.rows(x.v, from, to), w, u, state.data(),
             x.rows(x.y, from, to));
      });
      INFO("C " << C << " cut " << cut);
      REQUIRE(reference::max_difference(x.y, expected) < 2e-5);
      REQUIRE(reference::max_difference(state, expected_state) < 2e-5);
    }
}

TEST_CASE("wkv6 equals the reference at every head size, wherever the text is cut") {
  for (const int N : {4, 8, 12, 16, 20, 32, 64})
    for (const int cut : {0, 1, 3}) {
      const int H = 2, T = 5, C = H * N;
      Run x(T, C);
      const Vector u = random_floats(C, -1, 1, 8);
      std::vector<float> state = random_floats(size_t(C) * N, -1, 1, 9);
      Doubles expected_state = doubles(state);
      state = kept(state, N);
      const auto expected = reference::wkv6(doubles(x.r), doubles(x.k), doubles(x.v), doubles(x.w),
                                            doubles(u), expected_state, T, H, N);
      in_pieces(T, cut, [&](int from, int to) {
        wkv6(x.rows(x.r, from, to), x.rows(x.k, from, to), x.rows(x.v, from, to), x.rows(x.w, from, to), u, H,
             state.data(), x.rows(x.y, from, to));
      });
      INFO("N " << N << " cut " << cut);
      REQUIRE(reference::max_difference(x.y, expected) < 2e-5);
      REQUIRE(reference::max_difference(kept(state, N, true), expected_state) < 2e-5);
    }
}

TEST_CASE("wkv7 equals the reference at every head size, wherever the text is cut") {
  for (const int N : {4, 8, 12, 16, 20, 32, 64})
    for (const int cut : {0, 1, 3}) {
      const int H = 2, T = 5, C = H * N;
      Run x(T, C);
      std::vector<float> state = random_floats(size_t(C) * N, -1, 1, 9);
      Doubles expected_state = doubles(state);
      state = kept(state, N);
      const auto expected = reference::wkv7(doubles(x.r), doubles(x.w), doubles(x.k), doubles(x.v),
                                            doubles(x.kk), doubles(x.a), expected_state, T, H, N);
      in_pieces(T, cut, [&](int from, int to) {
        wkv7(x.rows(x.r, from, to), x.rows(x.w, from, to), x.rows(x.k, from, to), x.rows(x.v, from, to),
             x.rows(x.kk, from, to), x.rows(x.a, from, to), H, state.data(), x.rows(x.y, from, to));
      });
      INFO("N " << N << " cut " << cut);
      REQUIRE(reference::max_difference(x.y, expected) < 5e-5);
      REQUIRE(reference::max_difference(kept(state, N, true), expected_state) < 5e-5);
    }
}

TEST_CASE("add_bonus adds each head's r k r_k times v") {
  const int H = 2, N = 8, C = H * N, R = 3;
  Run x(R, C);
  const Vector r_k = random_floats(C, -1, 1, 7);
  const auto before = random_floats(R * C, -1, 1, 8);
  x.y = before;
  Doubles expected = doubles(before);
  for (int i = 0; i < R * C; ++i) {
    double bonus = 0;
    for (int j = i / N * N; j < i / N * N + N; ++j) bonus += double(x.r[j]) * x.k[j] * r_k[j % C];
    expected[i] += bonus * x.v[i];
  }
  add_bonus(x.rows(x.r, 0, R), x.rows(x.k, 0, R), x.rows(x.v, 0, R), r_k, H, x.rows(x.y, 0, R));
  CHECK(reference::max_difference(x.y, expected) < 1e-5);
}
