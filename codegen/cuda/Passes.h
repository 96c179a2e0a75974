//===- Passes.h - From planned kernels to CUDA ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_PASSES_H
#define MOE_CODEGEN_CUDA_PASSES_H

#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>

namespace moe::cuda {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "moe/codegen/cuda/Passes.h.inc"

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_PASSES_H
