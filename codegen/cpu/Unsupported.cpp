//===- Unsupported.cpp - Why a kernel cannot be emitted for the CPU -------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/Unsupported.h"

#include "moe/codegen/cpu/KernelClass.h"
#include "moe/codegen/leaf/Loops.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

namespace {
class CpuUnsupported final : public leaf::Unsupported {
public:
  CpuUnsupported() : Unsupported("CPU") {}

private:
  std::string whyPack(PackOp op) const override {
    return isa<PanelsAttr>(op.getPacked().getType().getLayout())
               ? ""
               : "a layout other than #moe_cpu.panels" + none;
  }
  std::string whyIndex(exec::KernelOp kernel) const override {
    return leaf::whyIndexUnsupported(kernel);
  }
  std::string whyPlanned(GroupedMatmulOp op) const override;
  std::string whyLoops(Operation *op) const override {
    return leaf::whyLoopsUnsupported(
        op, [&](Operation *inner) { return why(inner); });
  }
};
} // namespace

std::string CpuUnsupported::whyPlanned(GroupedMatmulOp op) const {
  auto plan = op->getAttrOfType<MatmulAttr>(MoeDialect::kPlanAttr);
  if (!plan)
    return "moe.grouped_matmul has no #moe_cpu.matmul plan";
  if (std::string why = plan.getPlanError(op); !why.empty())
    return why;
  if (plan.packsInKernel()) {
    SmallVector<RankedTensorType> types(op.getNumRhs(), op.getRhsType(0));
    if (std::string why = plan.getWeightLayout().getPackError(types);
        !why.empty())
      return "moe.grouped_matmul cannot pack its weights: " + why;
  } else if (auto packed = dyn_cast<PackedType>(op.getRhs()[0].getType());
             !packed || packed.getLayout() != plan.getWeightLayout()) {
    std::string text;
    llvm::raw_string_ostream(text) << "moe.grouped_matmul needs weights packed "
                                      "as "
                                   << Attribute(plan.getWeightLayout());
    return text;
  }
  if (op.getGroups() && !op.getTiles())
    return "moe.grouped_matmul by groups needs a list of tiles";
  return {};
}

std::string moe::cpu::whyUnsupported(Operation *op) {
  return CpuUnsupported().why(op);
}
