//===- Block.h - A block of threads while it runs ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks run one after another, and a block's threads take turns. Asynchronous
// work is as late as the program allows: a copy lands when a wait demands it, a
// tensor copy when nobody can go on without it, and wgmma reads its operands
// when it is waited for. What is relied on too early is not there yet.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_BLOCK_H
#define MOE_TOOLS_CUDASIM_BLOCK_H

#include "moe/tools/cudasim/Calls.h"
#include "moe/tools/cudasim/Fiber.h"
#include "moe/tools/cudasim/Memory.h"
#include "moe/tools/cudasim/Report.h"
#include "moe/tools/cudasim/Shadow.h"
#include "moe/tools/cudasim/Simulator.h"
#include "moe/tools/cudasim/TensorMap.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace moe::cudasim {

/// A launch of a kernel.
struct Launch {
  void (*entry)(void **parameters);
  void **parameters;
  MoeSimDim grid, block;
  uint32_t sharedBytes;
  bool sm90; ///< tensor copies and wgmma exist
  MoeSimCalls *calls;
  MoeSimOptions options;
};

class Block {
public:
  Block(const Launch &launch, Report &report);

  /// Whether there was memory for the stacks.
  bool valid() const { return stacks.valid(); }
  /// Runs one block of the grid; false if its threads wait for ever, or one did
  /// what leaves no way to go on.
  bool run(MoeSimDim index);

  // Block.cpp: what a thread calls.
  void barrier(uint32_t id, uint32_t threads, bool wait, int line);
  void syncWarp(int line);
  void shuffle(MoeSimShuffle kind, void *value, uint32_t bytes, int operand,
               int line);
  uint32_t ballot(bool predicate, int line);

  // GlobalMemory.cpp
  bool global(const void *p, uint32_t bytes, MoeSimAccess access, int line);

  // SharedMemory.cpp
  uint32_t sharedBase() const { return launch.options.sharedBase; }
  void loadShared(uint32_t address, void *value, uint32_t bytes, int line);
  void storeShared(uint32_t address, const void *value, uint32_t bytes,
                   int line);
  uint32_t addShared(uint32_t address, uint32_t value, int line);

  // Copies.cpp
  void copy(uint32_t address, const void *source, uint32_t bytes, bool valid,
            int line);
  void copyCommit();
  void copyWait(uint32_t pending);
  void mbarInit(uint32_t barrier, uint32_t arrivals, int line);
  void mbarArrive(uint32_t barrier, uint32_t bytes, int line);
  void mbarWait(uint32_t barrier, uint32_t parity, int line);
  void tensorCopy(uint32_t address, const void *map, uint32_t barrier, int x,
                  int y, int line);
  void fenceProxy(int line);
  void setRegisters(uint32_t registers, int line);

  // TensorCores.cpp
  void ldmatrix(uint32_t *r, uint32_t address, int line);
  void mma(float *c, const uint32_t *a, uint32_t b0, uint32_t b1, int line);
  void wgmma(float *d, uint32_t n, uint64_t a, uint64_t b, bool accumulate,
             int line);
  void wgmmaCommit(int line);
  void wgmmaWait(uint32_t pending, int line);

  void error(int line, const char *kind, const std::string &what);

private:
  /// An asynchronous copy of a thread.
  struct Copy {
    uint32_t address, bytes, time;
    const void *source; ///< null for zeros
  };
  struct Thread {
    MoeSimThread where;
    void *stack = nullptr;
    bool done = false;
    const char *waitsAt = "";
    int line = 0;
    Clock clock;
    std::deque<Copy> copies;
    std::deque<uint32_t> copyGroups; ///< time of the last copy in each
    uint32_t copiesIssued = 0;
    std::deque<uint64_t> wgmmaGroups;
  };
  struct NamedBarrier {
    uint32_t threads = 0, arrived = 0;
    int line = 0;
    Clock clock;
    std::vector<uint32_t> waiters;
  };
  /// What the lanes of a warp bring to an operation that they do together.
  struct Collective {
    const char *name = nullptr;
    int line = 0;
    uint32_t arrived = 0;
    uint32_t words[32][2];
    void *pointers[32];
    const void *inputs[32];
  };
  struct MemoryBarrier {
    uint32_t index = 0, arrivals = 0, pending = 0, phase = 0;
    int64_t bytes = 0;
    Clock arriving, over;
    struct Waiter {
      uint32_t thread, parity;
    };
    std::vector<Waiter> waiters;
  };
  struct TensorCopy {
    uint32_t address, barrier, agent, time;
    TensorMapData map;
    int x, y;
  };
  struct Wgmma {
    uint32_t n, a, b, strideA, strideB;
    bool accumulate;
    uint64_t sequence;
    float *chain; ///< lane 0's accumulators
    int line;
  };
  /// wgmmas under way on the same accumulators.
  struct Chain {
    uint32_t n = 0, pending = 0;
    std::vector<float> sums;
    float *lanes[32];
  };
  struct Warp {
    std::deque<Wgmma> pending;
    std::map<float *, Chain> chains;
    uint64_t sequence = 0;
  };
  struct Warpgroup {
    uint32_t arrived = 0, n = 0;
    int line = 0;
    uint64_t a = 0, b = 0;
    bool accumulate = false;
    float *accumulators[128];
    std::vector<uint32_t> waiters;
  };

  static void trampoline();
  void start(MoeSimDim index);
  void finish();
  void yield();
  void waitAt(const char *what, int line);
  void wake(uint32_t thread);
  uint32_t random();
  void reportDeadlock();
  /// An error after which nothing of the block runs any more.
  void fail(int line, const char *kind, const std::string &what);
  std::string describe(uint32_t agent) const;

  Thread &self() { return threads[current]; }
  uint32_t lane() const { return current % 32; }
  Collective &collective() { return collectives[current / 32]; }
  /// Brings a lane to what its warp does together. True for the last one, which
  /// does it for all and lets them go; the others return after that.
  bool arrive(const char *name, int line);
  void release();

  Access accessOfThread() {
    return {current, self().clock.seen[current], self().clock, false};
  }
  uint8_t *shared(uint32_t address) {
    return memory.data() + (address - sharedBase());
  }
  /// Whether the bytes are in the arena and aligned; reports them otherwise.
  bool inArena(uint32_t address, uint32_t bytes, uint32_t alignment, int line,
               const char *what);
  /// The allocation that has the bytes; null if none has.
  const Allocation *allocationOf(const void *p, uint32_t bytes);
  void note(Conflict conflict, uint32_t address, int line, const char *what);
  bool needsSm90(int line, const char *what);
  MemoryBarrier *findBarrier(uint32_t address, int line, const char *what);
  void completePhase(MemoryBarrier &barrier);
  void land(size_t index);
  void landCopy(const Copy &copy);
  void issue(uint32_t warp, const Warpgroup &group, const Wgmma &wgmma);
  void retire(uint32_t warp, const Wgmma &wgmma);

  uint32_t copyAgent(uint32_t thread) const { return numThreads + thread; }
  uint32_t barrierAgent(uint32_t index) const { return 2 * numThreads + index; }
  uint32_t wgmmaAgent(uint32_t warp) const {
    return 2 * numThreads + maxBarriers + warp;
  }

  static constexpr uint32_t maxBarriers = 64;

  const Launch launch;
  Report &report;
  const uint32_t numThreads, numWarps;
  Stacks stacks;
  uint32_t current = 0, live = 0, randomState;
  bool failed = false;
  const uint32_t launchNumber;
  uint32_t blockNumber = 0;
  std::array<Allocation, 4> recentAllocations;
  uint32_t oldestAllocation = 0;
  void *scheduler = nullptr;
  std::vector<uint8_t> memory;
  Shadow shadow;
  std::vector<Thread> threads;
  std::deque<uint32_t> ready;
  NamedBarrier barriers[16];
  std::vector<Collective> collectives;
  std::map<uint32_t, MemoryBarrier> memoryBarriers;
  std::vector<uint32_t> tensorCopyTimes;
  std::deque<TensorCopy> tensorCopies;
  std::vector<Warp> warps;
  std::vector<Warpgroup> warpgroups;
};

/// The block that runs; there is one at a time.
extern Block *runningBlock;

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_BLOCK_H
