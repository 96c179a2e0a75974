//===- ThreadPool.h - Parallel loops over tasks -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program is a row of kernels, each a loop over tasks, that follow each other
// every few microseconds. What such a loop needs, and no more: start fast,
// balance uneven tasks, allocate nothing, and sleep when there is no work. An
// application with threads of its own gives its Executor instead.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_THREADPOOL_H
#define MOE_RUNTIME_CORE_THREADPOOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace moe::core {

/// Does the tasks [begin, end). Within one loop, calls that run at the same
/// time have different workers: `worker` indexes scratch memory. Must not
/// throw.
using TaskFunction = void (*)(void *argument, uint64_t begin, uint64_t end,
                              uint32_t worker);

/// Runs a loop: `task` is called with ranges that cover [0, n) once, with
/// workers below `threads`, and all calls have returned when parallelFor does.
struct Executor {
  void (*parallelFor)(void *context, uint64_t n, uint32_t threads,
                      TaskFunction task, void *argument) = nullptr;
  void *context = nullptr;

  /// `body(begin, end, worker)`, without an allocation.
  template <typename Body>
  void run(uint64_t n, uint32_t threads, Body &&body) const {
    using Plain = std::remove_reference_t<Body>;
    parallelFor(
        context, n, threads,
        [](void *argument, uint64_t begin, uint64_t end, uint32_t worker) {
          (*static_cast<Plain *>(argument))(begin, end, worker);
        },
        const_cast<void *>(static_cast<const void *>(&body)));
  }
};

/// Threads that are started when a loop first asks for them and sleep between
/// loops, after 20 microseconds of looking for the next one. The caller takes
/// part as worker 0. Ranges are cut from one counter, large ones first.
///
/// One loop at a time has the threads. A loop that is started meanwhile, by
/// another thread or from within a task, runs on its caller alone (as worker
/// 0).
class ThreadPool {
public:
  ThreadPool() = default;
  /// No loop may be running.
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  /// Uses at most `threads` threads with the caller's, fewer where the system
  /// gives no more. 0 is 1, and there are never more than maxThreads.
  void parallelFor(uint64_t n, uint32_t threads, TaskFunction task,
                   void *argument) noexcept;
  /// The pool as an Executor, valid as long as the pool.
  Executor executor();

  static constexpr uint32_t maxThreads = 1024;

private:
  void workerMain();
  bool waitForSeat();
  bool takeSeat(uint32_t &worker);
  void takeTasks(uint32_t worker);
  uint32_t startWorkers(uint32_t wanted);
  void wakeWorkers(uint32_t wanted);
  void waitForOthers();

  /// The loop that has the threads. Written while no worker has a seat.
  struct Loop {
    uint64_t n = 0;
    uint32_t threads = 1;
    TaskFunction task = nullptr;
    void *argument = nullptr;
  } loop;
  std::atomic_flag busy;
  std::vector<std::thread> workers; ///< guarded by busy

  /// First task that nobody has taken.
  alignas(64) std::atomic<uint64_t> next{0};
  /// Free seats in the upper half, workers that have one in the lower. A worker
  /// takes a seat to join the loop; whoever finds no task left removes the
  /// free seats, and the caller waits for those that are taken.
  alignas(64) std::atomic<uint32_t> gate{0};
  std::atomic<bool> stopping{false};
  std::atomic<uint32_t> sleepers{0};

  std::mutex lock;
  std::condition_variable workerWakes, callerWakes;
  uint64_t wakeUps = 0; ///< guarded by lock
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_THREADPOOL_H
