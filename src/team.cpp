#include "team.h"

#include <algorithm>

namespace rwkv {
namespace {

// A trial is long enough to meet what a turn of other programs does to it (they last 3 to 4 ms), and so rare
// that it costs 2 % at most, if it were to give nothing.
constexpr double kTrialNs = 3e6, kPauseNs = 150e6;

// Evidence is that of the last so many ns, and each trial makes it older.
constexpr double kMemoryNs = 50e6, kFading = 0.75;

// The account: what is laid by is soon forgotten, for the load of a machine changes; a small debt is how helpers
// begin, who have to wake up. For a debt the caller works alone so many times as long: a 33rd of the time at most.
constexpr double kMostSavedNs = 4e6, kMostOwedNs = 0.5e6, kRest = 32;

// The first times may be slow: the engine has not compiled the kernel well, or another program ran.
constexpr int kEnoughTimes = 3;

}  // namespace

void Team::expect(int threads, bool always) {
  *this = {};
  threads_ = threads;
  always_ = always;
  while (size_of(count_ - 1) < threads) ++count_;
  usual_ = running_ = tried_ = count_ - 1;
  left_ns_ = kPauseNs;
}

const Team::Kind* Team::find(double told_ns) const {
  const Kind* kind =
      std::find_if(kinds_, kinds_ + kKinds, [&](const Kind& one) { return one.told_ns == told_ns; });
  return kind < kinds_ + kKinds ? kind : nullptr;
}

int Team::size(double told_ns) const {
  if (always_) return threads_;
  const Kind* kind = find(told_ns);
  return kind && kind->times == kEnoughTimes ? size_of(running_) : 1;
}

void Team::record(double told_ns, int threads, double ns) {
  if (always_) return;
  const bool is_planned = threads == size_of(running_);  // else it ran to become known
  const Kind* known = find(told_ns);
  Kind& kind = kinds_[known ? known - kinds_ : next_kind_];
  if (!known) {
    kind = {told_ns, ns / told_ns, 0};
    next_kind_ = (next_kind_ + 1) % kKinds;
  }
  if (threads == 1) {
    kind.pace = std::min(kind.pace, ns / told_ns);
    kind.times = std::min(kind.times + 1, kEnoughTimes);
  }
  const double best_ns = kind.pace * told_ns, remembered = std::max(1 - best_ns / kMemoryNs, 0.0);
  Evidence& evidence = sizes_[is_planned ? running_ : 0];
  evidence = {evidence.ns * remembered + ns, evidence.best_ns * remembered + best_ns};
  if (!is_planned) return;

  left_ns_ -= ns;
  if (running_ > 0) {
    saved_ns_ = std::min(saved_ns_ + best_ns * sizes_[0].ratio() - ns, kMostSavedNs);
    if (saved_ns_ < -kMostOwedNs) {
      if (running_ == usual_) usual_ = 0;
      running_ = usual_;
      left_ns_ = std::max(kRest * -saved_ns_, kPauseNs);
      saved_ns_ = 0;
    }
  }
  if (left_ns_ <= 0) turn();
}

void Team::turn() {
  if (running_ != usual_ || count_ == 1) {
    usual_ = running_ = fastest();
    left_ns_ = kPauseNs;
    return;
  }
  do tried_ = (tried_ + 1) % count_;
  while (tried_ == usual_);
  if (usual_ == 0) saved_ns_ = 0;
  running_ = tried_;
  left_ns_ = kTrialNs;
  for (Evidence& one : sizes_) one.ns *= kFading, one.best_ns *= kFading;
}

int Team::fastest() const {
  int best = 0;
  for (int i = 1; i < count_; ++i)
    if (sizes_[i].best_ns > 0 && sizes_[i].ratio() < sizes_[best].ratio()) best = i;
  return best;
}

}  // namespace rwkv
