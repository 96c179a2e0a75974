//===- Launch.h - Runs a kernel ---------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the driver's functions to blocks of threads, and from a thread's calls
// to the block that it is in.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_LAUNCH_H
#define MOE_TOOLS_CUDASIM_LAUNCH_H

#include "moe/runtime/cuda/CudaAbi.h"
#include "moe/tools/cudasim/Block.h"

#include <memory>
#include <string>

namespace moe::cudasim {

/// A text that was compiled for the host.
struct Module {
  std::string text;
  void *library = nullptr;
  MoeSimCalls *calls = nullptr;   ///< what its kernels call
  unsigned computeCapability = 0; ///< 80, 90
};

/// The table for a module's kernels.
std::unique_ptr<MoeSimCalls> makeCalls();

/// Runs every block of a grid. LaunchFailed if anything was wrong, and `report`
/// says what; OutOfMemory. One launch at a time.
cuda::CuResult runKernel(const Launch &launch, const char *kernel,
                         const Module &module, Report &report);

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_LAUNCH_H
