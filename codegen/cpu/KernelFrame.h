//===- KernelFrame.h - The frame of a CPU kernel ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A leaf function as codegen/abi/kernel.h calls it: a range of tasks, and
// scratch of the worker's own.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_KERNELFRAME_H
#define MOE_CODEGEN_CPU_KERNELFRAME_H

#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/leaf/LeafFrame.h"

namespace moe::cpu {

using leaf::byteWidth;
using leaf::constantOf;
using leaf::GroupsBuffer;
using leaf::LeafBuilder;
using leaf::productType;
using leaf::splatOf;
using leaf::TensorBuffer;
using leaf::TilesBuffer;

class KernelFrame : public leaf::LeafFrame {
public:
  /// Makes the function in `leaves`, loads its arguments, and leaves the
  /// builder behind them.
  KernelFrame(exec::KernelOp kernel, TargetAttr target, mlir::ModuleOp leaves);

  TargetAttr target;
  mlir::Value begin, end;

  /// The worker's scratch from `offset` bytes on. How long it is says the
  /// class's shape (KernelClass.h).
  mlir::Value scratch(int64_t offset) { return l.offset(scratchBase, offset); }

  /// The function's loops and vectors are as they are to run.
  void keepAsWritten();

private:
  mlir::Value scratchBase;
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_KERNELFRAME_H
