#include "tools/calibration/rounding.h"

#include <algorithm>
#include <cmath>

#include "tools/calibration/q4_part.h"

namespace rwkv {
namespace {

constexpr int kSweeps = 16;

PartCost part_cost(const Factor& factor, int first) {
  PartCost cost;
  for (int k = 0; k < kPart; ++k) {
    cost.scale[size_t(k)] = factor.scale[size_t(first + k)];
    std::copy_n(&factor.spread[size_t(first + k) * size_t(factor.width) + size_t(first)], kPart,
                cost.spread[size_t(k)].begin());
  }
  return cost;
}

void put_part(Q4Row& row, int part, const Q4Part& found) {
  row.scales[size_t(part)] = found.scale, row.zeros[size_t(part)] = found.zero;
  std::copy(found.levels.begin(), found.levels.end(), row.levels.begin() + part * kPart);
}

Q4Row round_in_order(std::span<const float> weights, const Factor& factor, float unit) {
  const size_t K = weights.size();
  Q4Row row{int(K)};
  row.unit = unit;
  std::vector<float> spread(K, 0.0f);  // of the errors so far
  for (size_t first = 0; first < K; first += kPart) {
    const PartCost cost = part_cost(factor, int(first));
    PartValues values;  // that would cost nothing
    for (size_t k = 0; k < kPart; ++k) {
      float error = -spread[first + k];
      for (size_t j = 0; j < k; ++j) error -= cost.spread[j][k] * (weights[first + j] - values[j]);
      values[k] = weights[first + k] - error;
    }
    put_part(row, int(first) / kPart, fit_part(values, cost, unit));
    for (size_t k = first; k < first + kPart; ++k) {
      const float error = weights[k] - row.value(int(k));
      const float* by = &factor.spread[k * K];
      for (size_t i = first + kPart; i < K; ++i) spread[i] += by[i] * error;
    }
  }
  return row;
}

// How much a change of a row's values by t a and u b lowers what its errors cost, (a, b) a scale's and a
// zero's steps.
struct PartMoves {
  float ag = 0, bg = 0, aHa = 0, aHb = 0, bHb = 0;
  float gain(float t, float u) const {
    return 2 * (t * ag + u * bg) - t * t * aHa - 2 * t * u * aHb - u * u * bHb;
  }
};

// One number after the other becomes what is best beside all others.
class Descent {
 public:
  Descent(std::span<const float> weights, const Hessian& H, Q4Row& row)
      : H_(H), row_(row), gradient_(weights.size(), 0.0f) {
    for (size_t k = 0; k < weights.size(); ++k) change(int(k), row.value(int(k)) - weights[k]);
  }

  void run() {
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      bool is_better = false;
      for (int part = 0; part < row_.cols() / kPart; ++part) {
        for (int k = part * kPart; k < (part + 1) * kPart; ++k) is_better |= move_level(k);
        is_better |= move_grid(part);
      }
      if (!is_better) break;
    }
  }

 private:
  void change(int k, float by) {  // of the row's value k
    const float* h = H_.row(k);
    for (size_t i = 0; i < gradient_.size(); ++i) gradient_[i] -= by * h[i];
  }

  bool move_level(int k) {
    int& level = row_.levels[size_t(k)];
    const float step = row_.step(k / kPart), own = H_.row(k)[k], g = gradient_[size_t(k)];
    const int better = int(std::lrint(std::clamp(float(level) + g / (own * step), 0.0f, 15.0f)));
    const float by = float(better - level) * step;
    if (better == level || 2 * by * g - by * by * own <= 1e-5f * step * step * own) return false;
    level = better;
    change(k, by);
    return true;
  }

  bool move_grid(int part) {
    const int first = part * kPart;
    int &scale = row_.scales[size_t(part)], &zero = row_.zeros[size_t(part)];
    PartMoves moves;
    float a[kPart];
    const float b = -row_.step(part) / 16;
    for (int k = 0; k < kPart; ++k)
      a[k] = row_.unit * (float(row_.levels[size_t(first + k)] - q4::kOffset) - float(zero) / 16);
    for (int k = 0; k < kPart; ++k) {
      const float* h = H_.row(first + k) + first;
      float Ha = 0, Hb = 0;
      for (int i = 0; i < kPart; ++i) Ha += h[i] * a[i], Hb += h[i] * b;
      moves.aHa += a[k] * Ha, moves.aHb += b * Ha, moves.bHb += b * Hb;
      moves.ag += a[k] * gradient_[size_t(first + k)], moves.bg += b * gradient_[size_t(first + k)];
    }
    const float determinant = moves.aHa * moves.bHb - moves.aHb * moves.aHb;
    if (!(determinant > 1e-5f * moves.aHa * moves.bHb)) return false;
    const float best = std::floor((moves.ag * moves.bHb - moves.bg * moves.aHb) / determinant);
    float most = 1e-4f * moves.bHb;
    int new_scale = scale, new_zero = zero;
    for (const float t : {best, best + 1}) {
      if (scale + t < 1 || scale + t > 255) continue;
      const float grown = (float(scale) + t) / float(scale);  // the zero's step grows with the scale
      const float free = float(zero) + (moves.bg - t * moves.aHb) / (moves.bHb * grown);
      const int rounded = int(std::lrint(std::clamp(free, -128.0f, 127.0f)));
      const float gain = moves.gain(t, float(rounded - zero) * grown);
      if (gain > most) most = gain, new_scale = scale + int(t), new_zero = rounded;
    }
    if (new_scale == scale && new_zero == zero) return false;
    float before[kPart];
    for (int k = 0; k < kPart; ++k) before[k] = row_.value(first + k);
    scale = new_scale, zero = new_zero;
    for (int k = 0; k < kPart; ++k) change(first + k, row_.value(first + k) - before[k]);
    return true;
  }

  const Hessian& H_;
  Q4Row& row_;
  std::vector<float> gradient_;  // H d, d = weights - values
};

}  // namespace

Q4Row round_row(std::span<const float> weights, const Hessian& H, const Factor& factor) {
  float largest = 0;
  for (size_t first = 0; first < weights.size(); first += kPart) {
    PartValues values;
    std::copy_n(&weights[first], kPart, values.begin());
    largest = std::max(largest, free_scale(values, part_cost(factor, int(first))));
  }
  if (!(largest > kTiny)) return Q4Row(int(weights.size()));
  Q4Row row = round_in_order(weights, factor, largest / 255);
  Descent(weights, H, row).run();
  return row;
}

double cost_of(std::span<const float> weights, const Q4Row& row, const Hessian& H) {
  const int K = H.width();
  std::vector<float> d(weights.size()), product(weights.size(), 0.0f);
  for (int k = 0; k < K; ++k) d[size_t(k)] = weights[size_t(k)] - row.value(k);
  for (int i = 0; i < K; ++i)
    for (int k = 0; k < K; ++k) product[size_t(k)] += H.row(i)[k] * d[size_t(i)];
  double sum = 0;
  for (int k = 0; k < K; ++k) sum += double(product[size_t(k)]) * d[size_t(k)];
  return sum;
}

}  // namespace rwkv
