//===- Cuda.h - The words of CUDA, for the host -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler of a kernel text knows without a header, beside the
// intrinsics.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_CUDA_H
#define MOE_TOOLS_CUDASIM_CUDA_H

static MoeSimCalls *moeSim;
extern "C" __attribute__((visibility("default"))) void
moe_sim_attach(MoeSimCalls *calls) {
  moeSim = calls;
}

#define __global__ __attribute__((visibility("default")))
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __grid_constant__
#define __launch_bounds__(...)
#define threadIdx (moeSim->current->thread)
#define blockIdx (moeSim->current->block)
#define blockDim (moeSim->current->blockDim)
#define gridDim (moeSim->current->gridDim)

#endif // MOE_TOOLS_CUDASIM_CUDA_H
