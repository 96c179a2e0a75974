//===- DevicePacker.h - Weights packed by a GPU's kernels -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A package for a GPU needs no code for a CPU: stored weights travel to the
// device as they are, and its own kernels pack them there.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_DEVICEPACKER_H
#define MOE_RUNTIME_CUDA_DEVICEPACKER_H

#include "moe/runtime/core/Packer.h"
#include "moe/runtime/cuda/Module.h"

namespace moe::cuda {

/// Workers that keep a bus busy; each has 8 MiB of pinned memory.
inline constexpr uint32_t mostPackers = 8;

/// Packs in device memory. Besides the packed weights it holds, for each worker
/// and until it is finished, what one unit is made of.
std::unique_ptr<core::Packer>
devicePacker(std::shared_ptr<const Module> module);

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_DEVICEPACKER_H
