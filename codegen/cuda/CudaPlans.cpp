//===- CudaPlans.cpp - Which plan an op gets ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The main loop follows from the types, the alignment and the architecture;
// the tile from how many rows an expert can get. Every choice can be read and
// replaced in the IR.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/CudaKernels.h"
#include "moe/codegen/cuda/KernelText.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

/// The main loop of an op, and why.
static std::pair<MainLoop, StringRef> chooseLoop(GroupedMatmulOp op,
                                                 const CudaArch &arch) {
  if (!bothBf16(op))
    return {MainLoop::Fma, "full precision, which tensor cores do not have"};
  if (!arch.hasWgmma)
    return {MainLoop::Sm80Mma, "rows and weights are bf16"};
  if (!isAligned(op))
    return {
        MainLoop::Sm80Mma,
        "rows of the left side are no whole 16 bytes, as tensor copies want"};
  return {MainLoop::Sm90Wgmma, "rows and weights are bf16, on 16 bytes"};
}

/// The largest number of stages that a block can hold, of those that are of
/// use.
static MatmulAttr fit(GroupedMatmulOp op, MainLoop loop, int64_t tileM,
                      int64_t tileN, int64_t tileK, int64_t stages,
                      int64_t sharedBytes) {
  const int64_t fewest = loop == MainLoop::Sm90Wgmma ? 3 : 2;
  for (;; --stages) {
    auto plan =
        MatmulAttr::get(op.getContext(), loop, tileM, tileN, tileK, stages);
    if (stages == fewest || MatmulShape(op, plan).smem <= sharedBytes)
      return plan;
  }
}

PlanChoice cuda::TargetAttr::choosePlan(Operation *op, int64_t minTokens,
                                        int64_t maxTokens) const {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul)
    return {};
  auto [loop, why] = chooseLoop(matmul, getArch());
  const int64_t sides = matmul.getNumRhs();
  MatmulAttr plan;
  switch (loop) {
  case MainLoop::Fma:
    plan = fit(matmul, loop, 32, 64, 16, 3, getSharedBytes());
    break;
  case MainLoop::Sm80Mma:
    plan =
        fit(matmul, loop, 64, sides == 2 ? 64 : 128, 64, 3, getSharedBytes());
    break;
  case MainLoop::Sm90Wgmma:
    plan =
        fit(matmul, loop, 128, sides == 2 ? 64 : 128, 64, 5, getSharedBytes());
    break;
  }
  MatmulShape shape(matmul, plan);

  // Figures for readers: how much work a byte of weights is worth when a tile
  // is full, and what a tile takes.
  const double flops = 2.0 * shape.depth * shape.columns * sides;
  SmallVector<RankedTensorType> tensors(sides, matmul.getRhsType(0));
  Builder b(getContext());
  DictionaryAttr figures = b.getDictionaryAttr({
      b.getNamedAttr("expert_bytes",
                     b.getI64IntegerAttr(
                         plan.getWeightLayout().getBytesPerExpert(tensors))),
      b.getNamedAttr("flops_per_row",
                     b.getI64IntegerAttr(static_cast<int64_t>(flops))),
      b.getNamedAttr("shared_bytes", b.getI64IntegerAttr(shape.smem)),
      b.getNamedAttr("threads", b.getI64IntegerAttr(shape.threads)),
  });
  std::string chosen = llvm::formatv(
      "{0}, tiles of {1}x{2}, {3} stages of {4}", stringifyMainLoop(loop),
      plan.getTileM(), plan.getTileN(), plan.getStages(), plan.getTileK());
  std::string second =
      loop == MainLoop::Fma ? "none" : "fma, which reads the same weights";
  return {plan, DecisionAttr::get(getContext(), planSubject(matmul), chosen,
                                  why, second, figures)};
}

/// None: a block finds its tile on the device, and tiles that are not full cost
/// no memory traffic.
SmallVector<int64_t> cuda::TargetAttr::getTokenBuckets(Operation *) const {
  return {};
}

KernelShape cuda::TargetAttr::getKernelShape(Operation *kernel) const {
  return shapeOf(cast<exec::KernelOp>(kernel));
}

std::string cuda::TargetAttr::getUnsupported(Operation *op) const {
  return whyUnsupported(op, *this);
}
