//===- LowerKernels.cpp - Kernels as leaf functions -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/cpu/KernelClass.h"
#include "moe/codegen/cpu/Passes.h"
#include "moe/codegen/leaf/Loops.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Pass/Pass.h"

namespace moe::cpu {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "moe/codegen/cpu/Passes.h.inc"
} // namespace moe::cpu

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

/// Emits one kernel into `leaves`.
static void emitKernel(exec::KernelOp kernel, cpu::TargetAttr target,
                       ModuleOp leaves) {
  KernelFrame frame(kernel, target, leaves);
  switch (classOf(kernel)) {
  case KernelClass::Elements:
    emitElements(frame);
    break;
  case KernelClass::Loops:
    leaf::emitLoops(frame);
    break;
  case KernelClass::Matmul:
    emitMatmul(frame, onlyOp<GroupedMatmulOp>(kernel));
    break;
  case KernelClass::Route:
    frame.keepAsWritten();
    emitRoute(frame);
    break;
  case KernelClass::Index:
    frame.keepAsWritten();
    emitIndex(frame);
    break;
  case KernelClass::Combine:
    frame.keepAsWritten();
    emitCombine(frame, onlyOp<CombineOp>(kernel));
    break;
  case KernelClass::Pack:
    emitPack(frame, onlyOp<PackOp>(kernel));
    break;
  }
  frame.finish();
}

namespace {
struct LowerKernelsPass
    : moe::cpu::impl::LowerKernelsPassBase<LowerKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<exec::KernelOp> kernels(module.getOps<exec::KernelOp>());
    if (kernels.empty())
      return;
    cpu::TargetAttr target = getTarget(module);
    if (!target) {
      module.emitError() << "expects a CPU target to lower kernels for, such "
                            "as {moe.target = #moe_cpu.target<...>}";
      return signalPassFailure();
    }
    bool failed = false;
    for (exec::KernelOp kernel : kernels)
      if (std::string why = whyUnsupported(kernel); !why.empty()) {
        kernel.emitOpError() << "cannot be lowered for "
                             << target.getTargetName() << ": " << why;
        failed = true;
      }
    if (failed)
      return signalPassFailure();

    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto leaves = ModuleOp::create(builder, module.getLoc(), "kernels");
    for (exec::KernelOp kernel : kernels) {
      if (int64_t bytes = shapeOf(kernel, target).scratchBytes)
        kernel.setScratch(bytes);
      emitKernel(kernel, target, leaves);
    }
  }
};
} // namespace
