// Every backward against central differences of the reference in doubles.
#include "kernels/backward.h"

#include <catch_amalgamated.hpp>
#include <functional>

#include "kernels/matmul.h"
#include "reference.h"

using namespace rwkv;
using reference::Doubles;
using reference::doubles;
using reference::random_floats;

namespace {

constexpr double kStep = 1e-4, kTolerance = 2e-5;

using Inputs = std::vector<Doubles>;
using Loss = std::function<double(const Inputs&)>;

// Holds the gradient to each input against (loss(x + h) - loss(x - h)) / 2h, element by element; of many, some.
void check_gradients(const Loss& loss, const std::vector<std::vector<float>>& inputs,
                     const std::vector<std::vector<float>>& gradients) {
  Inputs at;
  for (const auto& input : inputs) at.push_back(doubles(input));
  REQUIRE(gradients.size() == at.size());
  for (size_t input = 0; input < at.size(); ++input) {
    REQUIRE(gradients[input].size() == at[input].size());
    double difference = 0, size = 0;
    const size_t stride = at[input].size() / 200 + 1;
    for (size_t i = 0; i < at[input].size(); i += stride) {
      double& x = at[input][i];
      const double middle = x;
      x = middle + kStep;
      const double above = loss(at);
      x = middle - kStep;
      const double slope = (above - loss(at)) / (2 * kStep);
      x = middle;
      difference += (slope - gradients[input][i]) * (slope - gradients[input][i]), size += slope * slope;
    }
    INFO("input " << input);
    CHECK(std::sqrt(difference) <= kTolerance * std::sqrt(size) + 1e-9);
  }
}

double weighed(const Doubles& y, const std::vector<float>& weights) {
  double sum = 0;
  for (size_t i = 0; i < y.size(); ++i) sum += y[i] * weights[i];
  return sum;
}

Rows rows(std::vector<float>& values, int width) {
  return {values.data(), int(values.size()) / width, width};
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// What is in memory as blocks of a state, as [head][key][value], and the other way.
std::vector<float> turned(const std::vector<float>& heads, int N, bool back) {
  std::vector<float> result(heads.size());
  for (size_t i = 0; i < heads.size(); ++i) {
    const size_t place = i / size_t(N * N) * size_t(N * N) + state_index(N, int(i) / N % N, int(i) % N);
    if (back) result[i] = heads[place];
    else result[place] = heads[i];
  }
  return result;
}

}  // namespace

TEST_CASE("backward of matmul: gradients to x in each format, and to W, its transpose too, at odd sizes") {
  // Weights are eighths and gradients 127ths, the largest in each block, so that those of 8 bits are rounded to themselves.
  Arena arena;
  for (const Quantization format : kQuantizations)
    for (const auto& [R, M, K] : {std::array{1, 1, 32}, {5, 75, 64}, {9, 130, 160}}) {
      INFO(quantization_name(format) << " R " << R << " M " << M << " K " << K);
      Matrix W = make_matrix(format, M, K);
      std::vector<float> weights;
      for (int group = 0; group * kGroup < M; ++group) {
        auto values = random_floats(size_t(kGroup) * K, -8, 7, unsigned(group) + 1);
        for (size_t i = 0; i < values.size(); ++i)
          values[i] = (i % 16 == 0 ? -8 : i % 16 == 1 ? 7 : std::round(values[i])) / 8;
        std::fill(values.begin() + ptrdiff_t(std::min(kGroup, M - group * kGroup)) * K, values.end(), 0.0f);
        pack_group(W, group, values.data());
        unpack_group(W, group, values.data());
        weights.insert(weights.end(), values.begin(), values.end());
      }
      weights.resize(size_t(M) * K);
      auto x = random_floats(size_t(R) * K, -1, 1, 2), dy = random_floats(size_t(R) * M, -127, 127, 3);
      for (size_t i = 0; i < dy.size(); ++i)
        dy[i] = (i % size_t(M) % kBlock == 0 ? -127 : std::round(dy[i])) / 127;
      std::vector<float> dx(x.size()), dW(weights.size()), turned_dW(weights.size());
      matmul_backward(W, rows(dy, M), rows(dx, K), arena);
      matmul_weight_backward(rows(dy, M), rows(x, K), false, dW.data(), arena);
      matmul_weight_backward(rows(dy, M), rows(x, K), true, turned_dW.data(), arena);
      Doubles expected_dx(x.size()), expected_dW(weights.size()), expected_turned(weights.size());
      for (size_t r = 0; r < size_t(R); ++r)
        for (size_t m = 0; m < size_t(M); ++m)
          for (size_t k = 0; k < size_t(K); ++k) {
            expected_dx[r * K + k] += double(dy[r * M + m]) * weights[m * K + k];
            expected_dW[m * K + k] += double(dy[r * M + m]) * x[r * K + k];
            expected_turned[k * M + m] += double(dy[r * M + m]) * x[r * K + k];
          }
      CHECK(reference::max_difference(dx, expected_dx) < 1e-4);
      CHECK(reference::max_difference(dW, expected_dW) < 1e-5);
      CHECK(reference::max_difference(turned_dW, expected_turned) < 1e-5);
    }
}

TEST_CASE(
    "gradients through weights of 8 bits and less are rounded to 1.5 hundredths, however scales differ") {
  Arena arena;
  const int R = 6, M = 331, K = 96;
  for (const Quantization format : kQuantizations) {
    INFO(quantization_name(format));
    Matrix W = make_matrix(format, M, K);
    auto weights = random_floats(size_t(group_count(W)) * kGroup * K, -1, 1, 1);
    for (size_t i = 0; i < weights.size(); ++i)
      weights[i] *= i < size_t(M) * K ? std::exp2(-float(i / K % 7)) : 0;
    for (int group = 0; group < group_count(W); ++group) {
      float* values = weights.data() + size_t(group) * kGroup * K;
      pack_group(W, group, values);
      unpack_group(W, group, values);
    }
    auto dy = random_floats(size_t(R) * M, -1, 1, 2);
    for (size_t m = 0; m < size_t(M); ++m) dy[m] *= 1e-9f, dy[M + m] = 0;
    std::vector<float> dx(size_t(R) * K);
    matmul_backward(W, rows(dy, M), rows(dx, K), arena);
    const Choice usual = current_choice(Quantization::kQ8);
    for (const Form form : kForms) {
      const Choice choice{form, 1, form};
      if (!is_available(Quantization::kQ8, choice)) continue;
      start_from(Quantization::kQ8, choice);
      std::vector<float> same(dx.size());
      matmul_backward(W, rows(dy, M), rows(same, K), arena);
      INFO(to_string(Quantization::kQ8, choice));
      CHECK(same == dx);
    }
    start_from(Quantization::kQ8, usual);
    for (size_t r = 0; r < size_t(R); ++r) {
      double difference = 0, size = 0;
      for (size_t k = 0; k < size_t(K); ++k) {
        double expected = 0;
        for (size_t m = 0; m < size_t(M); ++m) expected += double(dy[r * M + m]) * weights[m * K + k];
        difference += (dx[r * K + k] - expected) * (dx[r * K + k] - expected), size += expected * expected;
      }
      CHECK(std::sqrt(difference) <= 0.015 * std::sqrt(size));
    }
    // No rounding hides what is not finite.
    for (const float bad : {NAN, INFINITY}) {
      dy[size_t(M) + 40] = bad;
      matmul_backward(W, rows(dy, M), rows(dx, K), arena);
      CHECK(!std::isfinite(dx[size_t(K)]));
      CHECK(std::isfinite(dx[0]));
    }
  }
}

TEST_CASE("backward of pointwise kernels at every width") {
  for (int C = 1; C <= 9; ++C) {
    INFO("C " << C);
    const int R = 3;
    const auto random = [&](unsigned seed) { return random_floats(size_t(R) * C, -2, 2, seed); };
    auto x = random(1), prev = random(2), mus = random(3), dy = random(4);
    const Vector mu = random_floats(C, -1, 1, 5);
    const auto zeros = [&] { return std::vector<float>(x.size()); };
    {
      auto dx = zeros(), dprev = zeros(), dmus = zeros();
      Vector dmu(C);
      lerp_backward(rows(x, C), rows(prev, C), mu, rows(dy, C), rows(dx, C), rows(dprev, C), dmu.data());
      const auto loss = [&](const Inputs& in) {
        Doubles y(in[0].size());
        for (size_t i = 0; i < y.size(); ++i)
          y[i] = in[0][i] + (in[1][i] - in[0][i]) * in[2][i % in[2].size()];
        return weighed(y, dy);
      };
      check_gradients(loss, {x, prev, mu}, {dx, dprev, dmu});
      dx = zeros(), dprev = zeros();
      lerp_backward(rows(x, C), rows(prev, C), rows(mus, C), rows(dy, C), rows(dx, C), rows(dprev, C),
                    rows(dmus, C));
      check_gradients(loss, {x, prev, mus}, {dx, dprev, dmus});
    }
    {
      Vector dbias(C);
      add_backward(rows(dy, C), dbias.data());
      check_gradients(
          [&](const Inputs& in) {
            Doubles y(x.size());
            for (size_t i = 0; i < y.size(); ++i) y[i] = in[0][i % size_t(C)];
            return weighed(y, dy);
          },
          {mu}, {dbias});
    }
    const auto product = [&](const Inputs& in) {
      Doubles y(in[0].size());
      for (size_t i = 0; i < y.size(); ++i) y[i] = in[0][i] * in[1][i % in[1].size()];
      return weighed(y, dy);
    };
    {
      auto dx = zeros(), dout = dy;
      multiply_backward(rows(x, C), rows(prev, C), rows(dout, C), rows(dx, C));
      check_gradients(product, {x, prev}, {dx, dout});
      dx = zeros();
      Vector dscale(C);
      multiply_backward(rows(x, C), mu, rows(dy, C), rows(dx, C), dscale.data());
      check_gradients(product, {x, mu}, {dx, dscale});
    }
    {
      auto dk = dy, da = zeros();
      Vector dk_a(C);
      scale_key7_backward(rows(prev, C), mu, rows(x, C), rows(da, C), dk_a.data(), rows(dk, C));
      check_gradients(
          [&](const Inputs& in) {
            Doubles y(in[0].size());
            for (size_t i = 0; i < y.size(); ++i)
              y[i] = in[0][i] * (1 + (in[1][i] - 1) * in[2][i % size_t(C)]);
            return weighed(y, dy);
          },
          {x, prev, mu}, {dk, da, dk_a});
    }
    struct Kernel {
      void (*forward)(Rows);
      void (*backward)(Rows, Rows, Rows);
      double (*reference)(double);
    };
    for (const Kernel& kernel : {
             Kernel{rwkv::sigmoid, sigmoid_backward, [](double x) { return sigmoid(x); }},
             Kernel{rwkv::tanh, tanh_backward, [](double x) { return std::tanh(x); }},
             Kernel{silu, silu_backward, [](double x) { return x * sigmoid(x); }},
             Kernel{relu_squared, relu_squared_backward, [](double x) { return x > 0 ? x * x : 0; }},
             Kernel{decay6, decay6_backward, [](double x) { return std::exp(-std::exp(x)); }},
             Kernel{decay7, decay7_backward, [](double x) { return std::exp(-std::exp(-0.5) * sigmoid(x)); }},
         }) {
      auto y = x, dx = dy;
      kernel.forward(rows(y, C));
      kernel.backward(rows(x, C), rows(y, C), rows(dx, C));
      check_gradients(
          [&](const Inputs& in) {
            Doubles y = in[0];
            for (double& v : y) v = kernel.reference(v);
            return weighed(y, dy);
          },
          {x}, {dx});
    }
  }
}

TEST_CASE("backward of decays keeps its precision where the decay is nearly 1") {
  std::vector<float> x{-9, -12, -14, -20}, dx6(4, 1.0f), dx7 = dx6, y6 = x, y7 = x;
  decay6(rows(y6, 4)), decay7(rows(y7, 4));
  decay6_backward(rows(x, 4), rows(y6, 4), rows(dx6, 4));
  decay7_backward(rows(x, 4), rows(y7, 4), rows(dx7, 4));
  for (size_t i = 0; i < x.size(); ++i) {
    const double s = sigmoid(x[i]), c = std::exp(-0.5), e = std::exp(double(x[i]));
    CHECK(std::fabs(dx6[i] / (-e * std::exp(-e)) - 1) < 1e-6);
    CHECK(std::fabs(dx7[i] / (-c * s * (1 - s) * std::exp(-c * s)) - 1) < 1e-6);
  }
}

TEST_CASE("backward of norms, over rows and over heads") {
  for (const auto& [width, parts] : {std::pair{1, 1}, {7, 1}, {70, 1}, {12, 3}, {32, 2}}) {
    const int C = width;  // what a lambda may capture
    INFO("C " << C << " in " << parts);
    const int R = 3, N = C / parts;
    auto x = random_floats(size_t(R) * C, -3, 5, 1), dy = random_floats(size_t(R) * C, -1, 1, 2);
    const Norm norm{random_floats(C, -1, 1, 3), random_floats(C, -1, 1, 4)};
    std::vector<float> dx(x.size()), dweight(C), dbias(C);
    norm_backward(rows(x, C), parts, norm, 1e-3f, rows(dy, C), rows(dx, C), dweight.data(), dbias.data());
    check_gradients(
        [&](const Inputs& in) {
          Doubles y = in[0];
          for (size_t at = 0; at < y.size(); at += size_t(N)) {
            const std::vector<float> ones(size_t(N), 1.0f), none(size_t(N), 0.0f);
            reference::normalize(&y[at], N, ones.data(), none.data(), 1e-3f);
          }
          for (size_t i = 0; i < y.size(); ++i) y[i] = y[i] * in[1][i % size_t(C)] + in[2][i % size_t(C)];
          return weighed(y, dy);
        },
        {x, norm.weight, norm.bias}, {dx, dweight, dbias});
    if (N < 2) continue;
    auto y = x;
    dx = dy;
    normalize_heads(rows(y, C), parts);
    normalize_heads_backward(rows(x, C), rows(y, C), parts, rows(dx, C));
    check_gradients(
        [&](const Inputs& in) {
          Doubles y = in[0];
          for (size_t at = 0; at < y.size(); at += size_t(N)) {
            double squares = 0;
            for (size_t i = at; i < at + size_t(N); ++i) squares += y[i] * y[i];
            for (size_t i = at; i < at + size_t(N); ++i) y[i] /= std::sqrt(squares);
          }
          return weighed(y, dy);
        },
        {x}, {dx});
  }
}

TEST_CASE("backward of a head of zeros is finite") {
  std::vector<float> x(8), y(8), dx(8, 1e-20f);
  normalize_heads_backward(rows(x, 8), rows(y, 8), 1, rows(dx, 8));
  for (const float d : dx) CHECK(std::isfinite(d));
}

TEST_CASE("backward of wkv4, its first and last state too, at every channel count and tail") {
  for (int C = 1; C <= 9; ++C) {
    INFO("C " << C);
    const int T = 6;
    const auto random = [&](unsigned seed) { return random_floats(size_t(T) * C, -1, 1, seed); };
    auto r = random(1), k = random(2), v = random(3), dy = random(4);
    const Vector w = random_floats(C, -3, -0.1f, 5), u = random_floats(C, -1, 1, 6);
    std::vector<float> state = random_floats(size_t(3) * C, 0.1f, 1, 7);
    const auto of_state = random_floats(size_t(2) * C, -1, 1, 8);  // the loss takes e^pp aa and e^pp bb
    const Loss loss = [&](const Inputs& in) {
      Doubles S = in[5];
      double sum = weighed(reference::wkv4(in[0], in[1], in[2], in[3], in[4], S, T, C), dy);
      for (int c = 0; c < C; ++c)
        sum += std::exp(S[2 * C + c]) * (S[c] * of_state[c] + S[C + c] * of_state[C + c]);
      return sum;
    };
    Doubles last = doubles(state);
    reference::wkv4(doubles(r), doubles(k), doubles(v), doubles(w), doubles(u), last, T, C);
    std::vector<float> dr(r.size()), dk(r.size()), dv(r.size()), dw(C), du(C), dstate(size_t(3) * C, 9.0f);
    for (int c = 0; c < 2 * C; ++c) dstate[c] = float(std::exp(last[2 * C + c % C]) * of_state[c]);
    Arena arena;
    wkv4_backward(rows(r, C), rows(k, C), rows(v, C), w, u, state.data(), rows(dy, C), rows(dr, C),
                  rows(dk, C), rows(dv, C), dw.data(), du.data(), dstate.data(), arena);
    check_gradients(loss, {r, k, v, w, u, state}, {dr, dk, dv, dw, du, dstate});
  }
}

TEST_CASE(
    "backward of wkv6 and wkv7, their first and last states too, at every head size and number of tokens") {
  for (const auto& [N, H, T] : {std::array{4, 2, 1}, {8, 1, 16}, {12, 2, 17}, {20, 1, 35}, {32, 1, 5}}) {
    INFO("N " << N << " T " << T);
    const int C = H * N, n = N, h = H, tokens = T;
    const auto random = [&](float low, float high, unsigned seed) {
      return random_floats(size_t(tokens) * C, low, high, seed);
    };
    auto r = random(-1, 1, 1), k = random(-1, 1, 2), v = random(-1, 1, 3), w = random(0.3f, 1, 4),
         kk = random(-0.3f, 0.3f, 5), a = random(0, 1, 6), dy = random(-1, 1, 7);
    const Vector u = random_floats(C, -1, 1, 8);
    const auto state = random_floats(size_t(C) * N, -1, 1, 9),
               of_state = random_floats(size_t(C) * N, -1, 1, 10);
    const auto kept = turned(state, N, false);
    const auto zeros = [&] { return std::vector<float>(r.size()); };
    auto dr = zeros(), dk = zeros(), dv = zeros(), dw = zeros(), dkk = zeros(), da = zeros();
    Vector du(C);
    auto dstate = turned(of_state, N, false);
    Arena arena;
    wkv6_backward(rows(r, C), rows(k, C), rows(v, C), rows(w, C), u, H, kept.data(), rows(dy, C), rows(dr, C),
                  rows(dk, C), rows(dv, C), rows(dw, C), du.data(), dstate.data(), arena);
    check_gradients(
        [&](const Inputs& in) {
          Doubles S = in[5];
          const double sum = weighed(reference::wkv6(in[0], in[1], in[2], in[3], in[4], S, tokens, h, n), dy);
          return sum + weighed(S, of_state);
        },
        {r, k, v, w, u, state}, {dr, dk, dv, dw, du, turned(dstate, N, true)});

    dr = zeros(), dk = zeros(), dv = zeros(), dw = zeros(), dstate = turned(of_state, N, false);
    wkv7_backward(rows(r, C), rows(w, C), rows(k, C), rows(v, C), rows(kk, C), rows(a, C), H, kept.data(),
                  rows(dy, C), rows(dr, C), rows(dw, C), rows(dk, C), rows(dv, C), rows(dkk, C), rows(da, C),
                  dstate.data(), arena);
    check_gradients(
        [&](const Inputs& in) {
          Doubles S = in[6];
          const double sum =
              weighed(reference::wkv7(in[0], in[1], in[2], in[3], in[4], in[5], S, tokens, h, n), dy);
          return sum + weighed(S, of_state);
        },
        {r, w, k, v, kk, a, state}, {dr, dw, dk, dv, dkk, da, turned(dstate, N, true)});
  }
}

TEST_CASE("backward of the bonus and of products with a matrix of each row") {
  const int H = 2, N = 8, C = H * N, R = 3;
  const auto random = [&](size_t size, unsigned seed) { return random_floats(size, -1, 1, seed); };
  auto r = random(R * C, 1), k = random(R * C, 2), v = random(R * C, 3), dy = random(R * C, 4);
  const Vector r_k = random(C, 5);
  std::vector<float> dr(r.size()), dk(r.size()), dv(r.size()), dr_k(C);
  add_bonus_backward(rows(r, C), rows(k, C), rows(v, C), r_k, H, rows(dy, C), rows(dr, C), rows(dk, C),
                     rows(dv, C), dr_k.data());
  check_gradients(
      [&](const Inputs& in) {
        Doubles y(in[0].size());
        for (int i = 0; i < R * C; ++i)
          for (int j = i / N * N; j < i / N * N + N; ++j)
            y[i] += in[0][j] * in[1][j] * in[3][j % C] * in[2][i];
        return weighed(y, dy);
      },
      {r, k, v, r_k}, {dr, dk, dv, dr_k});

  const int K = 5, M = 7;
  auto x = random(R * K, 6), E = random(size_t(R) * K * M, 7), dz = random(R * M, 8);
  std::vector<float> dx(x.size()), dE(E.size());
  matmul_each_backward(rows(x, K), rows(E, K * M), rows(dz, M), rows(dx, K), rows(dE, K * M));
  check_gradients(
      [&](const Inputs& in) {
        Doubles y(size_t(R) * M);
        for (int i = 0; i < R; ++i)
          for (int j = 0; j < K; ++j)
            for (int m = 0; m < M; ++m) y[i * M + m] += in[0][i * K + j] * in[1][(i * K + j) * M + m];
        return weighed(y, dz);
      },
      {x, E}, {dx, dE});
}

TEST_CASE("cross-entropy gives the loss and leaves its gradient, and skips rows of no weight") {
  const int R = 4, V = 1100;
  auto logits = random_floats(size_t(R) * V, -9, 9, 1);
  const std::vector<int32_t> targets{3, 0, 1099, 7};
  const std::vector<float> weights{0.5f, 1, 0.25f, 0};
  const Loss loss = [&](const Inputs& in) {
    double sum = 0;
    for (size_t r = 0; r < size_t(R); ++r) {
      double total = 0;
      for (size_t v = 0; v < size_t(V); ++v) total += std::exp(in[0][r * V + v]);
      sum += weights[r] * (std::log(total) - in[0][r * V + size_t(targets[r])]);
    }
    return sum;
  };
  auto gradient = logits;
  std::fill_n(gradient.end() - V, V, NAN);  // what has no weight may be anything
  const double value = cross_entropy(rows(gradient, V), targets, weights);
  CHECK(std::fabs(value - loss({doubles(logits)})) < 1e-5);
  check_gradients(loss, {logits}, {gradient});
}
