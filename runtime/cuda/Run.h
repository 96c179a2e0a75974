//===- Run.h - One run of a program on a GPU --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The executor: the steps of a program as launches and copies in the caller's
// stream.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_RUN_H
#define MOE_RUNTIME_CUDA_RUN_H

#include "moe/runtime/core/Bind.h"
#include "moe/runtime/cuda/Workspace.h"

namespace moe::cuda {

struct RunOptions {
  /// Null: the legacy default stream.
  CuStream stream = nullptr;
  /// Measures each kernel, and waits for it (Workspace::kernels).
  bool timing = false;
};

/// Puts a run into the stream. `bound` was packed by a devicePacker of
/// `module`, which is on the workspace's device. If all tensors are on the
/// device it returns at once, allocates nothing and can be captured; what check
/// steps find is told by Workspace::wait(). Tensors in host memory, and those
/// on the device that do not begin at a multiple of 16 bytes, go through the
/// workspace; with any in host memory the run is complete on return. Errors:
/// those of RunTables::take, WorkspaceTooSmall, WorkspaceBusy, CudaFailed,
/// PackageCorrupt where steps do not fit their buffers, and for complete runs
/// what Workspace::wait() says.
core::Status run(const core::Bound &bound, const Module &module,
                 std::span<const core::Operand> inputs,
                 std::span<const core::Operand> outputs, Workspace &workspace,
                 const RunOptions &options = {});

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_RUN_H
