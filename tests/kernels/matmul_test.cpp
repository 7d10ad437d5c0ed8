#include <catch_amalgamated.hpp>
#include <cmath>
#include <cstring>

#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "kernels/matmul_table.h"
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

// Every choice that this build has for a format.
std::vector<Choice> all_choices(Quantization format) {
  std::vector<Choice> choices;
  for (const Form row : kForms)
    for (const int streams : kStreams)
      for (const Form rows : kForms)
        if (const Choice choice{row, streams, rows}; is_available(format, choice)) choices.push_back(choice);
  return choices;
}

// Puts the current choice of a format back at the end of a scope.
class ChoiceScope {
 public:
  explicit ChoiceScope(Quantization format) : format_(format), choice_(current_choice(format)) {}
  ~ChoiceScope() { use_choice(format_, choice_); }
  ChoiceScope(const ChoiceScope&) = delete;

 private:
  Quantization format_;
  Choice choice_;
};

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

TEST_CASE("every choice of every format multiplies as the reference does what the format makes of W and x") {
  for (const Quantization format : kQuantizations) {
    const ChoiceScope scope(format);
    CHECK(is_available(format, current_choice(format)));
    const int K = 3 * int(number_format(format).block);
    for (const int M : {1, 8, 13})
      for (const int R : {1, 2, 3, 4, 9}) {
        const Matrix W = pack(format, reference::random_floats(size_t(M) * K, -1, 1, M), M, K);
        const auto x = reference::random_floats(size_t(R) * K, -2, 2, R);
        const auto expected =
            reference::matmul(unpack(W), kernels_of(format).x.is_integer() ? rounded_blocks(x) : x, R, M, K);
        for (const Choice& choice : all_choices(format)) {
          use_choice(format, choice);
          INFO(to_string(format, choice) << " M " << M << " R " << R);
          REQUIRE(reference::max_difference(multiply(W, x, R), expected) < 5e-5);
        }
      }
  }
}

TEST_CASE("every form and number of streams gives the same bits at every size and tail") {
  for (const Quantization format : kQuantizations) {
    const ChoiceScope scope(format);
    for (const int M : {1, 5, 8, 9, 16, 24, 31, 32, 33, 40, 56, 77})
      for (const int K :
           number_format(format).shares_scales() ? std::vector{32, 96, 256} : std::vector{1, 7, 32, 65})
        for (const int R : {1, 2, 3, 4, 5, 6, 7, 8, 13}) {
          const Matrix W = pack(format, reference::random_floats(size_t(M) * K, -1, 1, M * 100 + K), M, K);
          const auto x = reference::random_floats(size_t(R) * K, -2, 2, R);
          std::vector<float> first;
          for (const Choice& choice : all_choices(format)) {
            use_choice(format, choice);
            const auto y = multiply(W, x, R);
            if (first.empty()) first = y;
            INFO(to_string(format, choice) << " M " << M << " K " << K << " R " << R);
            REQUIRE(std::memcmp(y.data(), first.data(), y.size() * sizeof(float)) == 0);
          }
        }
  }
}

TEST_CASE("many rows, more than fit into a panel, have the bits of single ones in every form") {
  const int M = 13, K = 64;
  for (const Quantization format : kQuantizations) {
    const ChoiceScope scope(format);
    const Matrix W = pack(format, reference::random_floats(size_t(M) * K, -1, 1, 1), M, K);
    for (const int R : {kPanelRows, kPanelRows + 1, kPanelRows + 5}) {
      const auto x = reference::random_floats(size_t(R) * K, -2, 2, R);
      std::vector<float> single;
      for (int r = 0; r < R; ++r) {
        const auto y = multiply(W, {x.begin() + r * K, x.begin() + (r + 1) * K}, 1);
        single.insert(single.end(), y.begin(), y.end());
      }
      for (const Choice& choice : all_choices(format)) {
        use_choice(format, choice);
        INFO(to_string(format, choice) << " R " << R);
        REQUIRE(std::memcmp(multiply(W, x, R).data(), single.data(), single.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("q4's fused form is for many rows alone, where q8 has one") {
  const bool is_there = find_choice("q4 split x4, rows fused").has_value(),
             is_q8s_there = find_choice("q8 fused x4, rows fused").has_value();
  CHECK(is_there == is_q8s_there);
  CHECK_FALSE(find_choice("q4 fused x4, rows fused"));
}

// Weights and activations that are whole numbers, one of each block the largest: scales are 1, and a float
// holds every sum.
TEST_CASE("q8's integers are exactly the reference's in every form") {
  const int M = 40;
  const ChoiceScope scope(Quantization::kQ8);
  for (const int K : {32, 64, 160, 512})
    for (const int R : {1, 2, 3, 4, 7}) {
      auto W = reference::random_floats(size_t(M) * K, -63.5f, 63.5f, K),
           x = reference::random_floats(size_t(R) * K, -127.5f, 127.5f, K + R);
      for (size_t i = 0; i < W.size(); ++i)
        W[i] = i % 32 == i / 32 % 32 ? (i & 64 ? 63.0f : -63.0f) : std::trunc(W[i]);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = i % 32 == i / 32 % 31 ? (i & 32 ? 127.0f : -127.0f) : std::trunc(x[i]);
      for (const Choice& choice : all_choices(Quantization::kQ8)) {
        use_choice(Quantization::kQ8, choice);
        INFO(to_string(Quantization::kQ8, choice) << " K " << K << " R " << R);
        REQUIRE(reference::max_difference(multiply(pack(Quantization::kQ8, W, M, K), x, R),
                                          reference::matmul(W, x, R, M, K)) == 0);
      }
    }
}

TEST_CASE("groups may be multiplied in any parts and in any order") {
  const int M = 77, K = 64;
  for (const Quantization format : kQuantizations) {
    const ChoiceScope scope(format);
    for (const int R : {1, 3, 6}) {
      const Matrix W = pack(format, reference::random_floats(size_t(M) * K, -1, 1, 3), M, K);
      auto x = reference::random_floats(size_t(R) * K, -2, 2, R);
      for (const Choice& choice : all_choices(format)) {
        use_choice(format, choice);
        Arena arena;
        const Activations activations = make_activations(W, R, arena, choice);
        for (int tile = activations.tiles(); tile-- > 0;)
          fill_tiles(activations, {x.data(), R, K}, tile, tile + 1);
        std::vector<float> y(size_t(R) * M, NAN);
        const int groups = group_count(W);
        for (const auto& [first, last] : {std::pair{7, groups}, {3, 7}, {3, 3}, {0, 3}})
          matmul_groups(W, activations, {y.data(), R, M}, first, last);
        INFO(to_string(format, choice) << " R " << R);
        CHECK(y == multiply(W, x, R));
      }
    }
  }
}

TEST_CASE("infinity and NaN in a row of x make NaN of that row's results alone") {
  const int M = 11, K = 64, R = 6;
  for (const Quantization format : {Quantization::kQ8, Quantization::kQ4}) {
    const ChoiceScope scope(format);
    const Matrix W = pack(format, reference::random_floats(size_t(M) * K, -1, 1, 3), M, K);
    auto x = reference::random_floats(size_t(R) * K, -2, 2, 1);
    x[size_t(1) * K + 3] = NAN, x[size_t(4) * K + 40] = -INFINITY;
    for (const Choice& choice : all_choices(format)) {
      use_choice(format, choice);
      const auto y = multiply(W, x, R);
      for (int r = 0; r < R; ++r)
        for (int m = 0; m < M; ++m) CHECK(std::isnan(y[size_t(r) * M + m]) == (r == 1 || r == 4));
    }
  }
}

TEST_CASE("activations of any size meet f16 weights, which are held as 2^-112 times themselves") {
  const int M = 9, K = 40;
  for (const float size : {1e-20f, 1e-10f, 1e10f, 1e19f}) {
    auto W = reference::random_floats(size_t(M) * K, -1, 1, 5), x = reference::random_floats(K, -1, 1, 6);
    for (float& w : W) w = half_to_float(float_to_half(w));
    for (float& v : x) v *= size;
    for (size_t i = 0; i < W.size(); i += 3) W[i] = half_to_float(uint16_t(i % 1024));  // subnormal
    CHECK(reference::max_difference(multiply(pack(Quantization::kF16, W, M, K), x, 1),
                                    reference::matmul(W, x, 1, M, K)) < 2e-6 * size);
  }
}

TEST_CASE("a choice is found by its name, and by no other text") {
  for (const Quantization format : kQuantizations)
    for (const Choice& choice : all_choices(format)) {
      const auto found = find_choice(to_string(format, choice));
      REQUIRE(found);
      CHECK(found->format == format);
      CHECK(found->choice == choice);
    }
  CHECK(to_string(Quantization::kQ8, {Form::kSplit, 2, Form::kFused}) == "q8 split x2, rows fused");
  for (const char* text : {"", "q8", "q8 dot x3, rows dot", "q4 fused x1, rows dot", "f32 split x1, rows dot",
                           "q8 dot x1, rows dot "})
    CHECK_FALSE(find_choice(text));
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
      const auto exact = reference::matmul(unpack(packed), x, R, M, K);
      const ChoiceScope scope(format);
      for (const Choice& choice : all_choices(format)) {
        use_choice(format, choice);
        INFO(to_string(format, choice) << " activation " << activation);
        CHECK(reference::max_difference(multiply(packed, x, R), exact) < 1e-6 * 127 * 127 * K);
      }
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
  for (const Quantization format : kQuantizations) {
    const Matrix matrix = pack(format, W, M, K);
    const auto together = multiply(matrix, x, R);
    for (int r = 0; r < R; ++r) {
      const auto alone = multiply(matrix, {x.begin() + r * K, x.begin() + (r + 1) * K}, 1);
      CHECK(std::equal(alone.begin(), alone.end(), together.begin() + size_t(r) * M));
    }
  }
}

#ifdef __SANITIZE_ADDRESS__  // a hundred times as slow
constexpr Quantization kTriedFormats[] = {Quantization::kQ8};
constexpr int kTriedRows[] = {1}, kProducts = 2;
#else
constexpr auto& kTriedFormats = kQuantizations;
constexpr int kTriedRows[] = {1, 9}, kProducts = 30;
#endif

TEST_CASE(
    "large products have the same bits while choices are tried, and one of them is current afterwards") {
  const int M = 8 * 4 * 96, K = 320;  // 15 MB of f32
  for (const Quantization format : kTriedFormats)
    for (const int R : kTriedRows) {
      const ChoiceScope scope(format);
      Matrix W = make_matrix(format, format == Quantization::kF32 ? 2 * M : 6 * M,
                             format == Quantization::kF32 ? K : 4 * K);
      const auto group = reference::random_floats(size_t(kGroup) * W.cols, -1, 1, 1);
      pack_group(W, 0, group.data());
      std::byte* packed = W.data.as<std::byte>();
      for (int i = 1; i < group_count(W); ++i)
        std::copy_n(packed, W.group_bytes(), packed + size_t(i) * W.group_bytes());
      const auto x = reference::random_floats(size_t(R) * W.cols, -2, 2, 2);
      const auto pinned = multiply(W, x, R);
      start_from(format, current_choice(format));
      for (int i = 0; i < kProducts; ++i) REQUIRE(multiply(W, x, R) == pinned);
      CHECK(is_available(format, current_choice(format)));
    }
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("a format whose matrices are too small to be tried follows the one that was") {
  const ChoiceScope small(Quantization::kQ8), large(Quantization::kQ4);
  for (const Quantization format : {Quantization::kQ8, Quantization::kQ4}) {
    const Form form = current_choice(format).row;
    start_from(format, {form, format == Quantization::kQ8 ? 1 : 2, form});
  }
  const Matrix W = make_matrix(Quantization::kQ4, 16384, 1024);
  for (int i = 0; i < 2 * kProducts; ++i) multiply(W, std::vector<float>(1024, 1.0f), 1);
  const Choice winner = current_choice(Quantization::kQ4), follower = current_choice(Quantization::kQ8);
  CHECK(follower.row == winner.row);
  CHECK(follower.streams == winner.streams);
}
#endif

TEST_CASE("a choice that was asked for stays, and of one that changes is told once") {
  const Quantization format = Quantization::kQ8;
  const ChoiceScope scope(format);
  const auto all = all_choices(format);
  for (const Choice& choice : {all.front(), all.back()}) {
    use_choice(format, choice);
    const Matrix W = make_matrix(format, 16384, 1024);
    for (int i = 0; i < kProducts; ++i) multiply(W, std::vector<float>(1024, 1.0f), 1);
    CHECK(current_choice(format) == choice);
    CHECK_FALSE(changed_choice());
  }
}
