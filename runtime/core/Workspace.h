//===- Workspace.h - The memory of a run ------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A run allocates nothing: whatever it writes besides its outputs is here. One
// caller at a time uses a workspace; callers at the same time have one each.
// It belongs to no program: any whose needs fit may use it, so that the layers
// of a model share one.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_WORKSPACE_H
#define MOE_RUNTIME_CORE_WORKSPACE_H

#include "moe/runtime/core/OsMemory.h"
#include "moe/runtime/core/RunTables.h"
#include "moe/runtime/core/ThreadPool.h"

#include <atomic>
#include <optional>
#include <vector>

namespace moe::core {

/// What poisoned memory holds, word by word: a NaN of every float type, and as
/// an id or an offset one that is far from all others. (-1 would be an id.)
inline constexpr uint32_t kPoison = 0x7fffffff;

struct WorkspaceOptions {
  /// Runs the loops instead of threads of the workspace's own. It never gives
  /// more workers than the run has threads.
  std::optional<Executor> executor;
  /// Fills the memory with kPoison before each run: what a program reads
  /// without having written it shows.
  bool poison = false;
};

/// Holds a flag for one call, unless another call holds it.
class Seat {
public:
  explicit Seat(std::atomic_flag &flag)
      : flag(flag), held(!flag.test_and_set(std::memory_order_acquire)) {}
  ~Seat() {
    if (held)
      flag.clear(std::memory_order_release);
  }
  Seat(const Seat &) = delete;
  explicit operator bool() const { return held; }
  /// WorkspaceBusy.
  static Error taken();

private:
  std::atomic_flag &flag;
  const bool held;
};

class Workspace {
public:
  /// Starts the threads. OutOfMemory.
  static Result<std::unique_ptr<Workspace>>
  create(const WorkspaceSize &size, WorkspaceOptions options = {});

  const WorkspaceSize &size() const { return capacity; }
  /// By kernel of the variant that ran last.
  std::span<const KernelUse> kernels() const { return tables.used; }

private:
  friend class Run;
  explicit Workspace(const WorkspaceSize &size)
      : capacity(size), tables(size), launchArgs(size.launchArgs) {}

  WorkspaceSize capacity;
  WorkspaceOptions options;
  ThreadPool pool;
  Executor executor;
  os::Memory memory;
  RunTables tables;
  std::vector<void *> launchArgs;
  std::atomic_flag busy;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_WORKSPACE_H
