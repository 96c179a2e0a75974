//===- SizeRules.h - Sizes that an op demands to be equal -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types leave dynamic sizes open: that two operands have as many rows is a
// promise of whoever wrote the IR, which no kernel checks while it runs. Said
// here for each op, it is kept: sizes of arguments that have to be equal are
// one dimension of the program, which the runtime checks at entry, and others
// are refused.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_EXEC_SIZERULES_H
#define MOE_PASSES_EXEC_SIZERULES_H

#include "mlir/IR/Operation.h"

namespace moe {

/// One dimension of a tensor, or (position 0) the rows of a groups value.
struct SizeRef {
  mlir::Value value;
  unsigned position;
};

/// Calls `visit` with the pairs of sizes of the op's operands and results that
/// have to be equal; nothing for an op that says nothing of them.
void forEachEqualSize(mlir::Operation *op,
                      llvm::function_ref<void(SizeRef, SizeRef)> visit);

} // namespace moe

#endif // MOE_PASSES_EXEC_SIZERULES_H
