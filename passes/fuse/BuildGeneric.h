//===- BuildGeneric.h - Loops over tensors as linalg.generic ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an op of the input phase means is often a small sum, for which ordinary
// ops are the lowering: every executor has them. A sum is written by its loops
// and what each operand is indexed by.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_FUSE_BUILDGENERIC_H
#define MOE_PASSES_FUSE_BUILDGENERIC_H

#include "mlir/IR/Builders.h"

namespace moe {

/// An operand and the loops that index its dimensions.
struct LoopOperand {
  mlir::Value tensor;
  llvm::SmallVector<unsigned> loops;
};

/// A linalg.generic whose first loops index the result [sizes] and whose
/// `reductions` follow. `init` is a tensor of the result's type or null, which
/// starts from zero. `body` makes the next value of an element from the
/// operands' elements and the one before.
mlir::Value buildGeneric(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::Type element,
    llvm::ArrayRef<mlir::OpFoldResult> sizes, unsigned reductions,
    llvm::ArrayRef<LoopOperand> operands, mlir::Value init,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange elements,
                                   mlir::Value before)>
        body);

/// The same values in another float type.
mlir::Value buildConversion(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value tensor, mlir::Type element);

} // namespace moe

#endif // MOE_PASSES_FUSE_BUILDGENERIC_H
