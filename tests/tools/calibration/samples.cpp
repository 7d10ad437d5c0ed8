#include "tools/calibration/samples.h"

#include <algorithm>
#include <cmath>

#include "tools/calibration/observer.h"
#include "tools/calibration/parallel.h"

namespace rwkv {
namespace {

constexpr float kDamping = 0.01f;  // of the diagonal's mean, to the diagonal
// A row's own occasions are few: so much of all inputs counts besides.
constexpr float kShared = 0.4f;
// Of softmax: smaller ones are no occasion.
constexpr float kLeastProbability = 1e-3f;
constexpr double kMostOccasions = 4000;  // of a row

void finish(Hessian& H) {
  const float mean = H.mean_of_diagonal();
  H.finish(mean > 0 ? kDamping * mean : 1);
}

void add_inputs(Samples& samples, Rows x, bool keep) {
  const bool is_dense = std::count(x.data, x.data + x.size(), 0.0f) * 4 < ptrdiff_t(x.size());
  int r = 0;
  for (; is_dense && r + 4 <= x.count; r += 4)
    samples.all.add({x.row(r), x.row(r + 1), x.row(r + 2), x.row(r + 3)}, {1, 1, 1, 1});
  for (; r < x.count; ++r) samples.all.add(x.row(r));
  if (keep) samples.inputs.insert(samples.inputs.end(), x.data, x.data + x.size());
}

// `weights` (R, M) of the last R inputs.
void add_occasions(Samples& samples, Rows weights, float least) {
  samples.of_rows.resize(size_t(weights.width));
  const size_t first = samples.inputs.size() / size_t(samples.all.width()) - size_t(weights.count);
  for (int r = 0; r < weights.count; ++r)
    for (int row = 0; row < weights.width; ++row)
      if (const float weight = weights.row(r)[row]; weight > least)
        samples.of_rows[size_t(row)].push_back({uint32_t(first) + uint32_t(r), weight});
}

void add_lacks(Samples& samples, Rows lacks, Rows x) {
  samples.lacks.resize(size_t(lacks.width) * size_t(x.width));
  for (int r = 0; r < x.count; ++r)
    for (int row = 0; row < lacks.width; ++row) {
      float* sums = &samples.lacks[size_t(row) * size_t(x.width)];
      const float lack = lacks.row(r)[row];
      for (int k = 0; k < x.width; ++k) sums[k] += lack * x.row(r)[k];
    }
}

void subtract(Rows x, Rows out) {
  for (size_t i = 0; i < out.size(); ++i) out.data[i] -= x.data[i];
}

void merge(Samples& into, Samples& from) {
  into.all.add(from.all);
  const uint32_t first = uint32_t(into.inputs.size() / size_t(into.all.width()));
  into.inputs.insert(into.inputs.end(), from.inputs.begin(), from.inputs.end());
  into.of_rows.resize(std::max(into.of_rows.size(), from.of_rows.size()));
  for (size_t row = 0; row < from.of_rows.size(); ++row)
    for (const Occasion& o : from.of_rows[row]) into.of_rows[row].push_back({first + o.input, o.weight});
  into.lacks.resize(std::max(into.lacks.size(), from.lacks.size()));
  for (size_t i = 0; i < from.lacks.size(); ++i) into.lacks[i] += from.lacks[i];
  from.inputs = {}, from.of_rows = {}, from.lacks = {};
}

// take(window, samples, arena) for each window, threads having shares of their own that are added in order:
// the order of sums decides their last bits.
template <class Take>
SamplesOf over_windows(size_t windows, const std::vector<const Matrix*>& matrices, const Take& take) {
  std::vector<SamplesOf> shares(kThreads);
  for (SamplesOf& share : shares)
    for (const Matrix* matrix : matrices) share.emplace(matrix, matrix->cols);
  in_parallel(kThreads, [&](size_t thread) {
    Arena arena;
    for (size_t window = thread; window < windows; window += kThreads) {
      const ArenaScope scope(arena);
      take(window, shares[thread], arena);
    }
  });
  for (size_t i = 1; i < kThreads; ++i)
    for (auto& [matrix, samples] : shares[0]) merge(samples, shares[i].at(matrix));
  for (auto& [matrix, samples] : shares[0]) finish(samples.all);
  return std::move(shares[0]);
}

}  // namespace

Hessian Samples::of_row(int row) const {
  const std::vector<Occasion>& occasions = of_rows[size_t(row)];
  double sum = 0;
  for (const Occasion& o : occasions) sum += o.weight;
  // Of many occasions so many are drawn, the weightier the likelier, that the sum stays.
  const float least = float(sum / kMostOccasions);
  uint32_t random = uint32_t(row) * 2654435761u + 1;
  Hessian H(all.width());
  const float* x[4];
  float weights[4];
  size_t n = 0;
  const auto flush = [&] {
    for (size_t i = n; i < 4; ++i) x[i] = inputs.data(), weights[i] = 0;
    if (n > 0) H.add(x, weights);
    n = 0;
  };
  for (const Occasion& o : occasions) {
    random = random * 1664525u + 1013904223u;
    if (float(random >> 8) * 0x1p-24f * least > o.weight) continue;
    x[n] = &inputs[size_t(o.input) * size_t(all.width())], weights[n] = std::max(o.weight, least);
    if (++n == 4) flush();
  }
  flush();
  const double count = double(inputs.size()) / all.width();
  H.add(all, kShared * float(std::max(sum / count, 1e-9)));
  finish(H);
  return H;
}

SamplesOf sample_half(const Streams& streams, int layer, Stream::Half half,
                      const std::vector<const Matrix*>& matrices, const Matrix* output) {
  const ChannelMix& mix = streams.model.layers[size_t(layer)].channel_mix;
  return over_windows(streams.own.windows(), matrices, [&](size_t window, SamplesOf& samples, Arena& arena) {
    std::vector<float> last;  // input of `output`
    const ObserverScope scope([&](const Matrix& W, Rows x) {
      if (const auto found = samples.find(&W); found != samples.end())
        add_inputs(found->second, x, &W == &mix.K);
      if (&W == output) last.assign(x.data, x.data + x.size());
      if (const auto keys = samples.find(&mix.K); &W == &mix.V && keys != samples.end())
        add_occasions(keys->second, x, 0);
    });
    const Rows x = streams.own.x(window), out = arena.rows(x.count, x.width);
    streams.own.run(streams.model, layer, half, window, arena, out);
    if (!output) return;
    const Rows lacks = arena.rows(x.count, x.width), exact = streams.exact.x(window);
    std::copy_n(exact.data, exact.size(), lacks.data);
    subtract(x, lacks), subtract(out, lacks);
    add_lacks(samples.at(output), lacks, {last.data(), x.count, output->cols});
  });
}

SamplesOf sample_head(const Streams& streams) {
  const Matrix& head = streams.model.head;
  return over_windows(streams.own.windows(), {&head}, [&](size_t window, SamplesOf& all, Arena& arena) {
    Samples& samples = all.at(&head);
    const Rows x = streams.own.x(window), h = arena.rows(x.count, x.width),
               exact = arena.rows(x.count, x.width), logits = arena.rows(x.count, head.rows);
    streams.own.normed(streams.model, window, h);
    samples.inputs.insert(samples.inputs.end(), h.data, h.data + h.size());
    streams.exact.normed(streams.exact_model, window, exact);
    matmul(streams.exact_model.head, exact, logits, arena);
    for (int r = 0; r < logits.count; ++r) {
      float* row = logits.row(r);
      const float most = *std::max_element(row, row + logits.width);
      double sum = 0, doubt = 0;
      for (int v = 0; v < logits.width; ++v) sum += row[v] = std::exp(row[v] - most);
      for (int v = 0; v < logits.width; ++v) {
        const float p = row[v] / float(sum);
        doubt += row[v] = p * (1 - p);
      }
      samples.all.add(h.row(r), float(doubt));
    }
    add_occasions(samples, logits, kLeastProbability);
  });
}

}  // namespace rwkv
