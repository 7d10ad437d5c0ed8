// How fast the matrices of a 0.1B model are multiplied on one core, for every form of the kernels: one row
// and a few rows with weights from cold memory (decode), many rows at once (prefill), beside the speed at
// which the same run reads memory: see README.md.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/stopwatch.h"
#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "reference.h"
#include "simd.h"

using namespace rwkv;

namespace {

// A few groups of random weights, over and over.
Matrix random_matrix(Quantization format, int rows, int cols) {
  Matrix matrix = make_matrix(format, rows, cols);
  if (matrix.empty()) std::fputs("not enough memory\n", stderr), std::exit(1);
  const auto values = reference::random_floats(size_t(kGroup) * cols, -1, 1, 1);
  pack_group(matrix, 0, values.data());
  auto* groups = matrix.data.as<std::byte>();
  const size_t bytes = matrix.group_bytes();
  for (size_t at = bytes; at < matrix.data.bytes(); at += bytes) std::copy_n(groups, bytes, groups + at);
  return matrix;
}

constexpr size_t kColdBytes = size_t{128} << 20;  // walked before anything is met again: more than any cache

// A third of the multiplications of RWKV-7 0.1B: four layers and a third of the head, in eight pieces, so
// that the other programs on the machine disturb few of the runs.
struct Shape {
  int rows, cols, count;
};
constexpr Shape kShapes[] = {{768, 768, 16}, {3072, 768, 4}, {768, 3072, 4}, {2736, 768, 8}};

struct Matrices {
  std::vector<Matrix> of_shape[std::size(kShapes)];
  double third_bytes = 0, third_weights = 0;

  explicit Matrices(Quantization format) {
    for (const auto& [rows, cols, count] : kShapes) {
      const size_t size = size_t(number_format(format).bytes(rows, cols));
      third_bytes += double(size) * count, third_weights += double(rows) * cols * count;
    }
    const int copies = int(double(kColdBytes) / third_bytes) + 1;
    for (size_t i = 0; i < std::size(kShapes); ++i)
      for (int n = 0; n < kShapes[i].count * copies; ++n)
        of_shape[i].push_back(random_matrix(format, kShapes[i].rows, kShapes[i].cols));
  }
};

// Reads n bytes as so many streams walked together.
template <int S>
int32_t read_memory(const std::byte* bytes, size_t n) {
  i32x4 sums[4] = {i32x4(0), i32x4(0), i32x4(0), i32x4(0)};
  const size_t part = n / S / 64 * 64;
  for (size_t at = 0; at < part; at += 64)
    for (int s = 0; s < S; ++s)
      for (int i = 0; i < 4; ++i)
        sums[i] = sums[i] + load_int(bytes + size_t(s) * part + at + size_t(i) * 16);
  return xsimd::reduce_add(sums[0] + sums[1] + sums[2] + sums[3]);
}

// Gigabytes a second, the median and what one run in ten exceeds.
struct Bandwidth {
  double median, quiet;
};
Bandwidth best_reading(int passes) {
  constexpr size_t kPiece = size_t{4} << 20;
  const Buffer memory(2 * kColdBytes);
  std::fill_n(const_cast<std::byte*>(memory.as<std::byte>()), memory.bytes(), std::byte{1});
  Bandwidth best{};
  std::printf("reading with 1, 2, 4, 8 streams, GB/s (quiet):");
  for (const auto read :
       {hidden(read_memory<1>), hidden(read_memory<2>), hidden(read_memory<4>), hidden(read_memory<8>)}) {
    volatile int32_t sum = 0;
    const size_t pieces = memory.bytes() / kPiece;
    const auto run = [&](int i) {
      sum = sum + read(memory.as<std::byte>() + size_t(i) % pieces * kPiece, kPiece);
    };
    time_of(int(pieces), run);  // compiled and warm
    const Seconds seconds = time_of(passes * int(pieces), run);
    const Bandwidth bandwidth{kPiece / seconds.median / 1e9, kPiece / seconds.quiet / 1e9};
    std::printf("  %.1f (%.1f)", bandwidth.median, bandwidth.quiet);
    best = {std::max(best.median, bandwidth.median), std::max(best.quiet, bandwidth.quiet)};
  }
  std::puts("");
  return best;
}

// The third of a model with R rows of x; weights from cold memory.
Seconds time_model(const Matrices& matrices, int R, int passes, Arena& arena) {
  const auto multiply = hidden(rwkv::matmul);
  static const auto x = reference::random_floats(size_t(256) * 3072, -1, 1, 2);
  static std::vector<float> y(size_t(256) * 3072);
  Seconds total{};
  for (size_t i = 0; i < std::size(kShapes); ++i) {
    const auto& all = matrices.of_shape[i];
    const auto run = [&](int n) {
      const Matrix& W = all[size_t(n) % all.size()];
      multiply(W, {const_cast<float*>(x.data()), R, W.cols}, {y.data(), R, W.rows}, arena);
    };
    const Seconds seconds = time_of(R > 8 ? 3 * passes : passes * int(all.size()), run);
    total.median += kShapes[i].count * seconds.median, total.quiet += kShapes[i].count * seconds.quiet;
  }
  return total;
}

// Products until both contests are over.
void find_fastest(const Matrix& W, Arena& arena) {
  const auto x = reference::random_floats(size_t(8) * W.cols, -1, 1, 2);
  std::vector<float> y(size_t(8) * W.rows);
  for (const int R : {1, 8})
    for (int i = 0; i < 30; ++i)
      matmul(W, {const_cast<float*>(x.data()), R, W.cols}, {y.data(), R, W.rows}, arena);
}

void measure(Quantization format, int passes, const Bandwidth& reading) {
  const Matrices matrices(format);
  Arena arena;
  const Matrix largest = random_matrix(format, 65536, 768);
  find_fastest(largest, arena);
  std::printf("chosen: %s\n", to_string(format, current_choice(format)).c_str());
  const auto print = [&](int R, const Choice& choice) {
    if (!is_available(format, choice)) return;
    use_choice(format, choice);
    time_model(matrices, R, 1, arena);  // compiled and warm
    const Seconds seconds = time_model(matrices, R, passes, arena);
    const auto gigabytes = [&](double s) { return matrices.third_bytes / s / 1e9; };
    const auto operations = [&](double s) { return 2 * R * matrices.third_weights / s / 1e9; };
    const std::string name = to_string(format, choice);
    std::printf("  %3d rows  %-24s  %5.1f GOP/s (quiet %5.1f)", R, name.c_str(), operations(seconds.median),
                operations(seconds.quiet));
    if (R <= 8)
      std::printf("  %5.2f GB/s (quiet %5.2f), %3.0f %% (%3.0f %%) of reading", gigabytes(seconds.median),
                  gigabytes(seconds.quiet), 100 * gigabytes(seconds.median) / reading.median,
                  100 * gigabytes(seconds.quiet) / reading.quiet);
    std::puts("");
  };
  for (const Form form : kForms) {
    for (const int streams : kStreams) print(1, {form, streams, form});
    for (const int R : {2, 4, 8, 64, 256}) print(R, {form, 1, form});
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int passes = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 5;
  const std::string only = argc > 2 ? argv[2] : "";
  const Bandwidth reading = best_reading(passes);
  for (const Quantization format : kQuantizations)
    if (only.empty() || only == quantization_name(format)) measure(format, passes, reading);
}
