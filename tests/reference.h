// What the kernels must compute, as plain loops in doubles. Names and shapes as in kernels/kernels.h.
#pragma once

#include <cmath>
#include <random>
#include <vector>

namespace reference {

using Doubles = std::vector<double>;

// y (R, M) = W (M, K) x (R, K).
inline Doubles matmul(const std::vector<float>& W, const std::vector<float>& x, int R, int M, int K) {
  Doubles y(size_t(R) * M);
  for (int r = 0; r < R; ++r)
    for (int m = 0; m < M; ++m)
      for (int k = 0; k < K; ++k) y[size_t(r) * M + m] += double(W[size_t(m) * K + k]) * x[size_t(r) * K + k];
  return y;
}

// Over n values in place.
inline void normalize(double* x, int n, const float* weight, const float* bias, double eps) {
  double mean = 0, variance = 0;
  for (int i = 0; i < n; ++i) mean += x[i] / n;
  for (int i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean) / n;
  for (int i = 0; i < n; ++i) x[i] = (x[i] - mean) / std::sqrt(variance + eps) * weight[i] + bias[i];
}

// r, k, v, y (T, C), w, u (C), state (3, C).
inline Doubles wkv4(const Doubles& r, const Doubles& k, const Doubles& v, const Doubles& w, const Doubles& u,
                    Doubles& state, int T, int C) {
  Doubles y(size_t(T) * C);
  for (int t = 0; t < T; ++t)
    for (int c = 0; c < C; ++c) {
      const size_t i = size_t(t) * C + c;
      double &aa = state[c], &bb = state[C + c], &pp = state[2 * C + c];
      double q = std::max(pp, u[c] + k[i]);
      double e1 = std::exp(pp - q), e2 = std::exp(u[c] + k[i] - q);
      y[i] = r[i] * (e1 * aa + e2 * v[i]) / (e1 * bb + e2);
      q = std::max(pp + w[c], k[i]);
      e1 = std::exp(pp + w[c] - q), e2 = std::exp(k[i] - q);
      aa = e1 * aa + e2 * v[i], bb = e1 * bb + e2, pp = q;
    }
  return y;
}

// r, k, v, w, y (T, C), u (C), state (H, N, N) as [head][key][value].
inline Doubles wkv6(const Doubles& r, const Doubles& k, const Doubles& v, const Doubles& w, const Doubles& u,
                    Doubles& state, int T, int H, int N) {
  const int C = H * N;
  Doubles y(size_t(T) * C);
  for (int t = 0; t < T; ++t)
    for (int h = 0; h < H; ++h)
      for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
          const size_t key = size_t(t) * C + h * N + i, value = size_t(t) * C + h * N + j;
          double& S = state[(size_t(h) * N + i) * N + j];
          const double kv = k[key] * v[value];
          y[value] += r[key] * (u[h * N + i] * kv + S);
          S = w[key] * S + kv;
        }
  return y;
}

// r, w, k, v, kk, a, y (T, C), state (H, N, N) as [head][key][value].
inline Doubles wkv7(const Doubles& r, const Doubles& w, const Doubles& k, const Doubles& v, const Doubles& kk,
                    const Doubles& a, Doubles& state, int T, int H, int N) {
  const int C = H * N;
  Doubles y(size_t(T) * C);
  for (int t = 0; t < T; ++t)
    for (int h = 0; h < H; ++h)
      for (int j = 0; j < N; ++j) {
        const size_t at = size_t(t) * C + h * N;
        const auto S = [&](int i) -> double& { return state[(size_t(h) * N + i) * N + j]; };
        double removed = 0;
        for (int i = 0; i < N; ++i) removed += kk[at + i] * S(i);
        for (int i = 0; i < N; ++i) {
          S(i) = w[at + i] * S(i) - kk[at + i] * a[at + i] * removed + k[at + i] * v[at + j];
          y[at + j] += r[at + i] * S(i);
        }
      }
  return y;
}

// Floats from a seed, uniform in [low, high).
inline std::vector<float> random_floats(size_t count, float low, float high, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  for (float& value : values) value = low + (high - low) * float(generator() >> 8) * 0x1p-24f;
  return values;
}

inline Doubles doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

// The largest |a - b|; infinite where a NaN turns up or the sizes differ.
template <class A, class B>
double max_difference(const A& a, const B& b) {
  if (std::size(a) != std::size(b)) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < std::size(a); ++i) {
    const double d = std::fabs(double(a[i]) - double(b[i]));
    if (!(d <= largest)) largest = std::isnan(d) ? INFINITY : d;
  }
  return largest;
}

}  // namespace reference
