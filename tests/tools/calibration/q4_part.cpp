#include "tools/calibration/q4_part.h"

#include <algorithm>

namespace rwkv {
namespace {

// As in the search of the core (quant_q4.cpp): so many steps from the smallest value to the largest.
constexpr float kStarts[] = {15, 14, 13, 16.5f, 12};
constexpr int kRefits = 2;

// value ~ step level + start
struct Grid {
  float step, start;
};

float nearest_level(float value, const Grid& grid) {
  return std::clamp(std::nearbyint((value - grid.start) / grid.step), 0.0f, 15.0f);
}

// The grid that fits the levels best where errors e cost the sum of metric(e)^2.
template <class Metric>
Grid refit(const PartValues& values, const PartValues& levels, Grid grid, Metric metric) {
  PartValues ones;
  ones.fill(1);
  const PartValues v = metric(values), q = metric(levels), c = metric(ones);
  float qq = 0, qc = 0, cc = 0, vq = 0, vc = 0;
  for (int k = 0; k < kPart; ++k) {
    qq += q[k] * q[k], qc += q[k] * c[k], cc += c[k] * c[k];
    vq += v[k] * q[k], vc += v[k] * c[k];
  }
  const float determinant = qq * cc - qc * qc;
  if (determinant > 1e-5f * qq * cc) {
    const float step = (vq * cc - vc * qc) / determinant;
    if (step > kTiny) grid.step = step;
  }
  grid.start = (vc - grid.step * qc) / cc;
  return grid;
}

// Rounds column after column, with what the columns before did wrong in mind; the levels, and what they cost.
float round_in_order(const PartValues& values, const PartCost& cost, const Grid& grid, PartValues& levels) {
  PartValues spread{};
  float sum = 0;
  for (int k = 0; k < kPart; ++k) {
    const float target = values[k] + spread[k];
    levels[k] = nearest_level(target, grid);
    const float rounded = grid.step * levels[k] + grid.start, error = values[k] - rounded;
    const float own = cost.scale[k] * (target - rounded);
    sum += own * own;
    for (int i = 0; i < kPart; ++i) spread[i] += cost.spread[k][i] * error;
  }
  return sum;
}

PartValues times(const PartCost& cost, const PartValues& errors) {
  PartValues out = errors;
  for (int k = 0; k < kPart; ++k)
    for (int i = 0; i < kPart; ++i) out[i] += cost.spread[k][i] * errors[k];
  for (int k = 0; k < kPart; ++k) out[k] *= cost.scale[k];
  return out;
}

// The grids that a search starts from: use(grid) for each.
template <class Use>
void each_start(const PartValues& values, const PartCost& cost, Use use) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const float low = std::min(*least, 0.0f), high = std::max(*most, 0.0f);
  if (!(high - low > kTiny)) return;
  for (const float steps : kStarts) {
    const float step = (high - low) / steps;
    Grid grid{step, low - std::trunc((15 - steps) / 2) * step};
    PartValues levels;
    for (int k = 0; k < kPart; ++k) levels[k] = nearest_level(values[k], grid);
    use(refit(values, levels, grid, [&](PartValues errors) {
      for (int k = 0; k < kPart; ++k) errors[k] *= cost.scale[k];
      return errors;
    }));
  }
}

}  // namespace

float free_scale(const PartValues& values, const PartCost& cost) {
  float best = 0, least = INFINITY;
  each_start(values, cost, [&](const Grid& grid) {
    PartValues levels;
    const float sum = round_in_order(values, cost, grid, levels);
    if (sum < least) least = sum, best = grid.step;
  });
  return best;
}

Q4Part fit_part(const PartValues& values, const PartCost& cost, float unit) {
  Q4Part best;
  const auto improve = [&](Grid grid) {
    for (int i = 0; i < kRefits; ++i) {
      const int scale = int(std::clamp(std::nearbyint(grid.step / unit), 1.0f, 255.0f));
      grid.step = unit * float(scale);
      const int zero = int(std::clamp(std::nearbyint((-grid.start / grid.step - 8) * 16), -128.0f, 127.0f));
      grid.start = -grid.step * (8 + float(zero) / 16);
      PartValues levels;
      const float sum = round_in_order(values, cost, grid, levels);
      if (sum < best.cost) {
        best.scale = scale, best.zero = zero, best.cost = sum;
        std::copy(levels.begin(), levels.end(), best.levels.begin());
      }
      grid = refit(values, levels, grid, [&](const PartValues& errors) { return times(cost, errors); });
    }
  };
  each_start(values, cost, improve);
  return best;
}

}  // namespace rwkv
