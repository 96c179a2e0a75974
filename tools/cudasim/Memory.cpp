//===- Memory.cpp - The device's memory -----------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Launches find their allocations here at most once each time they change.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Memory.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <sys/mman.h>

using namespace moe::cudasim;

/// As much as a small device has.
static constexpr size_t deviceBytes = size_t(16) << 30;

namespace {
struct Memory {
  std::mutex mutex;
  std::map<const char *, Allocation> allocations;
  size_t used = 0;
};
} // namespace

static Memory &memory() {
  static Memory instance;
  return instance;
}

static size_t writesBytes(size_t bytes) {
  return (bytes + 3) / 4 * sizeof(GlobalWrite);
}

void *moe::cudasim::allocate(size_t bytes) {
  Memory &m = memory();
  std::lock_guard lock(m.mutex);
  if (bytes == 0 || bytes > deviceBytes - m.used)
    return nullptr;
  void *p = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (!p)
    return nullptr;
  // Pages of it are there when something is written to them.
  void *writes = mmap(nullptr, writesBytes(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (writes == MAP_FAILED) {
    std::free(p);
    return nullptr;
  }
  std::memset(p, 0xff, bytes);
  const char *begin = static_cast<const char *>(p);
  m.allocations[begin] = {begin, bytes, static_cast<GlobalWrite *>(writes)};
  m.used += bytes;
  return p;
}

bool moe::cudasim::release(void *p) {
  Memory &m = memory();
  std::lock_guard lock(m.mutex);
  auto it = m.allocations.find(static_cast<const char *>(p));
  if (it == m.allocations.end())
    return false;
  m.used -= it->second.bytes;
  munmap(it->second.writes, writesBytes(it->second.bytes));
  m.allocations.erase(it);
  std::free(p);
  return true;
}

Allocation moe::cudasim::findAllocation(const void *p, size_t bytes) {
  Memory &m = memory();
  std::lock_guard lock(m.mutex);
  auto it = m.allocations.upper_bound(static_cast<const char *>(p));
  if (it == m.allocations.begin())
    return {};
  --it;
  return it->second.contains(p, bytes) ? it->second : Allocation();
}

void moe::cudasim::memoryLeft(size_t &free, size_t &total) {
  Memory &m = memory();
  std::lock_guard lock(m.mutex);
  total = deviceBytes;
  free = deviceBytes - m.used;
}
