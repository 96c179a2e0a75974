//===- Block.cpp - A block of threads while it runs -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Turns, barriers, and what a warp does together: all that makes a thread wait.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Block.h"

#include <algorithm>
#include <cstring>

using namespace moe::cudasim;

Block *moe::cudasim::runningBlock = nullptr;

/// Launches so far.
static uint32_t launches;

Block::Block(const Launch &launch, Report &report)
    : launch(launch), report(report),
      numThreads(launch.block.x * launch.block.y * launch.block.z),
      numWarps((numThreads + 31) / 32), stacks(numThreads),
      randomState(launch.options.seed * 2654435761u | 1),
      launchNumber(++launches), threads(numThreads) {
  const uint32_t agents = wgmmaAgent(numWarps);
  for (Thread &thread : threads)
    thread.clock = Clock(agents);
  for (NamedBarrier &barrier : barriers)
    barrier.clock = Clock(agents);
}

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

uint32_t Block::random() {
  randomState ^= randomState << 13;
  randomState ^= randomState >> 17;
  randomState ^= randomState << 5;
  return randomState;
}

void Block::wake(uint32_t thread) {
  if (launch.options.seed && !ready.empty())
    ready.insert(ready.begin() + random() % (ready.size() + 1), thread);
  else
    ready.push_back(thread);
}

void Block::yield() {
  const uint32_t me = current;
  moe_sim_switch(&threads[me].stack, scheduler);
}

void Block::waitAt(const char *what, int line) {
  self().waitsAt = what;
  self().line = line;
  yield();
}

void Block::trampoline() {
  Block &block = *runningBlock;
  block.launch.entry(block.launch.parameters);
  block.self().done = true;
  --block.live;
  block.yield(); // for ever
  __builtin_unreachable();
}

void Block::start(MoeSimDim index) {
  memory.assign(launch.sharedBytes + 16, 0xff);
  shadow.reset(launch.sharedBytes, 2 * numThreads, !launch.options.norace);
  collectives.assign(numWarps, Collective());
  warps.assign(numWarps, Warp());
  warpgroups.assign((numThreads + 127) / 128, Warpgroup());
  memoryBarriers.clear();
  tensorCopyTimes.clear();
  tensorCopies.clear();
  ready.clear();
  for (NamedBarrier &barrier : barriers) {
    barrier.threads = barrier.arrived = 0;
    barrier.waiters.clear();
    barrier.clock.clear();
  }
  live = numThreads;
  failed = false;
  blockNumber = (index.z * launch.grid.y + index.y) * launch.grid.x + index.x;
  const MoeSimDim size = launch.block;
  for (uint32_t i = 0; i < numThreads; ++i) {
    Thread &thread = threads[i];
    thread.where = {{i % size.x, i / size.x % size.y, i / size.x / size.y},
                    index,
                    size,
                    launch.grid};
    thread.stack = stacks.start(i, trampoline);
    thread.done = false;
    thread.clock.clear();
    thread.clock.seen[i] = 1;
    thread.copies.clear();
    thread.copyGroups.clear();
    thread.copiesIssued = 0;
    thread.wgmmaGroups.clear();
    wake(i);
  }
}

bool Block::run(MoeSimDim index) {
  runningBlock = this;
  start(index);
  while (live && !failed) {
    const bool land =
        !tensorCopies.empty() &&
        (ready.empty() || (launch.options.seed && random() % 64 == 0));
    if (land) {
      this->land(launch.options.seed ? random() % tensorCopies.size() : 0);
      continue;
    }
    if (ready.empty()) {
      reportDeadlock();
      return false;
    }
    current = ready.front();
    ready.pop_front();
    launch.calls->current = &self().where;
    moe_sim_switch(&scheduler, self().stack);
  }
  if (failed)
    return false;
  finish();
  return true;
}

/// What a block must not leave behind.
void Block::finish() {
  for (uint32_t w = 0; w < numWarps; ++w)
    if (!warps[w].pending.empty()) {
      current = 32 * w;
      error(0, "wgmma left",
            "the block ended with wgmma that nobody waited for");
    }
  for (current = 0; current < numThreads; ++current)
    if (!self().copies.empty())
      return error(0, "copies left",
                   "the block ended with copies that nobody waited for");
  current = 0;
}

void Block::error(int line, const char *kind, const std::string &what) {
  const MoeSimDim &at = self().where.block;
  std::string where = "block " + std::to_string(at.x);
  if (launch.grid.y * launch.grid.z > 1)
    where += ", " + std::to_string(at.y) + ", " + std::to_string(at.z);
  report.add(line, kind, where + ", thread " + std::to_string(current), what);
}

/// Threads that meet in different operations hold different things: there is
/// nothing to give them.
void Block::fail(int line, const char *kind, const std::string &what) {
  error(line, kind, what);
  failed = true;
  yield(); // for ever
}

void Block::reportDeadlock() {
  std::map<std::pair<int, std::string>, std::vector<uint32_t>> places;
  for (uint32_t i = 0; i < numThreads; ++i)
    if (!threads[i].done)
      places[{threads[i].line, threads[i].waitsAt}].push_back(i);
  for (const auto &[place, waiting] : places) {
    current = waiting.front();
    error(place.first, "deadlock",
          "deadlock: " + std::to_string(waiting.size()) + " of " +
              std::to_string(live) + " threads wait at " + place.second +
              " for ever");
  }
}

std::string Block::describe(uint32_t agent) const {
  auto name = [](const char *what, uint32_t number) {
    return what + std::to_string(number);
  };
  if (agent < numThreads)
    return name("thread ", agent);
  if (agent < 2 * numThreads)
    return name("a copy of thread ", agent - numThreads);
  if (agent < wgmmaAgent(0))
    return name("a tensor copy to barrier ", agent - barrierAgent(0));
  return name("a wgmma of warp ", agent - wgmmaAgent(0));
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void Block::barrier(uint32_t id, uint32_t count, bool wait, int line) {
  NamedBarrier &barrier = barriers[id];
  Thread &thread = self();
  const char *const what = wait ? "a barrier" : "a barrier's arrival";
  if (id == 0)
    count = numThreads;
  else if (count == 0 || count % 32 || count > numThreads)
    return error(line, "barrier count",
                 "barrier " + std::to_string(id) + " of " +
                     std::to_string(count) +
                     " threads: not whole warps of the block");
  if (barrier.arrived && barrier.threads != count)
    error(line, "barrier count",
          "barrier " + std::to_string(id) + " of " + std::to_string(count) +
              " threads, line " + std::to_string(barrier.line) + " has it of " +
              std::to_string(barrier.threads));
  barrier.threads = count;
  barrier.line = line;
  barrier.clock.join(thread.clock);
  ++thread.clock.seen[current];
  if (++barrier.arrived < count) {
    if (wait) {
      barrier.waiters.push_back(current);
      waitAt(what, line);
    }
    return;
  }
  if (wait)
    thread.clock.join(barrier.clock);
  for (uint32_t waiter : barrier.waiters) {
    threads[waiter].clock.join(barrier.clock);
    wake(waiter);
  }
  barrier.waiters.clear();
  barrier.arrived = 0;
  barrier.clock.clear();
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

bool Block::arrive(const char *name, int line) {
  Collective &warp = collective();
  const uint32_t lanes =
      std::min<uint32_t>(32, numThreads - (current - lane()));
  if (lanes != 32)
    fail(line, "partial warp",
         std::string(name) + " in a warp of " + std::to_string(lanes) +
             " threads");
  if (!warp.arrived) {
    warp.name = name;
    warp.line = line;
  } else if (warp.name != name || warp.line != line) {
    fail(line, "divergence",
         std::string(name) + ", while lanes of the same warp are at " +
             warp.name + ", line " + std::to_string(warp.line));
  }
  if (++warp.arrived == lanes)
    return true;
  waitAt(name, line);
  return false;
}

void Block::release() {
  collective().arrived = 0;
  const uint32_t first = current - lane(),
                 end = std::min(first + 32, numThreads);
  for (uint32_t i = first; i < end; ++i)
    if (i != current)
      wake(i);
}

void Block::syncWarp(int line) {
  if (!arrive("syncWarp", line))
    return;
  const uint32_t first = current - lane(),
                 end = std::min(first + 32, numThreads);
  Clock all(self().clock.seen.size());
  for (uint32_t i = first; i < end; ++i)
    all.join(threads[i].clock);
  for (uint32_t i = first; i < end; ++i) {
    threads[i].clock.join(all);
    ++threads[i].clock.seen[i];
  }
  release();
}

void Block::shuffle(MoeSimShuffle kind, void *value, uint32_t bytes,
                    int operand, int line) {
  Collective &warp = collective();
  warp.pointers[lane()] = value;
  warp.words[lane()][0] = operand;
  const char *const names[] = {"shflXor", "shflUp", "shflIndex"};
  if (!arrive(names[kind], line))
    return;
  uint8_t before[32][8];
  for (int i = 0; i < 32; ++i)
    std::memcpy(before[i], warp.pointers[i], bytes);
  for (int i = 0; i < 32; ++i) {
    const int by = static_cast<int>(warp.words[i][0]);
    int from = kind == MoeSimXor ? i ^ by : kind == MoeSimUp ? i - by : by;
    if (kind == MoeSimUp && from < 0)
      from = i;
    std::memcpy(warp.pointers[i], before[from & 31], bytes);
  }
  release();
}

uint32_t Block::ballot(bool predicate, int line) {
  Collective &warp = collective();
  uint32_t result = 0;
  warp.pointers[lane()] = &result;
  warp.words[lane()][0] = predicate;
  if (arrive("ballot", line)) {
    uint32_t bits = 0;
    for (int i = 0; i < 32; ++i)
      bits |= warp.words[i][0] << i;
    for (int i = 0; i < 32; ++i)
      *static_cast<uint32_t *>(warp.pointers[i]) = bits;
    release();
  }
  return result;
}
