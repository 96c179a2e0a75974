//===- CudaLowerKernels.cpp - Kernels on their way to CUDA C++ -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/EmitLeaf.h"
#include "moe/codegen/cuda/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

#include "llvm/ADT/StringExtras.h"

namespace moe::cuda {
#define GEN_PASS_DEF_CUDALOWERKERNELSPASS
#include "moe/codegen/cuda/Passes.h.inc"
} // namespace moe::cuda

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

/// Gives a kernel whose name is none in C++ another. Parameters of any name
/// have preparations that are named after them.
static LogicalResult renameForCpp(exec::KernelOp kernel, SymbolTable &symbols) {
  std::string name;
  for (char c : kernel.getName())
    name += llvm::isAlnum(c) ? c : '_';
  if (!llvm::isAlpha(name.front()))
    name = "k" + name;
  std::string unique = name;
  for (unsigned i = 0; unique != kernel.getName() && symbols.lookup(unique);
       ++i)
    unique = name + "_" + std::to_string(i);
  if (unique == kernel.getName())
    return success();
  return symbols.rename(kernel, unique);
}

namespace {
struct CudaLowerKernelsPass
    : moe::cuda::impl::CudaLowerKernelsPassBase<CudaLowerKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<exec::KernelOp> kernels(module.getOps<exec::KernelOp>());
    if (kernels.empty())
      return;
    cuda::TargetAttr target = getTarget(module);
    if (!target) {
      module.emitError() << "expects a CUDA target to lower kernels for, such "
                            "as {moe.target = #moe_cuda.target<...>}";
      return signalPassFailure();
    }
    bool failedAny = false;
    SymbolTable symbols(module);
    for (exec::KernelOp kernel : kernels) {
      if (std::string why = whyUnsupported(kernel, target); !why.empty()) {
        kernel.emitOpError() << "cannot be lowered for "
                             << target.getTargetName() << ": " << why;
        failedAny = true;
      }
      failedAny |= failed(renameForCpp(kernel, symbols));
    }
    if (failedAny)
      return signalPassFailure();

    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto leaves = ModuleOp::create(builder, module.getLoc(), "kernels");
    for (exec::KernelOp kernel : kernels) {
      kernel->setAttr(MoeCudaDialect::kLaunchAttr, launchOf(kernel, target));
      switch (classOf(kernel)) {
      case KernelClass::Elements:
      case KernelClass::Pack:
      case KernelClass::Combine:
        emitLeaf(kernel, leaves);
        break;
      default:
        emitFormulas(kernel, leaves);
        break;
      }
    }
  }
};
} // namespace
