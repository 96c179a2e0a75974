//===- Shadow.h - Who touched shared memory, and when -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A vector clock says for every agent how much of its work is known to have
// happened before now. Shared memory remembers its last writer and its readers
// since; an access that does not know of them is a race, whether or not it made
// a difference this time.
//
// Agents are threads, each thread's asynchronous copies, each barrier's tensor
// copies, and each warp's wgmma: whatever can be under way on its own.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_SHADOW_H
#define MOE_TOOLS_CUDASIM_SHADOW_H

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace moe::cudasim {

/// What a thread, or whoever waits on it, knows of every agent. `proxied` is
/// what asynchronous units may rely on of it: writes by threads, as of a fence.
struct Clock {
  std::vector<uint32_t> seen, proxied;

  explicit Clock(size_t agents = 0) : seen(agents), proxied(agents) {}
  void join(const Clock &other);
  void clear();
};

/// A conflict: what kind, and with which agent.
struct Conflict {
  const char *kind = nullptr;
  uint32_t agent = 0;
  explicit operator bool() const { return kind; }
};

/// One access, at time `time` of its agent, knowing `clock`.
struct Access {
  uint32_t agent, time;
  const Clock &clock;
  /// By a tensor copy or wgmma, which do not see threads' writes unfenced.
  bool asynchronous = false;
};

class Shadow {
public:
  /// Of `bytes` of memory that nobody wrote. Agents below `numGeneric` are
  /// threads and their copies.
  void reset(uint32_t bytes, uint32_t numGeneric, bool races);

  Conflict write(uint32_t offset, uint32_t bytes, const Access &access);
  Conflict read(uint32_t offset, uint32_t bytes, const Access &access);
  /// Atomics conflict with plain accesses, not with each other.
  Conflict atomic(uint32_t offset, const Access &access);

private:
  struct Reader {
    uint32_t agent, time;
  };
  /// What is known of one to four bytes.
  struct Cell {
    uint32_t writer = 0, written = 0;
    uint32_t numReaders = 0;
    bool valid = false, atomic = false;
    std::array<Reader, 6> readers;
    std::vector<Reader> moreReaders;

    void addReader(uint32_t agent, uint32_t time,
                   const std::vector<uint32_t> &seen);
    void forgetReaders();
  };
  using Bytes = std::array<Cell, 4>;

  template <class F>
  Conflict forCells(uint32_t offset, uint32_t bytes, F visit);
  Conflict writeCell(Cell &cell, const Access &access);
  Conflict readCell(Cell &cell, const Access &access);

  uint32_t numGeneric = 0;
  bool races = true;
  std::vector<Cell> cells;
  /// Cells whose bytes were written apart.
  std::unordered_map<uint32_t, std::unique_ptr<Bytes>> split;
  std::vector<bool> isSplit;
  std::unordered_map<const Cell *, std::vector<uint32_t>> atomics;
};

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_SHADOW_H
