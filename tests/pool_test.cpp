#include "pool.h"

#include <catch_amalgamated.hpp>
#include <chrono>
#include <memory>
#include <set>

#include "threads.h"

using namespace rwkv;

namespace {

constexpr double kLongNs = 1e6;  // an index that is worth a range of its own, and waking who sleeps

// How often each index of a loop was met, and by whom. Plain numbers: two threads that meet an index at the
// same time are a race that ThreadSanitizer tells.
struct Meetings {
  std::vector<int> times;
  std::mutex mutex;
  std::set<std::thread::id> threads;

  explicit Meetings(int count) : times(size_t(count)) {}
  void run(int grain) {
    pool.run(int(times.size()), Pool::kLeastNs / grain, [&](int begin, int end) {
      if (begin >= end) std::abort();  // Catch's macros are for one thread
      for (int i = begin; i < end; ++i) ++times[size_t(i)];
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    });
  }
  bool all_are(int expected) const {
    return std::all_of(times.begin(), times.end(), [&](int n) { return n == expected; });
  }
};

}  // namespace

TEST_CASE("a loop meets each index once, whatever its length, grain and the threads") {
  for (const int threads : {1, 2, 3, 4, Pool::kMostThreads}) {
    const Threads helpers(threads);
    CHECK(pool.threads() == threads);
    for (const int grain : {1, 2, 7, 1000})
      for (int count = 0; count < 70; ++count) {
        Meetings meetings(count);
        meetings.run(grain);
        INFO(threads << " threads, count " << count << ", grain " << grain);
        CHECK(meetings.all_are(1));
      }
    Meetings large(1'000'003);
    for (const int grain : {100, 1'000, 300'000}) large.run(grain);
    CHECK(large.all_are(3));
  }
}

TEST_CASE("many loops in a row meet each index once, helpers awake or asleep") {
  const Threads helpers(3);
  Meetings meetings(64);
  for (int i = 0; i < 20'000; ++i) meetings.run(1);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    meetings.run(1);
  }
  CHECK(meetings.all_are(20'020));
}

TEST_CASE("a short loop stays on the caller's thread, a long one does not") {
  const Threads helpers(2);
  Meetings small(100);
  for (int i = 0; i < 1000; ++i) small.run(51);
  CHECK(small.threads == std::set{std::this_thread::get_id()});

  // Two ranges that wait for each other are on two threads.
  std::atomic<int> arrived = 0;
  pool.run(2, kLongNs, [&](int begin, int end) {
    if (end - begin != 1) std::abort();
    for (++arrived; arrived < 2;) std::this_thread::yield();
  });
  CHECK(arrived == 2);
}

TEST_CASE("a loop in a loop runs where it stands") {
  const Threads helpers(3);
  std::vector<int> times(8 * 32);
  std::atomic<int> inner_ranges = 0;
  pool.run(8, kLongNs, [&](int begin, int end) {
    for (int i = begin; i < end; ++i) {
      const auto thread = std::this_thread::get_id();
      pool.run(32, kLongNs, [&](int first, int last) {
        ++inner_ranges;
        if (thread != std::this_thread::get_id()) std::abort();
        for (int j = first; j < last; ++j) ++times[size_t(i) * 32 + size_t(j)];
      });
    }
  });
  CHECK(inner_ranges == 8);
  CHECK(std::all_of(times.begin(), times.end(), [](int n) { return n == 1; }));
}

TEST_CASE("helpers that never come are not waited for") {
  pool.expect(4);
  Meetings meetings(1000);
  for (int i = 0; i < 100; ++i) meetings.run(1);
  CHECK(meetings.all_are(100));
  CHECK(meetings.threads == std::set{std::this_thread::get_id()});
  pool.expect(1);
}

TEST_CASE("a helper that was held up is waited for, and the loops after it are the caller's own") {
  const Threads helpers(2, Pool::kLeastNs, false);
  const auto caller = std::this_thread::get_id();
  for (int i = 0; i < 3; ++i) pool.run(2, kLongNs, [](int, int) {});  // to become known
  bool was_held_up = false;
  pool.run(2, kLongNs, [&, arrived = std::make_shared<std::atomic<int>>(0)](int, int) {
    for (++*arrived; *arrived < 2;) std::this_thread::yield();
    if (std::this_thread::get_id() == caller) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    was_held_up = true;
  });
  CHECK(was_held_up);
  for (int i = 0; i < 10; ++i)  // for many times 50 ms
    pool.run(2, kLongNs, [&](int, int) {
      if (std::this_thread::get_id() != caller) std::abort();
    });
}
