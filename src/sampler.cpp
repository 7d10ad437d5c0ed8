#include "sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace rwkv {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// e^x for x <= 0, within 1.1e-7 of its size; 0 below e^-87 and for -infinity. The same bits on every machine,
// which no libm promises of its exp and drawn tokens depend on: only + - * and exponent bits. No branches, so
// that compilers make vectors of it.
float exp_negative(float x) {
  const float bounded = x > -87.0f ? x : -87.0f;
  const int n = int(bounded * 1.44269504f - 0.5f);  // the nearest to x / ln 2, as x is negative
  // e^x = 2^n e^r with r = x - n ln 2, |r| <= ln 2 / 2. Of ln 2 a part so short that n times it is exact.
  const float r = (bounded - float(n) * 0.693359375f) + float(n) * 2.12194440e-4f;
  float sum = 1.0f / 5040;  // 1/7!: what is left out of the series is below 6e-9
  for (const float term : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    sum = sum * r + term;
  return x > -87.0f ? sum * std::bit_cast<float>(uint32_t(127 + n) << 23) : 0.0f;
}

// The sum of e^(logit - max). By blocks: a sum in order cannot become vectors, but the exponentials can.
double sum_of_weights(std::span<const float> logits, float max) {
  std::array<float, 64> weights;
  double sum = 0;
  for (size_t begin = 0; begin < logits.size(); begin += weights.size()) {
    const size_t count = std::min(weights.size(), logits.size() - begin);
    for (size_t i = 0; i < count; ++i) weights[i] = exp_negative(logits[begin + i] - max);
    for (size_t i = 0; i < count; ++i) sum += weights[i];
  }
  return sum;
}

struct Candidate {
  float logit;
  int32_t id;
};

// The order in which tokens are kept: the likelier first, of equals the lower id.
bool precedes(Candidate a, Candidate b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

// The last candidate that top_p and top_k keep. The likeliest are taken off a heap one by one, so there is no
// full sort; and what is certain not to be kept never enters the heap, so that it is small.
Candidate last_kept(std::span<const float> logits, float max, const SamplingOptions& options) {
  const size_t limit = options.top_k ? std::min(size_t(options.top_k), logits.size()) : logits.size();
  if (limit == logits.size() && options.top_p >= 1) return {-kInfinity, std::numeric_limits<int32_t>::max()};

  double needed = kInfinity, floor = -kInfinity;
  if (options.top_p < 1) {
    const double total = sum_of_weights(logits, max);  // in units of the largest p
    needed = options.top_p * total;
    // Tokens below an equal share of the (1 - top_p) that may be left out make up less than it even together,
    // so the sum is reached without them. The floor is ln 2^(exponent - 1): a quarter to a half of that
    // share.
    const double share = (1.0 - options.top_p) * total / double(logits.size());
    const int exponent = int(std::bit_cast<uint64_t>(share) >> 52) - 1023;
    floor = max + (exponent - 1) * 0.6931471805599453;
  }
  if (limit < logits.size()) {
    // Of top_k blocks each has a largest; the smallest of these has top_k - 1 others that are no smaller.
    const size_t block = logits.size() / limit;
    double smallest = kInfinity;
    for (size_t i = 0; i < limit; ++i) {
      const auto part = logits.subspan(i * block, block);
      smallest = std::min<double>(smallest, *std::max_element(part.begin(), part.end()));
    }
    floor = std::max(floor, smallest);
  }

  std::vector<Candidate> heap;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] >= floor) heap.push_back({logits[i], int32_t(i)});
  const auto later = [](Candidate a, Candidate b) { return precedes(b, a); };
  std::make_heap(heap.begin(), heap.end(), later);

  // As many as reach top_p and all that equal the last of them, p >= cutoff; and no more than top_k.
  Candidate last = heap.front();
  double sum = 0;
  for (size_t kept = 0; kept < limit && !heap.empty(); ++kept) {
    if (sum >= needed && heap.front().logit != last.logit) break;
    last = heap.front();
    sum += exp_negative(last.logit - max);
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
  }
  return last;
}

// How far from the mean surprise a token may be, given all tokens' weights in units of the largest (0: not
// kept). With l = log weight and m = mean of l: -log p - H = m - l.
class Typical {
 public:
  Typical(std::span<const float> logits, std::span<const float> weights, float max, float typical_p)
      : max_(max) {
    double total = 0, sum = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      if (weights[i] > 0) total += weights[i], sum += double(weights[i]) * (logits[i] - max);
    mean_ = sum / total;
    struct Kept {
      double distance;
      float weight;
    };
    std::vector<Kept> kept;
    for (size_t i = 0; i < logits.size(); ++i)
      if (weights[i] > 0) kept.push_back({distance(logits[i]), weights[i]});
    // A heap gives the nearest first.
    const auto farther = [](const Kept& a, const Kept& b) { return a.distance > b.distance; };
    std::make_heap(kept.begin(), kept.end(), farther);
    for (double reached = 0; !kept.empty() && reached < typical_p * total; kept.pop_back()) {
      std::pop_heap(kept.begin(), kept.end(), farther);
      farthest_ = kept.back().distance;
      reached += kept.back().weight;
    }
  }
  bool keeps(float logit) const { return distance(logit) <= farthest_; }

 private:
  double distance(float logit) const { return std::fabs(double(logit) - max_ - mean_); }
  double max_, mean_ = 0, farthest_ = 0;
};

// For messages: six decimals, without the weight of printf.
std::string decimal(float value) {
  if (std::isnan(value)) return "NaN";
  const std::string sign = value < 0 ? "-" : "";
  if (std::fabs(value) >= 1e9f) return std::isinf(value) ? sign + "Infinity" : sign + "1e9 or more";
  const int64_t millionths = int64_t(std::fabs(double(value)) * 1e6 + 0.5);
  std::string decimals = std::to_string(1'000'000 + millionths % 1'000'000);
  decimals[0] = '.';
  decimals.resize(decimals.find_last_not_of(".0") + 1);
  return sign + std::to_string(millionths / 1'000'000) + decimals;
}

}  // namespace

Status check(const SamplingOptions& options) {
  const auto outside = [](const char* name, const char* range, std::string value) {
    return Error{ErrorKind::kInvalidArgument, std::string(name) + ": expected " + range + ", got " + value};
  };
  // Written so that NaN is outside of every range.
  if (!(options.temperature >= 0 && options.temperature < kInfinity))
    return outside("temperature", "0 or more", decimal(options.temperature));
  if (!(options.top_p >= 0 && options.top_p <= 1)) return outside("top_p", "0 to 1", decimal(options.top_p));
  if (options.top_k < 0) return outside("top_k", "0 or more", std::to_string(options.top_k));
  if (!(options.min_p >= 0 && options.min_p <= 1)) return outside("min_p", "0 to 1", decimal(options.min_p));
  if (!(options.typical_p > 0 && options.typical_p <= 1))
    return outside("typical_p", "more than 0, up to 1", decimal(options.typical_p));
  for (const auto& [id, bias] : options.logit_bias)
    if (std::isnan(bias)) return outside("logit_bias", "a number", decimal(bias));
  if (!std::isfinite(options.presence_penalty))
    return outside("presence_penalty", "a finite number", decimal(options.presence_penalty));
  if (!std::isfinite(options.frequency_penalty))
    return outside("frequency_penalty", "a finite number", decimal(options.frequency_penalty));
  if (!(options.penalty_decay >= 0 && options.penalty_decay <= 1))
    return outside("penalty_decay", "0 to 1", decimal(options.penalty_decay));
  return Done{};
}

// Of PCG's streams the one that its demonstration shows.
Random::Random(uint64_t seed) : state_(0), increment_(54 << 1 | 1) {
  next();
  state_ += seed;
  next();
}

Random Random::at(uint64_t position) {
  Random random(0);
  random.state_ = position;
  return random;
}

uint32_t Random::next() {
  const uint64_t old = state_;
  state_ = old * 6364136223846793005u + increment_;
  return std::rotr(uint32_t((old >> 18 ^ old) >> 27), int(old >> 59));
}

float Random::uniform() { return float(next() >> 8) * 0x1p-24f; }

void keep_allowed(std::span<float> logits, std::span<const uint32_t> allowed) {
  for (size_t i = 0; i < logits.size(); ++i)
    if (i / 32 >= allowed.size() || !(allowed[i / 32] >> i % 32 & 1)) logits[i] = -kInfinity;
}

int32_t Sampler::sample(std::span<float> logits, const SamplingOptions& options) {
  assert(check(options).ok() && !logits.empty());
  for (const auto& [id, bias] : options.logit_bias)
    if (size_t(id) < logits.size()) logits[id] += bias;
  for (const auto& [id, count] : occurrence_)
    if (size_t(id) < logits.size())
      logits[id] -= options.presence_penalty + options.frequency_penalty * count;
  for (float& logit : logits)
    if (std::isnan(logit)) logit = -kInfinity;

  const auto best = std::max_element(logits.begin(), logits.end());  // the first of equals
  const float max = *best;
  if (max == -kInfinity) return 0;  // the end of text
  if (max == kInfinity || options.temperature == 0 || options.top_p == 0)
    return int32_t(best - logits.begin());

  const Candidate last = last_kept(logits, max, options);
  const auto keeps = [&](size_t i) {
    return !precedes(last, {logits[i], int32_t(i)}) &&
           (options.min_p == 0 || exp_negative(logits[i] - max) >= options.min_p);
  };
  std::optional<Typical> typical;
  if (options.typical_p < 1) {
    std::vector<float> weights(logits.size());
    for (size_t i = 0; i < logits.size(); ++i) weights[i] = keeps(i) ? exp_negative(logits[i] - max) : 0.0f;
    typical.emplace(logits, weights, max, options.typical_p);
  }
  // The logits make room for p^(1/temperature), in units of the largest, and 0 for what is not kept.
  for (size_t i = 0; i < logits.size(); ++i) {
    const bool kept = keeps(i) && (!typical || typical->keeps(logits[i]));
    logits[i] = kept ? exp_negative((logits[i] - max) / options.temperature) : 0.0f;
  }
  double total = 0;
  for (const float weight : logits) total += weight;

  // The same sums once more: the last of them is `total`, which the target is below.
  const double target = random_.uniform() * total;
  double sum = 0;
  size_t drawn = 0;
  while ((sum += logits[drawn]) <= target) ++drawn;
  return int32_t(drawn);
}

void Sampler::accept(int32_t token, std::string_view text, const SamplingOptions& options) {
  for (auto& [id, count] : occurrence_) count *= options.penalty_decay;
  // Python's `text in ' \t0123456789'`: a part of it, such as "12", counts as well, and so does no text.
  const bool repeats_by_nature = std::string_view(" \t0123456789").find(text) != std::string_view::npos;
  occurrence_[token] += repeats_by_nature ? 0.0f : 1.0f;
}

}  // namespace rwkv
