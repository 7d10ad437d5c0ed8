#include "pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace rwkv {

constinit Pool pool;

namespace {

using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// A part is cut into so many chunks, or more where one would take longer than kMostNs: few, for long streams;
// enough, so that threads finish together.
constexpr int kChunks = 4;
constexpr double kMostNs = 12'000;

// How often a waiting thread looks before it sleeps: 50 to 200 us, longer than what the caller does between
// two loops. Sleeping and waking takes 10 to 30 us, a look that finds something 0.1 us.
constexpr int kLooks = 300'000;

// What a loop must take for helpers to be woken, as a multiple of the shortest range (so 50 us): they come
// late, and the caller pays for the waking.
constexpr double kWake = 33;

double nanoseconds() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void sleep_while([[maybe_unused]] std::atomic<uint32_t>& word, [[maybe_unused]] uint32_t value) {
#if defined(__wasm_atomics__)
  __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int32_t*>(&word), int32_t(value), -1);
#elif !defined(__wasm__)
  word.wait(value, memory_order_seq_cst);
#endif
}

void wake_all([[maybe_unused]] std::atomic<uint32_t>& word) {
#if defined(__wasm_atomics__)
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int32_t*>(&word), ~0u);
#elif !defined(__wasm__)
  word.notify_all();
#endif
}

// Looks until `is_done`, or until patience is at an end.
template <class F>
bool spin(F is_done) {
  for (int looks = 0; looks < kLooks; ++looks)
    if (is_done()) return true;
  return false;
}

}  // namespace

void Pool::expect(int threads, double least_ns, bool always) {
  team_.expect(threads, always);
  least_ns_ = least_ns;
  is_stopped_ = false;
  used_.store(uint32_t(threads), memory_order_seq_cst);
  wake_all(used_);
}

void Pool::share(Loop loop, int count, double ns_each) {
  const double told_ns = count * ns_each;
  const int threads = team_.size(told_ns);
  use(threads);
  if (threads > 1 && told_ns < kWake * least_ns_ && sleepers_.load(memory_order_relaxed) > 0)
    return loop.call(loop.f, 0, count);
  const double start = nanoseconds();
  if (threads == 1) loop.call(loop.f, 0, count);
  else share_among(threads, loop, count, ns_each);
  team_.record(told_ns, threads, nanoseconds() - start);
}

// Sends the helpers beyond `threads` to sleep, and wakes those below.
void Pool::use(int threads) {
  const uint32_t before = used_.load(memory_order_relaxed);
  if (before == uint32_t(threads)) return;
  used_.store(uint32_t(threads), memory_order_seq_cst);
  if (before < uint32_t(threads)) wake_all(used_);
}

void Pool::share_among(int threads, Loop loop, int count, double ns_each) {
  const int least = int(std::ceil(std::min(least_ns_ / ns_each, double(count)))),
            most = std::max(least, int(std::min(kMostNs / ns_each, double(count))));
  loop_ = loop;
  loop_.parts = std::clamp(count / least, 1, threads);
  loop_.chunk = std::clamp((count - 1) / (loop_.parts * kChunks) + 1, least, most);
  const auto border = [&](int i) { return int(int64_t(count) * i / loop_.parts); };
  for (int i = 0; i < loop_.parts; ++i) {
    parts_[i].next.store(border(i), memory_order_relaxed);
    parts_[i].end = border(i + 1);
  }
  gate_.store(kOpen, memory_order_release);
  // Either the caller sees a helper that is about to sleep, or that helper sees the new epoch.
  epoch_.fetch_add(1, memory_order_seq_cst);
  if (sleepers_.load(memory_order_seq_cst) > 0) wake_all(epoch_);
  take_chunks(0);
  gate_.fetch_sub(kOpen, memory_order_relaxed);
  wait_until_left();
}

void Pool::take_chunks(int self) {
  const auto [call, f, parts, chunk] = loop_;
  for (int i = 0; i < parts; ++i) {
    Part& part = parts_[(self + i) % parts];
    while (part.next.load(memory_order_relaxed) < part.end) {
      const int begin = part.next.fetch_add(chunk, memory_order_relaxed);
      if (begin >= part.end) break;
      call(f, begin, std::min(begin + chunk, part.end));
    }
  }
}

void Pool::wait_until_left() {
  if (spin([&] { return gate_.load(memory_order_acquire) == 0; })) return;
  gate_.fetch_or(kAsleep, memory_order_acquire);
  for (uint32_t gate; (gate = gate_.load(memory_order_acquire)) != kAsleep;) sleep_while(gate_, gate);
  gate_.store(0, memory_order_relaxed);
}

bool Pool::enter() {
  uint32_t gate = gate_.load(memory_order_relaxed);
  while (gate & kOpen)
    if (gate_.compare_exchange_weak(gate, gate + 1, memory_order_acquire, memory_order_relaxed)) return true;
  return false;
}

void Pool::leave() {
  if (gate_.fetch_sub(1, memory_order_release) == kAsleep + 1) wake_all(gate_);
}

void Pool::serve(int index) {
  for (;;) {
    const uint32_t seen = epoch_.load(memory_order_acquire), used = used_.load(memory_order_acquire);
    if (is_stopped_.load(memory_order_relaxed)) return;
    if (uint32_t(index) >= used) {
      sleep_while(used_, used);
      continue;
    }
    if (enter()) {
      take_chunks(index);
      leave();
    }
    if (spin([&] {
          return epoch_.load(memory_order_relaxed) != seen || used_.load(memory_order_relaxed) != used;
        }))
      continue;
    sleepers_.fetch_add(1, memory_order_seq_cst);
    while (epoch_.load(memory_order_seq_cst) == seen) sleep_while(epoch_, seen);
    sleepers_.fetch_sub(1, memory_order_relaxed);
  }
}

void Pool::stop() {
  is_stopped_.store(true, memory_order_relaxed);
  used_.store(kMostThreads + 1, memory_order_seq_cst);
  wake_all(used_);
  epoch_.fetch_add(1, memory_order_seq_cst);
  wake_all(epoch_);
}

}  // namespace rwkv
