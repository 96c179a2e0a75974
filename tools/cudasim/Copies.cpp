//===- Copies.cpp - Asynchronous copies and their barriers ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is under way holds poison until it lands, and it lands late.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Block.h"
#include "moe/tools/cudasim/Memory.h"

#include <algorithm>
#include <cstring>

using namespace moe::cudasim;

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

void Block::landCopy(const Copy &copy) {
  if (copy.source)
    std::memcpy(shared(copy.address), copy.source, copy.bytes);
  else
    std::memset(shared(copy.address), 0, copy.bytes);
}

void Block::copy(uint32_t address, const void *source, uint32_t bytes,
                 bool valid, int line) {
  if (!inArena(address, bytes, bytes, line, "cpAsync"))
    return;
  Thread &thread = self();
  const Copy copy{address, bytes, ++thread.copiesIssued,
                  valid ? source : nullptr};
  note(shadow.write(address - sharedBase(), bytes,
                    {copyAgent(current), copy.time, thread.clock}),
       address, line, "cpAsync");
  if (launch.options.eager)
    landCopy(copy);
  else
    std::memset(shared(address), 0xff, bytes);
  thread.copies.push_back(copy);
}

void Block::copyCommit() { self().copyGroups.push_back(self().copiesIssued); }

void Block::copyWait(uint32_t pending) {
  Thread &thread = self();
  if (thread.copyGroups.size() <= pending)
    return;
  const uint32_t upTo =
      thread.copyGroups[thread.copyGroups.size() - pending - 1];
  thread.copyGroups.erase(thread.copyGroups.begin(),
                          thread.copyGroups.end() - pending);
  while (!thread.copies.empty() && thread.copies.front().time <= upTo) {
    if (!launch.options.eager)
      landCopy(thread.copies.front());
    thread.copies.pop_front();
  }
  uint32_t &seen = thread.clock.seen[copyAgent(current)];
  seen = std::max(seen, upTo);
}

//===----------------------------------------------------------------------===//
// Barriers in memory
//===----------------------------------------------------------------------===//

bool Block::needsSm90(int line, const char *what) {
  if (!launch.sm90)
    error(line, "architecture",
          std::string(what) + " exists from sm_90 on, not on the architecture "
                              "that is played");
  return launch.sm90;
}

void Block::mbarInit(uint32_t address, uint32_t arrivals, int line) {
  if (!needsSm90(line, "mbarInit") || !inArena(address, 8, 8, line, "mbarInit"))
    return;
  note(shadow.write(address - sharedBase(), 8, accessOfThread()), address, line,
       "mbarInit");
  const auto index = static_cast<uint32_t>(memoryBarriers.size());
  auto [it, isNew] = memoryBarriers.try_emplace(address);
  MemoryBarrier &barrier = it->second;
  if (isNew) {
    if (index == maxBarriers)
      return error(line, "barriers",
                   "more than " + std::to_string(maxBarriers) +
                       " barriers in shared memory");
    barrier.index = index;
    tensorCopyTimes.push_back(0);
  }
  const size_t agents = self().clock.seen.size();
  barrier.arrivals = barrier.pending = arrivals;
  barrier.phase = 0;
  barrier.bytes = 0;
  barrier.arriving = Clock(agents);
  barrier.over = Clock(agents);
}

/// The barrier at an address, whose init the thread must know of.
Block::MemoryBarrier *Block::findBarrier(uint32_t address, int line,
                                         const char *what) {
  if (!needsSm90(line, what))
    return nullptr;
  auto it = memoryBarriers.find(address);
  if (it == memoryBarriers.end()) {
    error(line, "no barrier", std::string(what) + " of what is no barrier");
    return nullptr;
  }
  note(shadow.read(address - sharedBase(), 8, accessOfThread()), address, line,
       what);
  return &it->second;
}

void Block::completePhase(MemoryBarrier &barrier) {
  if (barrier.pending || barrier.bytes)
    return;
  barrier.over.join(barrier.arriving);
  ++barrier.phase;
  barrier.pending = barrier.arrivals;
  std::vector<MemoryBarrier::Waiter> waiters;
  waiters.swap(barrier.waiters);
  for (const MemoryBarrier::Waiter &waiter : waiters)
    if ((barrier.phase & 1) != waiter.parity) {
      threads[waiter.thread].clock.join(barrier.over);
      wake(waiter.thread);
    } else {
      barrier.waiters.push_back(waiter);
    }
}

void Block::mbarArrive(uint32_t address, uint32_t bytes, int line) {
  MemoryBarrier *barrier = findBarrier(address, line, "mbarArrive");
  if (!barrier)
    return;
  Thread &thread = self();
  barrier->arriving.join(thread.clock);
  ++thread.clock.seen[current];
  barrier->bytes += bytes;
  if (!barrier->pending)
    return error(line, "arrivals", "more arrivals than the barrier expects");
  --barrier->pending;
  completePhase(*barrier);
}

void Block::mbarWait(uint32_t address, uint32_t parity, int line) {
  MemoryBarrier *barrier = findBarrier(address, line, "mbarWait");
  if (!barrier)
    return;
  if ((barrier->phase & 1) != (parity & 1))
    return self().clock.join(barrier->over);
  barrier->waiters.push_back({current, parity & 1});
  waitAt("mbarWait", line);
}

//===----------------------------------------------------------------------===//
// Tensor copies
//===----------------------------------------------------------------------===//

/// Where the hardware puts a byte of a row with 128-byte swizzle.
static uint32_t swizzled(uint32_t address) {
  return address ^ ((address >> 7 & 7) << 4);
}

void Block::tensorCopy(uint32_t address, const void *opaque, uint32_t barrierAt,
                       int x, int y, int line) {
  MemoryBarrier *barrier = findBarrier(barrierAt, line, "tmaLoad2d");
  if (!barrier)
    return;
  TensorMapData map;
  std::memcpy(&map, opaque, sizeof map);
  if (map.magic != TensorMapData::expectedMagic)
    return error(line, "tensor map", "tmaLoad2d by what is no tensor map");
  const uint32_t rowBytes = map.box[0] * map.elementBytes,
                 bytes = rowBytes * map.box[1];
  if (!inArena(address, bytes, 128, line, "tmaLoad2d"))
    return;
  if (y < 0 || x < 0)
    return error(line, "tensor copy", "tmaLoad2d at a negative coordinate");
  const uint32_t agent = barrierAgent(barrier->index);
  TensorCopy copy{address, barrierAt, agent, ++tensorCopyTimes[barrier->index],
                  map,     x,         y};
  note(shadow.write(address - sharedBase(), bytes,
                    {agent, copy.time, self().clock, true}),
       address, line, "tmaLoad2d");
  for (uint32_t row = 0; row < map.box[1]; ++row) {
    const uint64_t rowAt = uint64_t(y) + row;
    if (rowAt >= map.sizes[1] || uint64_t(x) >= map.sizes[0])
      break;
    const uint64_t elements =
        std::min<uint64_t>(map.box[0], map.sizes[0] - uint64_t(x));
    const void *source = reinterpret_cast<const void *>(
        map.base + rowAt * map.rowStride + uint64_t(x) * map.elementBytes);
    if (!findAllocation(source, elements * map.elementBytes).begin)
      return error(line, "global",
                   "tmaLoad2d of row " + std::to_string(rowAt) +
                       ", which is outside of any allocation");
  }
  std::memset(shared(address), 0xff, bytes);
  tensorCopies.push_back(copy);
  if (launch.options.eager)
    land(tensorCopies.size() - 1);
}

void Block::land(size_t index) {
  const TensorCopy copy = tensorCopies[index];
  tensorCopies.erase(tensorCopies.begin() + index);
  const TensorMapData &map = copy.map;
  const uint32_t rowBytes = map.box[0] * map.elementBytes;
  const uint64_t present =
      uint64_t(copy.x) < map.sizes[0]
          ? std::min<uint64_t>(map.box[0], map.sizes[0] - copy.x) *
                map.elementBytes
          : 0;
  std::vector<uint8_t> row(rowBytes);
  for (uint32_t y = 0; y < map.box[1]; ++y) {
    std::fill(row.begin(), row.end(), 0);
    const uint64_t rowAt = uint64_t(copy.y) + y;
    if (rowAt < map.sizes[1])
      std::memcpy(
          row.data(),
          reinterpret_cast<const void *>(map.base + rowAt * map.rowStride +
                                         uint64_t(copy.x) * map.elementBytes),
          present);
    for (uint32_t b = 0; b < rowBytes; b += 16) {
      const uint32_t at = copy.address + y * rowBytes + b;
      std::memcpy(shared(map.swizzle128 ? swizzled(at) : at), row.data() + b,
                  std::min(16u, rowBytes - b));
    }
  }
  MemoryBarrier &barrier = memoryBarriers[copy.barrier];
  barrier.bytes -= int64_t(rowBytes) * map.box[1];
  uint32_t &seen = barrier.arriving.seen[copy.agent];
  seen = std::max(seen, copy.time);
  completePhase(barrier);
}

void Block::fenceProxy(int line) {
  if (!needsSm90(line, "fenceProxyAsync"))
    return;
  Clock &clock = self().clock;
  for (size_t i = 0; i < clock.seen.size(); ++i)
    clock.proxied[i] = std::max(clock.proxied[i], clock.seen[i]);
  ++clock.seen[current];
}

void Block::setRegisters(uint32_t, int line) {
  needsSm90(line, "a change of registers");
}
