// Which of several equals is the fastest, when the machine is not ours alone.
#pragma once

#include <cstddef>
#include <iterator>

#include "kernels/choice.h"

namespace rwkv {

// All try pieces of the same work, in turns, and of each its few quickest pieces count: other programs make pieces
// slow, and never quick, and so does an engine that has not compiled the kernel well. The first
// candidate stays where none is clearly quicker.
class Contest {
 public:
  static constexpr int kMostCandidates = int(std::size(kForms) * std::size(kStreams));
  static constexpr int kRounds = 24;

  void start(int candidates);
  bool is_over() const { return turn_ == candidates_ * kRounds; }
  // Whose turn it is. REQUIRES: not over.
  int next() const { return turn_ % candidates_; }
  // What the piece took, whatever the unit.
  void record(double time);
  // REQUIRES: over
  int winner() const;

 private:
  static constexpr int kQuickest = 3;

  int candidates_ = 0, turn_ = 0;
  double times_[kMostCandidates][kQuickest] = {};  // ascending
};

}  // namespace rwkv
