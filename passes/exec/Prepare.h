//===- Prepare.h - What is computed when weights are bound ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_EXEC_PREPARE_H
#define MOE_PASSES_EXEC_PREPARE_H

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/exec/MoeExecOps.h"

namespace moe {

/// On a moe_exec.prepare: for each source what binding refuses, 0 being
/// nothing, kNoE8M0NaN a scale byte that is NaN, and n > 0 integers that are
/// not below n.
inline constexpr llvm::StringLiteral kValueRulesAttr = "moe_exec.values";
inline constexpr int64_t kNoE8M0NaN = -1;

/// Makes the moe_exec.prepare of a value that depends on parameters alone, with
/// the kernel that computes it; one value, one prepare. New ops go to the end
/// of `module`.
class PrepareBuilder {
public:
  PrepareBuilder(mlir::ModuleOp module, TargetAttrInterface target,
                 mlir::SymbolTable &symbols)
      : module(module), symbols(symbols), target(target) {}

  mlir::FailureOr<exec::PrepareOp> get(mlir::Value value);

private:
  mlir::FailureOr<exec::PrepareOp> build(mlir::Value value);
  mlir::FailureOr<exec::KernelOp>
  buildKernel(mlir::Value value, llvm::ArrayRef<mlir::Operation *> ops,
              llvm::ArrayRef<LoadParamOp> leaves,
              llvm::ArrayRef<SourceAttr> sources, bool perExpert,
              llvm::StringRef name);

  mlir::ModuleOp module;
  mlir::SymbolTable &symbols;
  TargetAttrInterface target;
  llvm::DenseMap<mlir::Value, exec::PrepareOp> made;
};

} // namespace moe

#endif // MOE_PASSES_EXEC_PREPARE_H
