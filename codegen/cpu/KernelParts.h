//===- KernelParts.h - Kernels that compile at the same time ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Machine code is most of the time of a compilation, and LLVM makes that of a
// module on one thread. So kernels are dealt out over a few modules.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_KERNELPARTS_H
#define MOE_CODEGEN_CPU_KERNELPARTS_H

#include "mlir/IR/BuiltinOps.h"

namespace moe::cpu {

/// Moves the functions of `kernels`, a module of the LLVM dialect, into modules
/// nested in it, of about as much work each. How many there are depends on the
/// functions alone, so that a package is the same wherever it was made. A
/// function calls only functions of its own part and of those before, whose
/// declarations it has beside it; of data that it uses its part has a copy.
/// What is private and nothing calls stays behind.
mlir::SmallVector<mlir::ModuleOp> splitKernels(mlir::ModuleOp kernels);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_KERNELPARTS_H
