// The threads of the process, and how a loop is shared among them. Nothing here starts a thread: whoever owns
// some lends them by serve(); while none serves, everything runs on the caller's thread. WebAssembly without
// atomics has no other threads, and there all of this is a plain call.
#pragma once

#include <atomic>
#include <cstdint>

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
// Never slower than one thread: where another program takes the core of a helper that is in the middle of a
// chunk, the caller waits for as long as that lasts, milliseconds. It keeps account: what helpers save is put
// in, such waits are taken out, and when nothing is left, it works alone for many times as long as is owed.
class Pool {
 public:
  static constexpr int kMostThreads = 16;

  // What a range takes at least, if it holds more than one index: crossing over costs some 0.5 us.
  static constexpr double kLeastNs = 1500;

  // How many threads loops are cut for, the caller's too, and for ranges of which length; tests make it
  // short. REQUIRES: 1..kMostThreads, no loop under way.
  void expect(int threads, double least_ns = kLeastNs);
  int threads() const { return threads_; }

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
    if (!kHasThreads || threads_ == 1 || count == 1 || is_busy() || !pays(count * ns_each))
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
  bool pays(double ns);
  void share(Loop loop, int count, double ns_each);
  int take_chunks(int self);
  bool enter();
  void leave();
  void wait_until_left();

  Part parts_[kMostThreads] = {};
  Loop loop_ = {};
  int threads_ = 1;
  double least_ns_ = kLeastNs;
  double saved_ns_ = 0;  // by helpers, less what was lost by waiting for them
  double alone_ns_ = 0;  // work that the caller does alone first
  std::atomic<bool> is_stopped_ = false;
  alignas(64) std::atomic<uint32_t> epoch_ = 0;  // counts loops: what helpers wait for
  std::atomic<uint32_t> sleepers_ = 0;           // helpers that need to be woken
  alignas(64) std::atomic<uint32_t> gate_ = 0;
};

// The process's own.
extern Pool pool;

}  // namespace rwkv
