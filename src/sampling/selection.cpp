#include "sampling/selection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace rwkv {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A float close to v, not above it.
float at_most(double v) { return std::nextafter(float(v), -kInfinity); }

// A token by how far it is from the first choice, 0 or more.
struct Candidate {
  double distance;
  float weight;
  int32_t id;
};

bool precedes(const Candidate& a, const Candidate& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
}

// In units of 2^-40 of the largest weight: sums are exact in whatever order they are added.
uint64_t mass(float weight) { return uint64_t(weight * 0x1p40f); }

// The last candidate that is kept: as many of the nearest as weigh `needed`, and all that are as near as the
// last of them, but no more than `limit`. They are not sorted, but thrown into bins by their distance; a heap
// gives those of the bin that is not kept whole. REQUIRES: some candidates; limit > 0.
Candidate last_kept(const std::vector<Candidate>& candidates, uint64_t needed, size_t limit) {
  constexpr int kBins = 2048, kBinsPerUnit = 64;
  const auto bin_of = [](const Candidate& c) {
    return int(std::min(c.distance * kBinsPerUnit, kBins - 1.0));
  };
  struct Bin {
    uint64_t mass = 0;
    size_t count = 0;
  };
  std::vector<Bin> bins(kBins);
  for (const Candidate& c : candidates) {
    Bin& bin = bins[size_t(bin_of(c))];
    bin.mass += mass(c.weight), ++bin.count;
  }
  needed = std::max(needed, uint64_t{1});  // one is always kept
  uint64_t sum = 0;
  size_t kept = 0;
  int cut = 0;
  for (; cut < kBins - 1; ++cut) {
    const Bin& bin = bins[size_t(cut)];
    if (sum + bin.mass >= needed || kept + bin.count >= limit) break;
    sum += bin.mass, kept += bin.count;
  }
  std::vector<Candidate> heap;
  for (const Candidate& c : candidates)
    if (bin_of(c) == cut) heap.push_back(c);
  const auto later = [](const Candidate& a, const Candidate& b) { return precedes(b, a); };
  std::make_heap(heap.begin(), heap.end(), later);
  Candidate last = {kInfinity, 0, 0};
  for (; kept < limit && !heap.empty(); ++kept) {
    if (sum >= needed && heap.front().distance > last.distance) break;
    last = heap.front();
    sum += mass(last.weight);
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
  }
  return last;
}

// The last token that top_p and top_k keep: as many as reach top_p and all that equal the last of them (p >=
// cutoff), but no more than top_k. What is certain not to be kept never becomes a candidate.
Candidate last_by_rank(std::span<const float> logits, const Summits& summits, float max,
                       const SamplingOptions& options) {
  const size_t limit = options.top_k ? std::min(size_t(options.top_k), logits.size()) : logits.size();
  if (limit == logits.size() && options.top_p >= 1)
    return {kInfinity, 0, std::numeric_limits<int32_t>::max()};

  std::vector<float> weights;  // top_p's
  uint64_t needed = std::numeric_limits<uint64_t>::max();
  double floor = -kInfinity;
  if (options.top_p < 1) {
    weights.assign(logits.begin(), logits.end());
    weigh(weights, max, 1);
    uint64_t total = 0;
    for (const float weight : weights) total += mass(weight);
    needed = uint64_t(options.top_p * double(total));
    // Tokens below an equal share of the (1 - top_p) that may be left out make up less than it even together,
    // so the sum is reached without them. The floor is ln 2^(exponent - 1): a quarter to a half of that
    // share.
    const double share = (1.0 - options.top_p) * double(total) * 0x1p-40 / double(logits.size());
    const int exponent = int(std::bit_cast<uint64_t>(share) >> 52) - 1023;
    floor = max + (exponent - 1) * 0.6931471805599453;
  }
  if (limit < logits.size()) {
    // Of top_k blocks each has a largest; the smallest of these has top_k - 1 others that are no smaller.
    const size_t block = logits.size() / limit;
    double smallest = kInfinity;
    for (size_t i = 0; i < limit; ++i)
      smallest = std::min<double>(smallest, largest(logits.subspan(i * block, block)));
    floor = std::max(floor, smallest);
  }
  std::vector<Candidate> candidates;
  candidates.reserve(logits.size());
  summits.reach(at_most(floor), [&](size_t i) {
    candidates.push_back({double(max) - logits[i], weights.empty() ? 0 : weights[i], int32_t(i)});
  });
  return last_kept(candidates, needed, limit);
}

// How far from the mean surprise a token may be. With l = log weight, in units of the largest, and m = mean
// of l: -log p - H = m - l.
class Typical {
 public:
  Typical(std::span<const float> logits, float max, float typical_p) : max_(max) {
    std::vector<float> weights(logits.begin(), logits.end());
    weigh(weights, max, 1);
    double sum = 0, total = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      if (weights[i] > 0) total += weights[i], sum += double(weights[i]) * (logits[i] - max);
    mean_ = sum / total;
    std::vector<Candidate> candidates;
    candidates.reserve(logits.size());
    uint64_t whole = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      if (weights[i] > 0) {
        candidates.push_back({distance(logits[i]), weights[i], int32_t(i)});
        whole += mass(weights[i]);
      }
    farthest_ = last_kept(candidates, uint64_t(typical_p * double(whole)), logits.size()).distance;
  }
  bool keeps(float logit) const { return distance(logit) <= farthest_; }

 private:
  double distance(float logit) const { return std::fabs(double(logit) - max_ - mean_); }
  double max_, mean_ = 0, farthest_ = 0;
};

}  // namespace

Kept select_tokens(std::span<const float> logits, const Summits& summits, const SamplingOptions& options) {
  const float max = summits.max();
  const Candidate last = last_by_rank(logits, summits, max, options);
  // Far below min_p nothing needs to be looked at, far above it is certain; only close to it e^x is asked.
  const double bound = options.min_p > 0 ? max + std::log(double(options.min_p)) : -kInfinity, margin = 0.001;
  Kept kept(logits.size());
  summits.reach(at_most(std::max(max - last.distance, bound - margin)), [&](size_t i) {
    if (!precedes(last, {double(max) - logits[i], 0, int32_t(i)})) kept.add(logits[i], int32_t(i));
  });
  if (options.min_p > 0)
    kept.keep_if(
        [&](float logit) { return logit > bound + margin || exp_negative(logit - max) >= options.min_p; });
  if (options.typical_p < 1) {
    const Typical typical(kept.logits(), max, options.typical_p);
    kept.keep_if([&](float logit) { return typical.keeps(logit); });
  }
  return kept;
}

}  // namespace rwkv
