//===- KernelClass.h - What kind of kernel some ops make ---------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops of a kernel decide how it is emitted, what its tasks are, and whether
// it can be emitted at all. The three answers are given here, so that they fit
// each other.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_KERNELCLASS_H
#define MOE_CODEGEN_CPU_KERNELCLASS_H

#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/dialect/exec/MoeExecOps.h"

namespace moe::cpu {

enum class KernelClass { Elements, Matmul, Route, Index, Combine, Pack };

/// The class of a kernel, by the ops in it that are no ordinary ones.
KernelClass classOf(exec::KernelOp kernel);
/// The class that an op gives its kernel; ordinary ones give it none.
KernelClass classOf(mlir::Operation *op);

/// The only op of type OpT; kernels of some classes hold exactly one.
template <typename OpT> OpT onlyOp(exec::KernelOp kernel) {
  return *kernel.getBody().getOps<OpT>().begin();
}

/// Tasks and scratch of a kernel that getUnsupported() has nothing against.
KernelShape shapeOf(exec::KernelOp kernel, TargetAttr target);

/// Why a kernel cannot be emitted for the target; empty if it can.
std::string whyUnsupported(exec::KernelOp kernel, TargetAttr target);
/// The same for an op that will be in one.
std::string whyUnsupported(mlir::Operation *op, TargetAttr target);

/// How a kernel of ordinary ops is split: the results' leading `dims`, which
/// they have in common, are tasks, of which there are `count`.
struct ElementTasks {
  unsigned dims = 0;
  mlir::AffineExpr count;
};
ElementTasks elementTasks(exec::KernelOp kernel);

/// The panels of packed weights, in elements and bytes.
struct PackShape {
  int64_t experts, columnsTotal, depth, sides;
  int64_t columns, panels, panelBytes, expertBytes;
  explicit PackShape(PackedType type);
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_KERNELCLASS_H
