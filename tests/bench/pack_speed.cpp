// How fast weights are decoded and packed when a model is loaded, on one core: see README.md.
#include <cstdio>
#include <cstdlib>

#include "bench/stopwatch.h"
#include "quant/matrix.h"
#include "reference.h"

using namespace rwkv;

namespace {

constexpr int kRows = 256, kCols = 768;

}  // namespace

int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 200;
  const auto decode = hidden(rwkv::decode);
  const auto pack_group = hidden(rwkv::pack_group);
  const auto weights = reference::random_floats(size_t(kRows) * kCols, -1, 1, 1);
  std::vector<std::byte> file(weights.size() * sizeof(float));
  std::vector<float> group(size_t(kGroup) * kCols);
  for (const DType dtype : {DType::kBF16, DType::kF16, DType::kF32, DType::kQ8_0}) {
    encode(dtype, weights, file.data());
    const size_t group_bytes = bytes_of(dtype, group.size()), bytes = bytes_of(dtype, weights.size());
    const auto report = [&](const char* to, Seconds seconds) {
      std::printf("%-4s -> %-8s  GB/s of input %6.2f (quiet %6.2f)   M weights/s %6.0f (quiet %6.0f)\n",
                  dtype_name(dtype), to, double(bytes) / seconds.median / 1e9,
                  double(bytes) / seconds.quiet / 1e9, double(weights.size()) / seconds.median / 1e6,
                  double(weights.size()) / seconds.quiet / 1e6);
    };
    report("floats", time_of(repeats, [&](int) {
             for (size_t at = 0; at < bytes; at += group_bytes) decode(dtype, &file[at], group);
           }));
    for (const Quantization format : kQuantizations) {
      Matrix matrix = make_matrix(format, kRows, kCols);
      report(quantization_name(format), time_of(repeats, [&](int) {
               for (int i = 0; i < kRows / kGroup; ++i) {
                 decode(dtype, &file[size_t(i) * group_bytes], group);
                 pack_group(matrix, i, group.data(), dtype == DType::kQ8_0);
               }
             }));
    }
  }
}
