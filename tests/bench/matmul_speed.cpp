// How fast a model's matrices are multiplied: one row with weights that come from far memory (decode), and
// many rows at once (prefill), on one core: see README.md.
#include <cstdio>
#include <cstdlib>

#include "bench/stopwatch.h"
#include "kernels/kernels.h"
#include "reference.h"

using namespace rwkv;

namespace {

constexpr size_t kColdBytes = size_t{128} << 20;  // of weights walked in a pass: more than any cache

// A few groups of random weights, over and over.
Matrix random_matrix(Quantization format, int rows, int cols) {
  Matrix matrix = make_matrix(format, rows, cols);
  const auto values = reference::random_floats(size_t(kGroup) * cols, -1, 1, 1);
  pack_group(matrix, 0, values.data());
  auto* groups = matrix.data.as<std::byte>();
  const size_t bytes = matrix.group_bytes();
  for (size_t at = bytes; at < matrix.data.bytes(); at += bytes) std::copy_n(groups, bytes, groups + at);
  return matrix;
}

}  // namespace

int main(int argc, char** argv) {
  const int passes = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 5;
  const auto matmul = hidden(rwkv::matmul);
  Arena arena;
  for (const auto& [rows, cols] : {std::pair{768, 768}, {3072, 768}, {768, 3072}})
    for (const Quantization format :
         {Quantization::kF32, Quantization::kF16, Quantization::kQ8, Quantization::kQ4}) {
      std::vector<Matrix> matrices;
      do matrices.push_back(random_matrix(format, rows, cols));
      while (matrices.size() * matrices[0].data.bytes() < kColdBytes);
      const size_t bytes = matrices[0].data.bytes();
      const auto time = [&](int R, int repeats, size_t among) {
        auto x = reference::random_floats(size_t(R) * cols, -1, 1, 2);
        std::vector<float> y(size_t(R) * rows);
        return time_of(repeats, [&](int i) {
          matmul(matrices[size_t(i) % among], {x.data(), R, cols}, {y.data(), R, rows}, arena);
        });
      };
      time(1, int(matrices.size()), matrices.size());  // compiled and warm
      const Seconds cold = time(1, passes * int(matrices.size()), matrices.size()), many = time(64, 100, 1);
      const double weights = double(rows) * cols;
      std::printf(
          "%-4s (%4d, %4d)  cold row: %5.2f GB/s, %6.0f M weights/s (quiet %5.2f, %6.0f)"
          "   64 rows: %5.1f GOP/s (quiet %5.1f)\n",
          quantization_name(format), rows, cols, double(bytes) / cold.median / 1e9,
          weights / cold.median / 1e6, double(bytes) / cold.quiet / 1e9, weights / cold.quiet / 1e6,
          128 * weights / many.median / 1e9, 128 * weights / many.quiet / 1e9);
    }
}
