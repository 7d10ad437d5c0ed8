// Simulated machines: what loops take on so many threads beside other programs, by a clock of their own.
#include "team.h"

#include <catch_amalgamated.hpp>
#include <deque>
#include <random>

using namespace rwkv;

namespace {

constexpr double kTickNs = 10'000;  // also what a chunk takes

// Cores that programs take turns on: the caller, its helpers, which wait for loops without sleeping, and others.
class Machine {
 public:
  Machine(int cores, int others, unsigned seed) : cores_(cores), random_(seed) {
    for (int i = 1; i <= others; ++i) programs_.push_back({-i, 0});
    programs_.push_back({0, 0});
  }

  // How long a loop of so many chunks takes on so many threads.
  double run(int chunks, int threads) {
    use(threads);
    int left = chunks, held = 0;
    std::vector<bool> holds(Team::kMostThreads, false);
    double ns = 0;
    while (left > 0 || held > 0) {
      for (size_t i = 0; i < std::min(size_t(cores_), programs_.size()); ++i) {
        const int thread = programs_[i].thread;
        if (thread < 0) continue;
        if (holds[size_t(thread)]) holds[size_t(thread)] = false, --held;
        if (left > 0) holds[size_t(thread)] = true, ++held, --left;
      }
      // A chunk that was begun in this tick ends in the next one of its thread: two ticks for the last.
      schedule();
      ns += kTickNs;
    }
    return ns;
  }

 private:
  struct Program {
    int thread;  // of ours; others are below 0
    int ticks;   // of its turn that are left
  };

  void use(int threads) {
    std::erase_if(programs_, [&](const Program& one) { return one.thread >= threads; });
    for (; used_ < threads; ++used_) programs_.push_front({used_, turn()});
    used_ = threads;
  }
  int turn() { return 100 + int(random_() % 600); }  // 1 to 7 ms
  void schedule() {
    for (size_t i = 0; i < std::min(size_t(cores_), programs_.size());) {
      if (--programs_[i].ticks > 0 || programs_.size() <= size_t(cores_)) {
        ++i;
        continue;
      }
      const Program ended = programs_[i];
      programs_.erase(programs_.begin() + long(i));
      programs_.push_back({ended.thread, turn()});
      ++i;
    }
  }

  int cores_, used_ = 1;
  std::mt19937 random_;
  std::deque<Program> programs_;
};

// The loops of a layer, chunks; what the team is told of them has little to do with what they take.
constexpr int kLoops[] = {12, 12, 12, 12, 48, 48};

struct Times {
  double team, alone;
};

// The same work on a team and on one thread, some seconds of it. `others_at(second)`.
Times work(int cores, int threads, int others, double seconds, unsigned seed) {
  Machine shared(cores, others, seed), own(cores, others, seed + 1);
  Team team;
  team.expect(threads);
  Times total{};
  while (total.alone < seconds * 1e9)
    for (const int chunks : kLoops) {
      const double told_ns = chunks * 3e3;
      const int size = team.size(told_ns);
      const double ns = shared.run(chunks, size);
      team.record(told_ns, size, ns);
      total.team += ns, total.alone += own.run(chunks, 1);
    }
  return total;
}

}  // namespace

#ifndef __SANITIZE_ADDRESS__  // arithmetic alone, and a lot of it
TEST_CASE(
    "a team is hardly slower than one thread beside any programs, and as fast as there are cores alone") {
  for (const int cores : {2, 4})
    for (const int threads : {2, 4, 8})
      for (const int others : {0, 1, 2, 4, 8}) {
        const auto [team, alone] = work(cores, threads, others, 20, 1);
        INFO(cores << " cores, " << threads << " threads, " << others << " others: x" << alone / team);
        CHECK(team < 1.05 * alone);
        if (others == 0) CHECK(alone / team > 0.8 * std::min(cores, threads));
      }
}
#endif

TEST_CASE("helpers that are delayed by any time, however often, cost a twentieth of the time at most") {
  for (const int threads : {2, 8})
    for (const double delay_ns : {2e4, 2e5, 2e6, 2e7, 2e8})
      for (const int every : {1, 10, 100, 1000}) {  // loops
        Team team;
        team.expect(threads);
        std::mt19937 random(1);
        double shared = 0, alone = 0;
        for (int i = 0; i < 100'000; ++i) {
          const double own = kLoops[size_t(i) % std::size(kLoops)] * kTickNs, told_ns = own / 3;
          const int size = team.size(told_ns);
          const bool is_delayed = size > 1 && random() % unsigned(every) == 0;
          const double ns = own / size + (is_delayed ? delay_ns : 0);
          team.record(told_ns, size, ns);
          shared += ns, alone += own;
        }
        INFO(threads << " threads, " << delay_ns << " ns, 1 loop in " << every << ": x" << alone / shared);
        CHECK(shared < 1.05 * alone);
      }
}
