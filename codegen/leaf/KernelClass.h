//===- KernelClass.h - What kind of kernel some ops make --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops of a kernel decide how it is emitted and what its tasks are; the
// classes are the same on every target.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_KERNELCLASS_H
#define MOE_CODEGEN_LEAF_KERNELCLASS_H

#include "moe/dialect/exec/MoeExecOps.h"

namespace moe::leaf {

enum class KernelClass { Elements, Loops, Matmul, Route, Index, Combine, Pack };

/// The class of a kernel, by the ops in it that are no ordinary ones.
KernelClass classOf(exec::KernelOp kernel);
/// The class that an op gives its kernel; ordinary ones give it none.
KernelClass classOf(mlir::Operation *op);

/// The only op of type OpT; kernels of some classes hold exactly one.
template <typename OpT> OpT onlyOp(exec::KernelOp kernel) {
  return *kernel.getBody().getOps<OpT>().begin();
}

/// Rows of result `number`, which is a tensor.
mlir::AffineExpr rowsOf(exec::KernelOp kernel, unsigned number = 0);

/// The sums that a kernel of moe.combine makes: one a token, or a slot where
/// those are kept apart.
mlir::AffineExpr combineTokens(exec::KernelOp kernel);

/// How a kernel of ordinary ops is split: the results' leading `dims`, which
/// they have in common, are tasks, of which there are `count`.
struct ElementTasks {
  unsigned dims = 0;
  mlir::AffineExpr count;
};
ElementTasks elementTasks(exec::KernelOp kernel);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_KERNELCLASS_H
