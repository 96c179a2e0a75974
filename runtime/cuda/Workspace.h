//===- Workspace.h - The device memory that runs use ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that a run on a GPU needs beside weights and the caller's tensors, made
// once: a run allocates nothing, on the device or the host, so that it can be
// captured into a graph.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_WORKSPACE_H
#define MOE_RUNTIME_CUDA_WORKSPACE_H

#include "moe/runtime/core/RunTables.h"
#include "moe/runtime/cuda/Module.h"

#include <atomic>

namespace moe::cuda {

/// Serves one run at a time; a graph that was captured from a run uses it too.
class Workspace {
public:
  /// For programs of the module, and of others on its device that need no more.
  /// `poison` fills the memory with core::kPoison before
  /// each run, as core's workspace does. OutOfMemory, CudaFailed.
  static core::Result<std::unique_ptr<Workspace>>
  create(const Module &module, const core::WorkspaceSize &size,
         bool poison = false);

  /// Device memory of a workspace of this size, in bytes.
  static size_t bytes(const core::WorkspaceSize &size) {
    return size.arena + size.spareOutputs + size.inputCopies;
  }
  const Device &device() const { return *owner; }
  /// By kernel of the variant that ran last.
  std::span<const core::KernelUse> kernels() const { return tables.used; }

  /// Waits for the last run and what came before it in its stream (after a
  /// replay of its graph: for that, if it is in the same stream), and says what
  /// its check steps found. CudaFailed, IdOutOfRange.
  core::Status wait();

private:
  friend class Run;
  Workspace(const Module &module, const core::WorkspaceSize &size);

  std::shared_ptr<const Device> owner;
  const core::WorkspaceSize capacity;
  bool poison = false;
  DeviceMemory memory;
  core::RunTables tables;
  /// The caller's outputs that are not written in place; null data: none.
  std::vector<core::RunTables::Buffer> fetched;

  /// Parameters of a launch.
  std::vector<CuDevicePtr> buffers;
  std::vector<CuTensorMap> maps;
  std::vector<void *> parameters;

  /// What check steps read, an i64 each, and the steps.
  PinnedMemory statuses;
  std::vector<const abi::Check *> checked;
  size_t checks = 0;
  std::shared_ptr<const core::Program> last; ///< whose they are
  CuStream stream = nullptr;

  Event begin, end; ///< of a timed launch
  std::atomic_flag busy;
};

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_WORKSPACE_H
