//===- CpuPlans.cpp - Which plan an op gets -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/KernelClass.h"
#include "moe/codegen/cpu/MatmulShape.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

PlanChoice cpu::TargetAttr::choosePlan(Operation *op, int64_t minTokens,
                                       int64_t maxTokens) const {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul)
    return {};
  int64_t lanes = getLanes();
  int64_t rows = getRegisters() == 32 ? 12 : 6;
  auto plan =
      MatmulAttr::get(getContext(), rows, 2 * lanes / matmul.getNumRhs(), 48, 8,
                      4, 0, 4096, "fma");
  return {plan, {}};
}

KernelShape cpu::TargetAttr::getKernelShape(Operation *kernel) const {
  return shapeOf(cast<exec::KernelOp>(kernel), *this);
}

std::string cpu::TargetAttr::getUnsupported(Operation *op) const {
  return whyUnsupported(op, *this);
}

SmallVector<int64_t> cpu::TargetAttr::getTokenBuckets(Operation *) const {
  return {};
}

std::string cpu::TargetAttr::getIsaName() const {
  CpuTarget cpu = getCpu();
  if (cpu.arch == abi::CpuArch::Aarch64)
    return "neon";
  if (cpu.has(abi::CpuFeature::Avx512f))
    return "avx512";
  return cpu.has(abi::CpuFeature::Avx2) ? "avx2" : "sse4";
}
