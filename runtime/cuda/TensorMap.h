//===- TensorMap.h - Descriptors for copies of tiles ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the package's table to the 128 bytes that the hardware reads.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_TENSORMAP_H
#define MOE_RUNTIME_CUDA_TENSORMAP_H

#include "moe/codegen/abi/program_generated.h"
#include "moe/runtime/cuda/Driver.h"

#include <span>

namespace moe::cuda {

/// Makes the descriptor of a launch of `kernel` whose argument is at `base`.
/// Calls the driver, but neither the device nor an allocator. CudaFailed.
core::Status encodeTensorMap(const Driver &driver, const abi::TensorMap &table,
                             CuDevicePtr base, std::span<const int64_t> dims,
                             std::string_view kernel, CuTensorMap &map);

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_TENSORMAP_H
