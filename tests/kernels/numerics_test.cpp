// Kernels at the ends of what floats hold: NaN is never taken for a number, and what is finite stays right.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <functional>

#include "kernels/kernels.h"
#include "reference.h"

using namespace rwkv;
using reference::doubles;
using reference::random_floats;

namespace {

constexpr int C = 64, H = 2, N = C / H, T = 3;  // one kernel's rows: T of C

struct Kernel {
  const char* name;
  int inputs;
  // What comes of (T, C) inputs, changed in place where the kernel does so.
  std::function<std::vector<float>(std::vector<std::vector<float>>&)> run;
};

Rows rows(std::vector<float>& values) { return {values.data(), int(values.size()) / C, C}; }
Vector first_row(const std::vector<float>& values) { return {values.begin(), values.begin() + C}; }

// A kernel that changes its last input.
template <class F>
Kernel in_place(const char* name, int inputs, F f) {
  return {name, inputs, [=](auto& in) { return f(in), in[inputs - 1]; }};
}

// A recurrence, with the state that it leaves.
template <class F>
Kernel recurrence(const char* name, int inputs, size_t state_size, F f) {
  return {name, inputs, [=](auto& in) {
            std::vector<float> y(in[0].size()), state = random_floats(state_size, -1, 1, 99);
            f(in, state.data(), rows(y));
            y.insert(y.end(), state.begin(), state.end());
            return y;
          }};
}

Kernel product(Quantization format) {
  return {quantization_name(format), 2, [=](auto& in) {
            Matrix W = make_matrix(format, kGroup, C);
            std::vector<float> group(size_t(kGroup) * C);
            std::copy(in[1].begin(), in[1].end(), group.begin());
            pack_group(W, 0, group.data());
            Arena arena;
            std::vector<float> y(size_t(T) * kGroup);
            matmul(W, rows(in[0]), {y.data(), T, kGroup}, arena);
            return y;
          }};
}

std::vector<Kernel> kernels() {
  std::vector<Kernel> all = {
      in_place("lerp", 3, [](auto& in) { lerp(rows(in[0]), rows(in[1]), rows(in[2]), rows(in[2])); }),
      in_place("lerp of a vector", 3,
               [](auto& in) {
                 const Vector mu = first_row(in[2]);
                 lerp(rows(in[0]), rows(in[1]), mu, rows(in[2]));
               }),
      in_place("add", 2, [](auto& in) { add(rows(in[0]), rows(in[1])); }),
      in_place("add of a vector", 2, [](auto& in) { add(first_row(in[0]), rows(in[1])); }),
      in_place("multiply", 2, [](auto& in) { multiply(rows(in[0]), rows(in[1])); }),
      in_place("sigmoid", 1, [](auto& in) { sigmoid(rows(in[0])); }),
      in_place("tanh", 1, [](auto& in) { rwkv::tanh(rows(in[0])); }),
      in_place("silu", 1, [](auto& in) { silu(rows(in[0])); }),
      in_place("relu_squared", 1, [](auto& in) { relu_squared(rows(in[0])); }),
      in_place("decay6", 1, [](auto& in) { decay6(rows(in[0])); }),
      in_place("decay7", 1, [](auto& in) { decay7(rows(in[0])); }),
      in_place("scale_key7", 3, [](auto& in) { scale_key7(rows(in[0]), first_row(in[1]), rows(in[2])); }),
      in_place("layer_norm", 3,
               [](auto& in) {
                 layer_norm(rows(in[2]), {first_row(in[0]), first_row(in[1])}, 1e-5f, rows(in[2]));
               }),
      in_place("group_norm", 3,
               [](auto& in) {
                 group_norm(rows(in[2]), H, {first_row(in[0]), first_row(in[1])}, 64e-5f);
               }),
      in_place("normalize_heads", 1, [](auto& in) { normalize_heads(rows(in[0]), H); }),
      in_place("add_bonus", 5,
               [](auto& in) {
                 add_bonus(rows(in[0]), rows(in[1]), rows(in[2]), first_row(in[3]), H, rows(in[4]));
               }),
      recurrence("wkv4", 5, 3 * C,
                 [](auto& in, float* state, Rows y) {
                   wkv4(rows(in[0]), rows(in[1]), rows(in[2]), first_row(in[3]), first_row(in[4]), state, y);
                 }),
      recurrence("wkv6", 5, size_t(C) * N,
                 [](auto& in, float* state, Rows y) {
                   wkv6(rows(in[0]), rows(in[1]), rows(in[2]), rows(in[3]), first_row(in[4]), H, state, y);
                 }),
      recurrence("wkv7", 6, size_t(C) * N,
                 [](auto& in, float* state, Rows y) {
                   wkv7(rows(in[0]), rows(in[1]), rows(in[2]), rows(in[3]), rows(in[4]), rows(in[5]), H,
                        state, y);
                 }),
  };
  for (const Quantization format : kQuantizations) all.push_back(product(format));
  return all;
}

bool is_finite(const std::vector<float>& values) { return count_not_finite(values) == 0; }

// T tokens of all combinations of `choices` in a channel each, as (T, channels).
std::vector<float> combinations(const std::vector<float>& choices, size_t channels) {
  std::vector<float> values(size_t(T) * channels);
  for (size_t c = 0; c < channels; ++c)
    for (size_t t = 0, rest = c; t < T; ++t, rest /= choices.size())
      values[t * channels + c] = choices[rest % choices.size()];
  return values;
}

}  // namespace

TEST_CASE("NaN anywhere in what a kernel gets is in what it gives") {
  for (const Kernel& kernel : kernels())
    for (int input = 0; input < kernel.inputs; ++input)
      for (const size_t at : {0, 5, 31, 32, C - 1})
        for (const uint32_t bits : {0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0x7FFFFFFFu}) {
          std::vector<std::vector<float>> in;
          for (int i = 0; i < kernel.inputs; ++i)
            in.push_back(random_floats(size_t(T) * C, 0.1f, 1, unsigned(i) + 1));
          if (at == 0 && bits == 0x7FC00000u) {
            auto sound = in;
            REQUIRE(is_finite(kernel.run(sound)));
          }
          in[size_t(input)][at] = std::bit_cast<float>(bits);
          CAPTURE(kernel.name, input, at, bits);
          REQUIRE_FALSE(is_finite(kernel.run(in)));
        }
}

TEST_CASE("infinity among weights or activations is in every product with it, whatever the number format") {
  for (const Quantization format : kQuantizations)
    for (const int input : {0, 1})
      for (const float infinity : {INFINITY, -INFINITY}) {
        std::vector<std::vector<float>> in = {random_floats(size_t(T) * C, 0.1f, 1, 1),
                                              random_floats(size_t(T) * C, 0.1f, 1, 2)};
        in[size_t(input)][C + 7] = infinity;  // of row 1 of x or W
        const auto y = product(format).run(in);
        for (int t = 0; t < T; ++t) {
          CAPTURE(quantization_name(format), input, infinity, t);
          if (input == 1 || t == 1) CHECK_FALSE(std::isfinite(y[size_t(t) * kGroup + 1]));
        }
      }
}

TEST_CASE("the functions of one row equal the reference from the smallest to the largest floats") {
  const auto sigmoid_of = [](double x) { return 1 / (1 + std::exp(-x)); };
  const struct {
    void (*kernel)(Rows);
    std::function<double(double)> reference;
  } functions[] = {
      {[](Rows x) { sigmoid(x); }, sigmoid_of},
      {[](Rows x) { rwkv::tanh(x); }, [](double x) { return std::tanh(x); }},
      {[](Rows x) { silu(x); }, [=](double x) { return x == -INFINITY ? NAN : x * sigmoid_of(x); }},
      {[](Rows x) { relu_squared(x); }, [](double x) { return x > 0 ? x * x : 0; }},
      {[](Rows x) { decay6(x); }, [](double x) { return std::exp(-std::exp(x)); }},
      {[](Rows x) { decay7(x); }, [=](double x) { return std::exp(-std::exp(-0.5) * sigmoid_of(x)); }},
  };
  for (const float size :
       {0.0f, 1e-45f, 1e-38f, 1e-20f, 1.0f, 87.0f, 89.0f, 1e4f, 1e18f, 1e30f, 3e38f, INFINITY})
    for (const float x : {size, -size})
      for (size_t i = 0; i < std::size(functions); ++i) {
        float y[1] = {x};
        functions[i].kernel({y, 1, 1});
        const float expected = float(functions[i].reference(x));
        CAPTURE(x, i, y[0], expected);
        // e^-x ends at 2e38, so that silu of less than -1e32 is not quite 0: at most 5e-39 of it.
        const double floor = 5e-39 * std::fmin(std::fabs(x), 3.4e38);
        if (std::isfinite(expected))
          CHECK(std::fabs(y[0] - expected) <= 3e-7 * std::fmax(1, std::fabs(expected)) + floor);
        else CHECK_FALSE(std::isfinite(y[0]));
      }
}

TEST_CASE("products equal the reference from the smallest to the largest activations and weights") {
  for (const Quantization format : kQuantizations)
    for (const float x_size : {1e-45f, 1e-38f, 1e-25f, 1.0f, 1e15f, 3e37f})
      for (const float w_size : {1e-40f, 1e-7f, 1.0f, 6e4f, 1e30f}) {
        // What these formats do not hold becomes infinite, and is told.
        if (format == Quantization::kF16 && (w_size > 65504 || x_size > 1e19f)) continue;
        if (format == Quantization::kQ4 && x_size > 1e28f) continue;
        if (double(x_size) * w_size * C > 3e38) continue;
        auto x = random_floats(size_t(T) * C, -1, 1, 1), w = random_floats(size_t(T) * C, -1, 1, 2);
        for (float& v : x) v *= x_size;
        for (float& v : w) v *= w_size;
        Matrix W = make_matrix(format, kGroup, C);
        std::vector<float> group(size_t(kGroup) * C);
        std::copy(w.begin(), w.end(), group.begin());
        pack_group(W, 0, group.data());
        unpack_group(W, 0, group.data());
        std::vector<std::vector<float>> in = {x, w};
        const auto y = product(format).run(in), exact = [&] {
          const auto sums = reference::matmul(group, x, T, kGroup, C);
          return std::vector<float>(sums.begin(), sums.end());
        }();
        // In q8 and q4 an activation is at most half a step, a 254th of the block's largest, from what it was, and blocks below kTiny
        // are zeros. Products and sums are rounded to the smallest float of all, in f16 to 2^48 times it (matmul_table.h).
        const bool is_rounded = number_format(format).shares_scales();
        const double step = !is_rounded ? 0 : x_size < kTiny ? x_size : x_size / 254.0;
        const double smallest = format == Quantization::kF16 ? 0x1p-101 : 0x1p-149;
        double largest = 0;
        for (const float v : group) largest = std::fmax(largest, std::fabs(v));
        const double bound = C * (largest * (step + 1e-6 * x_size) + 2 * smallest);
        CAPTURE(quantization_name(format), x_size, w_size);
        CHECK(reference::max_difference(y, exact) <= bound);
      }
}

TEST_CASE("norms of zeros, of the smallest floats and of the largest are numbers") {
  const Norm norm{random_floats(C, -1, 1, 2), random_floats(C, -1, 1, 3)};
  for (const float size : {0.0f, 1e-45f, 1e-38f, 1e-20f, 1e15f, 1e30f, 1e36f}) {
    auto x = random_floats(size_t(C), -1, 1, 4);
    for (float& v : x) v *= size;
    auto layer = x, group = x, unit = x;
    layer_norm(rows(layer), norm, 1e-5f, rows(layer));
    group_norm(rows(group), H, norm, 64e-5f);
    normalize_heads(rows(unit), H);
    CAPTURE(size);
    // Squares beyond all floats are infinite, and what is divided by infinity is zero, as in the authors' f32.
    auto expected_layer = size < 1e18f ? doubles(x) : reference::Doubles(C), expected_group = expected_layer;
    reference::normalize(expected_layer.data(), C, norm.weight.data(), norm.bias.data(), 1e-5);
    for (int c = 0; c < C; c += N)
      reference::normalize(&expected_group[c], N, &norm.weight[c], &norm.bias[c], 64e-5);
    CHECK(reference::max_difference(layer, expected_layer) < 1e-5);
    CHECK(reference::max_difference(group, expected_group) < 1e-5);
    for (int c = 0; c < C; c += N) {
      double squares = 0;
      for (int i = c; i < c + N; ++i) squares += double(unit[i]) * unit[i];
      if (size == 1e15f) CHECK(squares == Catch::Approx(1).epsilon(1e-5));
      else CHECK(squares <= 1e-7);  // below the floor of 1e-12, or beyond all floats
    }
  }
}

TEST_CASE("wkv4 equals the reference where keys, decays and bonuses lie at the ends of what floats hold") {
  const std::vector<float> keys = {0, 1e-40f, 100, -100, 1e4f, -1e4f, 1e30f, -1e30f};
  const size_t channels = keys.size() * keys.size() * keys.size();
  const auto k = combinations(keys, channels);
  const auto v = random_floats(k.size(), -1e4f, 1e4f, 1), r = random_floats(k.size(), 0, 1, 2);
  for (const float w : {0.0f, -1e-40f, -1.0f, -1e30f, -INFINITY})
    for (const float u : {0.0f, 50.0f, -50.0f}) {
      const Vector ws(channels, w), us(channels, u);
      std::vector<float> state(3 * channels), y(k.size());
      std::fill(state.begin() + ptrdiff_t(2 * channels), state.end(), -1e30f);
      auto expected_state = doubles(state);
      // The reference in doubles, but keys with a bonus and decayed maxima are floats.
      const auto expected = reference::wkv4(doubles(r), doubles(k), doubles(v), doubles(ws), doubles(us),
                                            expected_state, T, int(channels));
      const auto row = [&](const std::vector<float>& values) {
        return Rows{const_cast<float*>(values.data()), T, int(channels)};
      };
      wkv4(row(r), row(k), row(v), ws, us, state.data(), row(y));
      CAPTURE(w, u);
      CHECK(reference::max_difference(y, expected) < 0.02);  // of 1e4
      CHECK(is_finite(y));
    }
}

TEST_CASE("a decay of exactly 0 forgets all, one of exactly 1 nothing") {
  const auto in = [](unsigned seed) { return random_floats(size_t(T) * C, -1, 1, seed); };
  std::vector<float> r = in(1), k = in(2), v = in(3), zeros(size_t(T) * C), ones(size_t(T) * C, 1.0f),
                     y(size_t(T) * C);
  const Vector u(C, 0.0f);
  const auto before = random_floats(size_t(C) * N, -1, 1, 4);
  const auto last = [&](size_t h, int key, int value) {
    const size_t row = size_t(T - 1) * C + h * N;
    return k[row + size_t(key)] * v[row + size_t(value)];
  };
  auto forgetting6 = before, forgetting7 = before, keeping6 = before, keeping7 = before;
  wkv6(rows(r), rows(k), rows(v), rows(zeros), u, H, forgetting6.data(), rows(y));
  wkv7(rows(r), rows(zeros), rows(k), rows(v), rows(zeros), rows(zeros), H, forgetting7.data(), rows(y));
  for (size_t h = 0; h < H; ++h)
    for (int key = 0; key < N; ++key)
      for (int value = 0; value < N; ++value) {
        const size_t at = h * N * N + state_index(N, key, value);
        REQUIRE(forgetting6[at] == last(h, key, value));
        REQUIRE(forgetting7[at] == last(h, key, value));
      }
  wkv6(rows(r), rows(zeros), rows(v), rows(ones), u, H, keeping6.data(), rows(y));
  wkv7(rows(r), rows(ones), rows(zeros), rows(v), rows(zeros), rows(zeros), H, keeping7.data(), rows(y));
  CHECK(keeping6 == before);
  CHECK(keeping7 == before);
}
