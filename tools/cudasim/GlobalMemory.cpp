//===- GlobalMemory.cpp - Accesses to global memory -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing orders the blocks of a launch, and only barriers the threads of a
// block: what is read or overwritten must not come from another block, nor from
// a thread that was not waited for. That nobody overwrites what others still
// read is not looked for.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Block.h"

using namespace moe::cudasim;

const Allocation *Block::allocationOf(const void *p, uint32_t bytes) {
  for (const Allocation &recent : recentAllocations)
    if (recent.contains(p, bytes))
      return &recent;
  const Allocation found = findAllocation(p, bytes);
  if (!found.begin)
    return nullptr;
  Allocation &kept = recentAllocations[oldestAllocation];
  oldestAllocation = (oldestAllocation + 1) % recentAllocations.size();
  kept = found;
  return &kept;
}

bool Block::global(const void *p, uint32_t bytes, MoeSimAccess access,
                   int line) {
  const char *const names[] = {"load", "store", "an atomic"};
  auto what = [&] {
    return std::string(names[access]) + " of " + std::to_string(bytes) +
           " bytes at " + std::to_string(reinterpret_cast<uintptr_t>(p));
  };
  if (reinterpret_cast<uintptr_t>(p) % bytes) {
    error(line, "global alignment", what() + ", not a multiple of its size");
    return false;
  }
  const Allocation *allocation = allocationOf(p, bytes);
  if (!allocation) {
    error(line, "global", what() + ", outside of any allocation");
    return false;
  }
  if (launch.options.norace || access == MoeSimAtomic)
    return true;
  const size_t offset = static_cast<const char *>(p) - allocation->begin;
  const std::vector<uint32_t> &seen = self().clock.seen;
  const bool store = access == MoeSimStore;
  for (size_t at = offset, end = offset + bytes; at < end;
       at = at / 4 * 4 + 4) {
    GlobalWrite &last = allocation->writes[at / 4];
    const uint8_t mine =
        bytes >= 4 ? 15 : static_cast<uint8_t>(((1 << bytes) - 1) << at % 4);
    if (last.launch == launchNumber && (last.bytes & mine)) {
      const char *const kind = store ? "global write after write, not ordered"
                                     : "global read after write, not ordered";
      if (last.block != blockNumber)
        error(line, kind,
              what() + ": " + kind + " (block " + std::to_string(last.block) +
                  ")");
      else if (last.time > seen[last.thread])
        error(line, kind,
              what() + ": " + kind + " (" + describe(last.thread) + ")");
    }
    if (store)
      last = {launchNumber, blockNumber, seen[current],
              static_cast<uint16_t>(current), mine};
  }
  return true;
}
