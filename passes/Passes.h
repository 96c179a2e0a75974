//===- Passes.h - Passes over moe IR ----------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_PASSES_H
#define MOE_PASSES_PASSES_H

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/exec/MoeExecOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace moe {

/// What a user allows beyond rewrites that are equal in real arithmetic.
enum class Fast { None, Approx };

#define GEN_PASS_DECL
#include "moe/passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "moe/passes/Passes.h.inc"

/// The target of the module that `op` is in; a diagnostic if it has none.
mlir::FailureOr<TargetAttrInterface> getTarget(mlir::Operation *op);

/// Whether `moe.disable` of the module that `op` is in names this pass.
bool isDisabled(mlir::Operation *op, llvm::StringRef pass);

} // namespace moe

#endif // MOE_PASSES_PASSES_H
