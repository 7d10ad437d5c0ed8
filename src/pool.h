// The threads of the process, and how a loop is shared among them. Nothing here starts a thread: whoever owns
// some lends them by serve(); while none serves, everything runs on the caller's thread. WebAssembly without
// atomics has no other threads, and there all of this is a plain call.
#pragma once

#include <atomic>
#include <cstdint>

#include "team.h"

namespace rwkv {

#if defined(__wasm__) && !defined(__wasm_atomics__)
inline constexpr bool kHasThreads = false;
#else
inline constexpr bool kHasThreads = true;
#endif

// One caller, and helpers that wait for its loops: spinning for a while, then asleep. A loop is cut into a
// part for each thread, a part into chunks. A thread takes the chunks of its own part in order, so that it
// streams through memory of its own, and then those that others have left. Who comes late finds less to do or
// nothing: the caller waits for a chunk that was begun, never for a helper that has not come.
//
// Where another program takes the core of a helper that is in the middle of a chunk, the caller waits for as
// long as that lasts, milliseconds. (To do the chunk again itself would not be safe: the helper would still
// write it, at a time when the memory is another's.) So the caller times its loops, and team.h tells how many threads
// pay; the others sleep.
class Pool {
 public:
  static constexpr int kMostThreads = Team::kMostThreads;

  // What a range takes at least, if it holds more than one index: crossing over costs some 0.5 us.
  static constexpr double kLeastNs = 1500;

  // How many threads loops are cut for at most, the caller's too, and for ranges of which length. Tests make it
  // short, and want `always` as many. REQUIRES: 1..kMostThreads, no loop under way.
  void expect(int threads, double least_ns = kLeastNs, bool always = false);
  int threads() const { return team_.threads(); }

  // Lends the calling thread, as number `index` (1..threads() - 1, each once), until stop().
  void serve(int index);
  // Sends the helpers home. REQUIRES: no loop under way, nor one after it before all of serve() returned and
  // expect() was called again.
  void stop();

  // Calls f(begin, end) for ranges that cover [0, count), each index once, and returns when all are done. An
  // index takes about `ns_each` nanoseconds: by that ranges are made neither too short nor too long, and a
  // loop that is not worth crossing over to another thread is one range. So is a loop in a loop. Each thread
  // works with a copy of f, which captures by value what it reads often: what lies on the caller's stack
  // shares cache lines with what the caller writes all the time. REQUIRES: f may run at the same time for
  // different ranges, and its result does not depend on how they are cut; one caller at a time; count < 2^30.
  template <class F>
  void run(int count, double ns_each, const F& f) {
    if (count <= 0) return;
    if (!kHasThreads || threads() == 1 || count == 1 || count * ns_each < 2 * least_ns_ || is_busy())
      return f(0, count);
    share({[](const void* f, int begin, int end) {
             const F own = *static_cast<const F*>(f);
             own(begin, end);
           },
           &f, 0, 0},
          count, ns_each);
  }

 private:
  struct Loop {
    void (*call)(const void* f, int begin, int end);
    const void* f;
    int parts, chunk;
  };
  // Of one thread; on a cache line of its own.
  struct alignas(64) Part {
    std::atomic<int> next;
    int end;
  };

  // gate_: how many helpers are inside, and two bits.
  static constexpr uint32_t kOpen = 1 << 8;    // helpers may enter: there is a loop
  static constexpr uint32_t kAsleep = 1 << 9;  // the caller sleeps until the last has left

  bool is_busy() const { return gate_.load(std::memory_order_relaxed) != 0; }
  void share(Loop loop, int count, double ns_each);
  void share_among(int threads, Loop loop, int count, double ns_each);
  void use(int threads);
  void take_chunks(int self);
  bool enter();
  void leave();
  void wait_until_left();

  Part parts_[kMostThreads] = {};
  Loop loop_ = {};
  Team team_;
  double least_ns_ = kLeastNs;
  std::atomic<bool> is_stopped_ = false;
  alignas(64) std::atomic<uint32_t> epoch_ = 0;  // counts loops: what helpers wait for
  std::atomic<uint32_t> used_ = 1;               // threads; what the other helpers wait for
  std::atomic<uint32_t> sleepers_ = 0;           // helpers that need to be woken for a loop
  alignas(64) std::atomic<uint32_t> gate_ = 0;
};

// The process's own.
extern Pool pool;

}  // namespace rwkv
