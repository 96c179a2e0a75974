//===- KernelClass.h - Tasks and scratch of CPU kernels --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tasks of a kernel are on the CPU, and whether it can be emitted at
// all: answers that must fit each other and the emitters.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_KERNELCLASS_H
#define MOE_CODEGEN_CPU_KERNELCLASS_H

#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/leaf/KernelClass.h"
#include "moe/codegen/leaf/LeafBuilder.h"

namespace moe::cpu {

using leaf::classOf;
using leaf::elementTasks;
using leaf::KernelClass;
using leaf::onlyOp;
using leaf::rowsOf;

/// Tasks and scratch of a kernel that getUnsupported() has nothing against.
KernelShape shapeOf(exec::KernelOp kernel, TargetAttr target);

/// Why a kernel, or an op that will be in one, cannot be emitted; empty if it
/// can.
std::string whyUnsupported(mlir::Operation *op);

/// The panels of packed weights, in elements and bytes.
struct PackShape {
  mlir::Type element;
  int64_t experts, columnsTotal, depth, sides;
  int64_t interleave, depthPadded; ///< k of a word; k with the zeros behind
  int64_t columns, panels, panelBytes, expertBytes;
  explicit PackShape(PackedType type);

  int64_t elementBytes() const { return leaf::byteWidth(element); }
  int64_t wordBytes() const { return interleave * elementBytes(); }
  int64_t words() const { return depthPadded / interleave; }
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_KERNELCLASS_H
