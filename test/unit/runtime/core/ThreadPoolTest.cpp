//===- ThreadPoolTest.cpp - Parallel loops over tasks -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The counters below are plain memory where the pool promises that nobody else
// touches them: under ThreadSanitizer the tests prove the promise, not the sum.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/ThreadPool.h"

#include "gtest/gtest.h"

#include <cfenv>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <new>
#include <random>

using namespace moe::core;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MOE_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define MOE_THREAD_SANITIZER
#endif

#ifndef MOE_THREAD_SANITIZER // which has an allocator of its own
static std::atomic<uint64_t> allocations{0};

void *operator new(size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

namespace {

/// Gives up after a minute, where the system gives no threads.
template <typename Condition> void waitUntil(Condition condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition() && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
}

/// Runs a loop that marks its tasks, and checks the marks.
void checkLoop(const Executor &executor, uint64_t n, uint32_t threads) {
  std::vector<uint8_t> done(n);
  struct alignas(64) Sum {
    uint64_t tasks = 0;
  };
  std::vector<Sum> sums(std::max(threads, 1u));
  executor.run(n, threads, [&](uint64_t begin, uint64_t end, uint32_t worker) {
    ASSERT_LT(begin, end);
    ASSERT_LE(end, n);
    ASSERT_LT(worker, sums.size());
    for (uint64_t task = begin; task < end; ++task)
      ++done[task];
    sums[worker].tasks += end - begin;
  });
  uint64_t sum = 0;
  for (const Sum &s : sums)
    sum += s.tasks;
  EXPECT_EQ(sum, n);
  for (uint64_t task = 0; task < n; ++task)
    ASSERT_EQ(done[task], 1) << task << " of " << n;
}

TEST(ThreadPoolTest, EveryTaskOnce) {
  ThreadPool pool;
  for (uint64_t n : {0, 1, 2, 3, 7, 64, 1000, 4097})
    for (uint32_t threads : {0, 1, 2, 3, 8})
      checkLoop(pool.executor(), n, threads);
}

TEST(ThreadPoolTest, ManyLoopsInARow) {
  ThreadPool pool;
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i)
    checkLoop(pool.executor(), random() % 40, 1 + random() % 5);
}

TEST(ThreadPoolTest, LoopsAfterSleep) {
  ThreadPool pool;
  for (int i = 0; i < 50; ++i) {
    checkLoop(pool.executor(), 16, 4);
    std::this_thread::sleep_for(std::chrono::microseconds(i * 20));
  }
}

TEST(ThreadPoolTest, SeveralCallers) {
  ThreadPool pool;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&pool, caller] {
      std::mt19937 random(caller);
      for (int i = 0; i < 1000; ++i)
        checkLoop(pool.executor(), random() % 100, 1 + random() % 4);
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(ThreadPoolTest, NestedLoops) {
  ThreadPool pool;
  Executor executor = pool.executor();
  executor.run(8, 4, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t task = begin; task < end; ++task)
      checkLoop(executor, 50, 4);
  });
}

TEST(ThreadPoolTest, HugeCountsDoNotOverflow) {
  ThreadPool pool;
  std::atomic<uint64_t> sum{0};
  pool.executor().run(
      UINT64_MAX, 3,
      [&](uint64_t begin, uint64_t end, uint32_t) { sum += end - begin; });
  EXPECT_EQ(sum, UINT64_MAX);
}

TEST(ThreadPoolTest, WorkIsShared) {
  ThreadPool pool;
  // Each of two tasks waits for the other: only two threads can finish.
  std::atomic<int> arrived{0};
  pool.executor().run(2, 2, [&](uint64_t, uint64_t, uint32_t) {
    ++arrived;
    waitUntil([&] { return arrived == 2; });
  });
  EXPECT_EQ(arrived, 2);
}

TEST(ThreadPoolTest, WaitsForASlowTask) {
  ThreadPool pool;
  // Plain memory, written late by another thread.
  int values[2] = {};
  std::atomic<bool> started{false};
  pool.executor().run(2, 2, [&](uint64_t begin, uint64_t, uint32_t worker) {
    if (worker == 0) {
      waitUntil([&] { return started.load(); });
    } else {
      started = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    values[begin] = 1;
  });
  EXPECT_EQ(values[0] + values[1], 2);
}

#ifndef MOE_THREAD_SANITIZER
TEST(ThreadPoolTest, AllocatesNothingPerLoop) {
  ThreadPool pool;
  Executor executor = pool.executor();
  std::atomic<uint64_t> sum{0};
  auto loop = [&] {
    executor.run(64, 4, [&](uint64_t begin, uint64_t end, uint32_t) {
      sum += end - begin;
    });
  };
  loop();
  uint64_t before = allocations;
  for (int i = 0; i < 1000; ++i)
    loop();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(sum, 1001u * 64);
}
#endif

TEST(ThreadPoolTest, SleepsWhenIdle) {
  ThreadPool pool;
  checkLoop(pool.executor(), 64, 4);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  double used = double(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(used, 0.03);
}

TEST(ThreadPoolTest, MoreThreadsThanCoresCostLittle) {
  // Processor time, so that others on the machine do not count.
  ThreadPool pool;
  std::atomic<uint64_t> sum{0};
  auto seconds = [&](uint32_t threads) {
    auto loops = [&](int count) {
      for (int i = 0; i < count; ++i)
        pool.executor().run(64, threads,
                            [&](uint64_t begin, uint64_t end, uint32_t) {
                              uint64_t x = begin + 1;
                              for (uint64_t n = (end - begin) * 20000; n; --n)
                                x = x * 6364136223846793005u + 1;
                              sum += x;
                            });
    };
    loops(1);
    std::clock_t before = std::clock();
    loops(40);
    return double(std::clock() - before) / CLOCKS_PER_SEC;
  };
  const double one = seconds(1);
  EXPECT_LT(seconds(4 * std::max(std::thread::hardware_concurrency(), 1u)),
            2 * one);
}

TEST(ThreadPoolTest, WorkersRoundToNearest) {
  // An application's rounding mode does not reach them.
  std::fesetround(FE_UPWARD);
  ThreadPool pool;
  std::atomic<int> other{0}, arrived{0};
  pool.executor().run(4, 4, [&](uint64_t, uint64_t, uint32_t worker) {
    if (worker != 0 && std::fegetround() != FE_TONEAREST)
      ++other;
    ++arrived;
    waitUntil([&] { return arrived == 4; });
  });
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(arrived, 4);
  EXPECT_EQ(other, 0);
}

TEST(ThreadPoolTest, EndsWhileWorkersSpinOrSleep) {
  for (int i = 0; i < 100; ++i) {
    ThreadPool pool;
    checkLoop(pool.executor(), 8, 3);
    if (i % 2)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  ThreadPool unused;
}

TEST(ThreadPoolTest, AnotherExecutorServesAsWell) {
  // What an application gives: here, tasks one by one and backwards.
  Executor backwards = {
      [](void *, uint64_t n, uint32_t, TaskFunction task, void *argument) {
        while (n--)
          task(argument, n, n + 1, 0);
      },
      nullptr};
  checkLoop(backwards, 33, 4);
}

} // namespace
