//===- EmitLeaf.h - Kernels of ordinary ops for CUDA ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels without a main loop of their own are written as leaf functions in IR,
// by the same readers of elements as on the CPU: one thread's part of a task.
// What other kernels have of scalar code (an epilogue, a formula) becomes a
// function too, so that it is simplified and printed like the rest.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_EMITLEAF_H
#define MOE_CODEGEN_CUDA_EMITLEAF_H

#include "moe/codegen/cuda/CudaKernels.h"
#include "moe/codegen/leaf/LeafFrame.h"
#include "moe/dialect/MoeOps.h"

namespace moe::cuda {

/// Emits a kernel of the classes Elements, Pack and Combine as a function of
/// its name in `leaves`, whose arguments are the buffers (pointers), the
/// dimensions and the task count (i64).
void emitLeaf(exec::KernelOp kernel, mlir::ModuleOp leaves);

/// Emits the formulas of a kernel of another class as functions in `leaves`:
/// "<kernel>_epilogue" with the arguments of the region, or
/// "<kernel>_formula<i>" of one f32, one for each formula in the order of the
/// ops.
void emitFormulas(exec::KernelOp kernel, mlir::ModuleOp leaves);

/// The function that emitFormulas() made.
std::string epilogueName(exec::KernelOp kernel);
std::string formulaName(exec::KernelOp kernel, unsigned index);

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_EMITLEAF_H
