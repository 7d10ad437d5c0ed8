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

constexpr size_t kColdBytes = size_t{128}
                              << 20;  // walked before anything is met again: more than most caches

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

// What is done with a matrix, and how long that takes for the third of a model.
struct Deed {
  std::string name;
  void (*run)(const Matrix& W, int R, const Choice& choice, Arena& arena);
  Choice choice = {};
  Seconds total = {};
};

template <int S>
void read(const Matrix& W, int, const Choice&, Arena&) {
  static volatile int32_t sum;
  sum = read_memory<S>(W.data.as<std::byte>(), W.data.bytes());
}

void multiply(const Matrix& W, int R, const Choice& choice, Arena& arena) {
  static const auto x = reference::random_floats(size_t(256) * 3072, -1, 1, 2);
  static std::vector<float> y(size_t(256) * 3072);
  use_choice(W.format, choice);
  hidden(matmul)(W, {const_cast<float*>(x.data()), R, W.cols}, {y.data(), R, W.rows}, arena);
}

// In turns, so that a slow moment of the machine meets all of them; each with weights from cold memory.
void time_deeds(const Matrices& matrices, int R, int passes, std::vector<Deed>& deeds, Arena& arena) {
  for (size_t i = 0; i < std::size(kShapes); ++i) {
    const auto& all = matrices.of_shape[i];
    const int rounds = R > 8 ? 3 * passes : passes * kShapes[i].count;
    std::vector<std::vector<double>> times(deeds.size());
    size_t next = 0;
    for (int n = -2; n < rounds; ++n)  // at first compiled and warm
      for (size_t d = 0; d < deeds.size(); ++d) {
        const Matrix& W = all[next++ % all.size()];
        const Seconds once = time_of(1, [&](int) { deeds[d].run(W, R, deeds[d].choice, arena); });
        if (n >= 0) times[d].push_back(once.median);
      }
    for (size_t d = 0; d < deeds.size(); ++d) {
      std::sort(times[d].begin(), times[d].end());
      deeds[d].total.median += kShapes[i].count * times[d][times[d].size() / 2];
      deeds[d].total.quiet += kShapes[i].count * times[d][times[d].size() / 10];
    }
  }
}

void measure(Quantization format, int passes, int only_rows) {
  const Matrices matrices(format);
  Arena arena;
  const Choice now = current_choice(format);
  for (const int R : {1, 2, 3, 4, 8, 32, 64, 256}) {
    if (only_rows != 0 && R != only_rows) continue;
    std::vector<Deed> deeds;
    if (R == 1)
      deeds = {
          {"reading x1", read<1>}, {"reading x2", read<2>}, {"reading x4", read<4>}, {"reading x8", read<8>}};
    const size_t readings = deeds.size();
    for (const Form form : kForms)
      for (const int streams : kStreams)
        if (const Choice choice{R == 1 ? form : now.row, streams, R == 1 ? now.rows : form};
            (R == 1 || streams == 1) && is_available(format, choice))
          deeds.push_back({to_string(format, choice), multiply, choice});
    time_deeds(matrices, R, passes, deeds, arena);
    Seconds reading{};
    for (size_t d = 0; d < readings; ++d)
      if (d == 0 || deeds[d].total.median < reading.median) reading = deeds[d].total;
    for (const Deed& deed : deeds) {
      const auto [median, quiet] = deed.total;
      std::printf("%4d rows  %-24s", R, deed.name.c_str());
      if (R == 1)
        std::printf("  %5.2f GB/s (quiet %5.2f), %3.0f %% (%3.0f %%) of reading",
                    matrices.third_bytes / median / 1e9, matrices.third_bytes / quiet / 1e9,
                    100 * reading.median / median, 100 * reading.quiet / quiet);
      else
        std::printf("  %5.1f GOP/s (quiet %5.1f)", 2 * R * matrices.third_weights / median / 1e9,
                    2 * R * matrices.third_weights / quiet / 1e9);
      std::puts("");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int passes = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 5;
  const std::string only = argc > 2 ? argv[2] : "";
  const int only_rows = argc > 3 ? std::atoi(argv[3]) : 0;
  for (const Quantization format : kQuantizations)
    if (only.empty() || only == quantization_name(format)) measure(format, passes, only_rows);
}
