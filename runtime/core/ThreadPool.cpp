//===- ThreadPool.cpp - Parallel loops over tasks ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Why it is right: a worker touches the loop only between taking a seat and
// giving it back, both on `gate`. The caller opens the gate after writing the
// loop and returns only when no seat is taken and none is free, so it never
// waits for a worker that has not woken up yet, and a late worker cannot see a
// half-written loop: without a free seat it does nothing, and with one the loop
// is the current one, whichever it is.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/ThreadPool.h"
#include "moe/runtime/core/Os.h"

#include <algorithm>
#include <cfenv>
#include <chrono>

using namespace moe::core;

namespace {

constexpr uint32_t oneFreeSeat = 1u << 16;
constexpr uint32_t takenSeats = oneFreeSeat - 1;
static_assert(ThreadPool::maxThreads <= takenSeats);

/// Longer than the gap between two kernels, shorter than a wake-up costs.
constexpr std::chrono::microseconds spinTime{20};

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

/// Waits a short while; true once `condition` holds.
template <typename Condition> bool spinUntil(Condition condition) {
  auto end = std::chrono::steady_clock::now() + spinTime;
  do {
    for (int i = 0; i < 16; ++i) {
      if (condition())
        return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return condition();
}

} // namespace

ThreadPool::~ThreadPool() {
  {
    std::lock_guard guard(lock);
    stopping.store(true);
  }
  workerWakes.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

Executor ThreadPool::executor() {
  return {[](void *context, uint64_t n, uint32_t threads, TaskFunction task,
             void *argument) {
            static_cast<ThreadPool *>(context)->parallelFor(n, threads, task,
                                                            argument);
          },
          this};
}

void ThreadPool::parallelFor(uint64_t n, uint32_t threads, TaskFunction task,
                             void *argument) noexcept {
  if (n == 0)
    return;
  uint32_t wanted = static_cast<uint32_t>(
      std::min<uint64_t>({n, std::max(threads, 1u), maxThreads}) - 1);
  if (wanted == 0 || busy.test_and_set(std::memory_order_acquire)) {
    task(argument, 0, n, 0);
    return;
  }
  wanted = startWorkers(wanted);
  loop = {n, wanted + 1, task, argument};
  next.store(0, std::memory_order_relaxed);
  // Ordered before the look at `sleepers`, as a worker counts itself among them
  // before its last look at the gate: one of the two sees the other.
  gate.store(wanted * oneFreeSeat, std::memory_order_seq_cst);
  wakeWorkers(wanted);
  takeTasks(0);
  waitForOthers();
  busy.clear(std::memory_order_release);
}

/// Takes ranges of tasks until none is left, and then lets nobody in.
void ThreadPool::takeTasks(uint32_t worker) {
  uint64_t begin = next.load(std::memory_order_relaxed);
  while (begin < loop.n) {
    // A fraction of what is left: few steps at first, even finish at the end.
    uint64_t count = std::max<uint64_t>(1, (loop.n - begin) / loop.threads / 4);
    if (!next.compare_exchange_weak(begin, begin + count,
                                    std::memory_order_relaxed))
      continue;
    loop.task(loop.argument, begin, begin + count, worker);
    begin = next.load(std::memory_order_relaxed);
  }
  gate.fetch_and(takenSeats, std::memory_order_relaxed);
}

uint32_t ThreadPool::startWorkers(uint32_t wanted) {
  try {
    while (workers.size() < wanted)
      workers.emplace_back([this] { workerMain(); });
  } catch (...) {
    // The system gives no more threads or memory: the loop runs on fewer.
  }
  return std::min(wanted, static_cast<uint32_t>(workers.size()));
}

void ThreadPool::wakeWorkers(uint32_t wanted) {
  uint32_t asleep = sleepers.load(std::memory_order_seq_cst);
  uint32_t awake = static_cast<uint32_t>(workers.size()) - asleep;
  if (asleep == 0 || awake >= wanted)
    return;
  {
    std::lock_guard guard(lock);
    ++wakeUps;
  }
  if (wanted - awake >= asleep) {
    workerWakes.notify_all();
    return;
  }
  for (uint32_t i = awake; i < wanted; ++i)
    workerWakes.notify_one();
}

void ThreadPool::waitForOthers() {
  auto alone = [this] { return gate.load(std::memory_order_acquire) == 0; };
  if (spinUntil(alone))
    return;
  std::unique_lock guard(lock);
  callerWakes.wait(guard, alone);
}

//===----------------------------------------------------------------------===//
// Workers
//===----------------------------------------------------------------------===//

void ThreadPool::workerMain() {
  os::blockSignalsInThisThread();
  // A row's bits must not depend on the thread that computes it, so none may
  // inherit an application's rounding or flushing of subnormals.
  std::fesetenv(FE_DFL_ENV);
  while (waitForSeat()) {
    uint32_t worker;
    if (!takeSeat(worker))
      continue;
    takeTasks(worker);
    uint32_t before = gate.fetch_sub(1, std::memory_order_acq_rel);
    if (before == 1) {
      // The lock keeps this from falling between the caller's last look at the
      // gate and its sleep.
      {
        std::lock_guard guard(lock);
      }
      callerWakes.notify_one();
    }
  }
}

/// True once there may be a free seat, false when the pool ends.
bool ThreadPool::waitForSeat() {
  auto ready = [this] {
    return gate.load(std::memory_order_seq_cst) >= oneFreeSeat ||
           stopping.load(std::memory_order_relaxed);
  };
  if (!spinUntil(ready)) {
    std::unique_lock guard(lock);
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    // Also wakes for a loop that is over by then: more are likely to follow,
    // and this worker is in time for them if it spins again.
    uint64_t seen = wakeUps;
    workerWakes.wait(guard, [&] { return wakeUps != seen || ready(); });
    sleepers.fetch_sub(1, std::memory_order_seq_cst);
  }
  return !stopping.load(std::memory_order_relaxed);
}

bool ThreadPool::takeSeat(uint32_t &worker) {
  uint32_t seen = gate.load(std::memory_order_relaxed);
  while (seen >= oneFreeSeat) {
    // One seat less is free, and one more is taken.
    if (gate.compare_exchange_weak(seen, seen - oneFreeSeat + 1,
                                   std::memory_order_acquire,
                                   std::memory_order_relaxed)) {
      worker = seen / oneFreeSeat;
      return true;
    }
  }
  return false;
}
