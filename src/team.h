// How many threads a loop is worth. Where other programs want the cores, a helper that loses its core in the
// middle of a loop holds the caller up for milliseconds, and one that waits for the next loop takes the core
// from the caller itself: of that the caller sees nothing but time. So the number is found out by trying it.
#pragma once

#include <cstdint>
#include <iterator>

namespace rwkv {

// Numbers of threads are tried in turns, a few milliseconds each, and the one runs on
// that was the fastest. Only loops of one kind are compared: what one took is put in relation to the best of
// its kind on one thread.
//
// Never slower than one thread: more than one keep an account of what they save, by the clock. When it is empty,
// the next loops are one thread's for many times as long as was lost.
class Team {
 public:
  static constexpr int kMostThreads = 16;

  // Forgets all. `always`: every loop is worth all of them, for tests. REQUIRES: 1..kMostThreads
  void expect(int threads, bool always = false);
  int threads() const { return threads_; }

  // For a loop that is told to take so long: by that its kind is known.
  int size(double told_ns) const;
  // What it took on size() threads.
  void record(double told_ns, int threads, double ns);

 private:
  struct Kind {
    double told_ns, pace;  // the least ns a told one that it took on one thread
    int times;             // that it ran there, counted to kEnoughTimes
  };
  // How long loops took, and the best of their kinds on one thread; what is long ago counts less.
  struct Evidence {
    double ns, best_ns;
    double ratio() const { return best_ns > 0 ? ns / best_ns : 1; }  // the clock may be too coarse to see any
  };

  static constexpr int kKinds = 64;  // a step of learning has some 40
  static constexpr int kSizes[] = {1, 2, 3, 4, 6, 8, 12, kMostThreads};

  int size_of(int i) const { return kSizes[i] < threads_ ? kSizes[i] : threads_; }
  const Kind* find(double told_ns) const;
  int fastest() const;
  void turn();

  Kind kinds_[kKinds] = {};
  int next_kind_ = 0;  // which is forgotten for a new one
  Evidence sizes_[std::size(kSizes)] = {};
  int threads_ = 1, count_ = 1;  // of sizes
  bool always_ = false;
  int usual_ = 0, running_ = 0;  // sizes; they differ during a trial
  int tried_ = 0;                // the size of the last trial
  double left_ns_ = 0;           // until the trial ends, or the next begins
  double saved_ns_ = 0;          // by more than one thread
};

}  // namespace rwkv
