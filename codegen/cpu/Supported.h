//===- Supported.h - What a CPU kernel may be made of ------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the lowering cannot do is said before it starts, in terms of the op and
// the target. A conversion that fails half-way says "failed to legalize", and
// LLVM's code generator, met with an instruction it cannot select, aborts the
// process: neither may be reached by what passes here.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_SUPPORTED_H
#define MOE_CODEGEN_CPU_SUPPORTED_H

#include "moe/codegen/cpu/CpuTargets.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

namespace moe::cpu {

/// Checks every function of the module; reports each op that cannot be lowered
/// for `target`.
llvm::LogicalResult checkSupported(mlir::ModuleOp module,
                                   const CpuTarget &target);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_SUPPORTED_H
