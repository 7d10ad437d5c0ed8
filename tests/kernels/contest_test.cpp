#include "kernels/contest.h"

#include <catch_amalgamated.hpp>
#include <random>

using namespace rwkv;

namespace {

// Who wins where pieces take these times and a share of them is disturbed: 1 to 20 times as long.
int winner_of(const std::vector<double>& times, double disturbed, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> chance(0, 1);
  Contest contest;
  contest.start(int(times.size()));
  while (!contest.is_over()) {
    const double noise = 1 + 0.02 * chance(random);
    const double delay = chance(random) < disturbed ? 1 + 19 * chance(random) : 1;
    contest.record(times[size_t(contest.next())] * noise * delay);
  }
  return contest.winner();
}

}  // namespace

TEST_CASE("the quickest of several wins, with up to three fifths of all pieces disturbed") {
  for (const size_t count : {2, 6, 9})
    for (const double disturbed : {0.0, 0.3, 0.6})
      for (unsigned seed = 0; seed < 200; ++seed) {
        std::vector<double> times(count, 1.1);
        const size_t quickest = seed % count;
        times[quickest] = 1;
        INFO(count << " candidates, " << disturbed << " disturbed, seed " << seed);
        CHECK(winner_of(times, disturbed, seed) == int(quickest));
      }
}

TEST_CASE("the first candidate stays where others are no quicker") {
  for (unsigned seed = 0; seed < 200; ++seed) CHECK(winner_of({1, 1, 0.99, 1.2}, 0.3, seed) == 0);
}
