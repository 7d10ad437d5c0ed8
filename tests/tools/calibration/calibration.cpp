#include "tools/calibration/calibration.h"

#include <algorithm>
#include <cmath>

#include "model/weights.h"
#include "tools/calibration/parallel.h"
#include "tools/calibration/rounding.h"

namespace rwkv {
namespace {

// (8 groups, K): rows behind the last are zeros.
std::vector<float> values_of(const Matrix& matrix) {
  const int groups = (matrix.rows + kGroup - 1) / kGroup;
  std::vector<float> values(size_t(groups) * kGroup * size_t(matrix.cols));
  for (int group = 0; group < groups; ++group)
    unpack_group(matrix, group, &values[size_t(group) * kGroup * size_t(matrix.cols)]);
  return values;
}

Matrix packed(Quantization format, const Matrix& like, const std::vector<float>& values) {
  Matrix matrix = make_matrix(format, like.rows, like.cols);
  for (int group = 0; group * kGroup < like.rows; ++group)
    pack_group(matrix, group, &values[size_t(group) * kGroup * size_t(like.cols)]);
  return matrix;
}

// values += D, D H = lacks: what the products lack, as far as their inputs foretell it.
void make_up(const Samples& samples, const Factor& factor, std::vector<float>& values) {
  const size_t K = size_t(samples.all.width());
  in_parallel(samples.lacks.size() / K, [&](size_t row) {
    const auto first = samples.lacks.begin() + ptrdiff_t(row * K);
    std::vector<float> change(first, first + ptrdiff_t(K));
    factor.solve(change);
    for (size_t k = 0; k < K; ++k) values[row * K + k] += change[k];
  });
}

// The size of errors beside that of the products they are in, by the core's packing and by ours.
struct Errors {
  double usual = 0, ours = 0, all = 0;  // squares

  void add(std::span<const float> weights, const Q4Row& usual_row, const Q4Row& row, const Hessian& H) {
    usual += cost_of(weights, usual_row, H), ours += cost_of(weights, row, H);
    all += cost_of(weights, Q4Row(row.cols()), H);
  }
};

Matrix calibrated(const Matrix& exact, const std::vector<float>& values, const Samples& samples,
                  const Factor& factor, Errors& errors) {
  const size_t M = size_t(exact.rows), K = size_t(exact.cols);
  const Matrix usual = packed(Quantization::kQ4, exact, values);
  std::vector<Q4Row> rows(M, Q4Row(int(K)));
  std::vector<Errors> of_rows(M);
  in_parallel(M, [&](size_t row) {
    const std::span<const float> weights(&values[row * K], K);
    const auto round = [&](const Hessian& H, const Factor& factor) {
      rows[row] = round_row(weights, H, factor);
      of_rows[row].add(weights, take_row(usual, int(row)), rows[row], H);
    };
    if (samples.of_rows.empty()) return round(samples.all, factor);
    const Hessian H = samples.of_row(int(row));
    round(H, Factor(H, 0, int(K)));
  });
  Matrix found = make_matrix(Quantization::kQ4, exact.rows, exact.cols);
  std::fill_n(found.data.as<std::byte>(), found.data.bytes(), std::byte{});
  for (size_t row = 0; row < M; ++row) {
    put_row(found, int(row), rows[row]);
    errors.usual += of_rows[row].usual, errors.ours += of_rows[row].ours, errors.all += of_rows[row].all;
  }
  return found;
}

}  // namespace

Calibration::Calibration(const Checkpoint& original, std::span<const Token> tokens,
                         std::vector<std::string> as_q8)
    : as_q8_(std::move(as_q8)),
      exact_(unwrap(load_model(original, Quantization::kF32))),
      model_(unwrap(load_model(original, Quantization::kF32))),
      streams_{exact_, model_, {exact_, tokens}, {model_, tokens}},
      replaced_(original, Quantization::kQ4) {}

void Calibration::run() {
  for (int layer = 0; layer < model_.config.layers; ++layer) {
    Layer& own = model_.layers[size_t(layer)];
    run_half(layer, Stream::Half::kTimeMix, time_mix_matrices(own), true);
    run_half(layer, Stream::Half::kChannelMix, channel_mix_matrices(own), own.channel_mix.R.empty());
  }
  replace("head.weight", model_.head, sample_head(streams_).at(&model_.head));
}

// All matrices but the last at once, then the last, which they lead to. `last_is_added`: its products are what
// is added to the stream.
void Calibration::run_half(int layer, Stream::Half half, std::vector<NamedMatrix> matrices,
                           bool last_is_added) {
  streams_.exact.advance(exact_, layer, half);
  const std::string prefix = "blocks." + std::to_string(layer) + '.';
  const NamedMatrix last = matrices.back();
  matrices.pop_back();
  std::vector<const Matrix*> first;
  for (const NamedMatrix& m : matrices) first.push_back(m.matrix);
  const SamplesOf samples = sample_half(streams_, layer, half, first, nullptr);
  for (const NamedMatrix& m : matrices) replace(prefix + m.name, *m.matrix, samples.at(m.matrix));
  const SamplesOf of_last =
      sample_half(streams_, layer, half, {last.matrix}, last_is_added ? last.matrix : nullptr);
  replace(prefix + last.name, *last.matrix, of_last.at(last.matrix));
  streams_.own.advance(model_, layer, half);
}

void Calibration::replace(const std::string& name, Matrix& matrix, const Samples& samples) {
  if (format_for(Quantization::kQ4, matrix.cols) != Quantization::kQ4) return;
  const bool is_q8 = std::any_of(as_q8_.begin(), as_q8_.end(),
                                 [&](const std::string& part) { return name.find(part) != name.npos; });
  const Factor factor(samples.all, 0, matrix.cols);
  std::vector<float> values = values_of(matrix);
  make_up(samples, factor, values);
  Errors errors;
  const Matrix found =
      is_q8 ? packed(Quantization::kQ8, matrix, values) : calibrated(matrix, values, samples, factor, errors);
  if (is_q8) std::printf("%-32s q8\n", name.c_str());
  else
    std::printf("%-32s q4  %.4f -> %.4f\n", name.c_str(), std::sqrt(errors.usual / errors.all),
                std::sqrt(errors.ours / errors.all));
  std::fflush(stdout);
  matrix = packed(Quantization::kF32, matrix, values_of(found));
  replaced_.replace(name, found);
}

}  // namespace rwkv
