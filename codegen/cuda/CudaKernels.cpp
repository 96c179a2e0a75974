//===- CudaKernels.cpp - Tasks and blocks of CUDA kernels -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/CudaKernels.h"

#include "moe/codegen/cuda/PrintScalar.h"
#include "moe/codegen/cuda/device/sizes.cuh"
#include "moe/codegen/leaf/RouteRows.h"
#include "moe/codegen/leaf/Unsupported.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

ElementGrid moe::cuda::elementGrid(exec::KernelOp kernel) {
  leaf::ElementTasks tasks = leaf::elementTasks(kernel);
  ElementGrid grid{tasks.dims, /*runs=*/true, tasks.count};
  for (Type type : kernel.getResultTypes())
    grid.runs &= cast<RankedTensorType>(type).getRank() == tasks.dims;
  return grid;
}

KernelShape moe::cuda::shapeOf(exec::KernelOp kernel) {
  AffineExpr tasks = getAffineConstantExpr(1, kernel.getContext());
  switch (classOf(kernel)) {
  case KernelClass::Elements: {
    ElementGrid grid = elementGrid(kernel);
    tasks = grid.runs ? grid.count.ceilDiv(elementThreads) : grid.count;
    break;
  }
  case KernelClass::Matmul: {
    auto op = onlyOp<GroupedMatmulOp>(kernel);
    MatmulShape matmul(op);
    AffineExpr rows = leaf::rowsOf(kernel);
    const int64_t tile = matmul.plan.getTileM();
    // Every group may have one tile that is not full.
    AffineExpr tiles = op.getGroups() ? rows.floorDiv(tile) + matmul.groups
                                      : rows.ceilDiv(tile);
    tasks = tiles * std::max<int64_t>(matmul.columnTiles(), 1);
    break;
  }
  case KernelClass::Route:
    tasks = leaf::rowsOf(kernel).ceilDiv(routeTokens);
    break;
  case KernelClass::Index:
  case KernelClass::Loops: // refused
    break;
  case KernelClass::Combine: {
    auto type = cast<RankedTensorType>(kernel.getResultTypes()[0]);
    tasks = leaf::combineTokens(kernel) *
            std::max<int64_t>(
                llvm::divideCeil(type.getShape().back(), combineColumns), 1);
    break;
  }
  case KernelClass::Pack: {
    RankedTensorType type =
        onlyOp<PackOp>(kernel).getPacked().getType().getTensors().front();
    const int64_t rank = type.getRank();
    const int64_t experts = rank == 3 ? type.getDimSize(0) : 1;
    const int64_t columns = sizes::packedColumns(type.getDimSize(rank - 2));
    tasks =
        tasks * std::max<int64_t>(experts * columns / sizes::packedGroup, 1);
    break;
  }
  }
  KernelShape shape;
  shape.tasks = AffineMap::get(kernel.getNumDims(), 0, tasks);
  return shape;
}

LaunchAttr moe::cuda::launchOf(exec::KernelOp kernel, cuda::TargetAttr target) {
  int64_t block = elementThreads, smem = 0;
  bool persistent = false;
  switch (classOf(kernel)) {
  case KernelClass::Elements:
  case KernelClass::Combine:
  case KernelClass::Pack:
    break;
  case KernelClass::Matmul: {
    MatmulShape matmul(onlyOp<GroupedMatmulOp>(kernel));
    block = matmul.threads;
    smem = matmul.smem;
    persistent = matmul.persistent;
    break;
  }
  case KernelClass::Route:
    block = 32 * routeTokens;
    smem = routeTokens * RouteRows(kernel, routeAlignment).bytes;
    break;
  case KernelClass::Index: {
    IndexShape index(kernel, target.getSharedBytes());
    block = 32 * index.warps;
    smem = index.sharedBytes();
    break;
  }
  }
  return LaunchAttr::get(kernel.getContext(), block, smem, persistent);
}

IndexShape::IndexShape(exec::KernelOp kernel, int64_t sharedBytesOfBlock) {
  for (Operation &op : kernel.getBody().front()) {
    if (isa<GroupOp, GroupsFromOffsetsOp>(op))
      experts = std::max(
          experts, cast<GroupsType>(op.getResult(0).getType()).getNumExperts());
    if (auto capacity = dyn_cast<CapacityOp>(op))
      experts = std::max(experts, leaf::expertsOf(capacity));
  }
  // As many warps as have a counter an expert.
  for (warps = indexWarps; warps > 1; warps /= 2)
    if (sharedBytes() <= sharedBytesOfBlock)
      break;
}

int64_t IndexShape::sharedBytes() const {
  return llvm::alignTo(4 * std::max(experts * (warps + 1), warps), 16);
}

//===----------------------------------------------------------------------===//
// What cannot be emitted
//===----------------------------------------------------------------------===//

static std::string whyShared(cuda::TargetAttr target, StringRef what,
                             int64_t bytes) {
  std::string text;
  if (bytes > target.getSharedBytes())
    llvm::raw_string_ostream(text)
        << what << " takes " << bytes << " bytes of shared memory, a block of "
        << target.getTargetName() << " has " << target.getSharedBytes();
  return text;
}

namespace {
class CudaUnsupported final : public leaf::Unsupported {
public:
  explicit CudaUnsupported(cuda::TargetAttr target)
      : Unsupported("CUDA"), target(target) {}

private:
  std::string whyPack(PackOp op) const override {
    return isa<RowsAttr>(op.getPacked().getType().getLayout())
               ? ""
               : "a layout other than #moe_cuda.rows" + none;
  }
  std::string whyIndex(exec::KernelOp kernel) const override;
  std::string whyPlanned(GroupedMatmulOp op) const override;
  std::string whyHere(Operation *op) const override;

  cuda::TargetAttr target;
};
} // namespace

std::string CudaUnsupported::whyIndex(exec::KernelOp kernel) const {
  if (std::string why = leaf::whyIndexUnsupported(kernel); !why.empty())
    return why;
  if (!kernel.getBody().getOps<TilesOp>().empty())
    return "moe.tiles" + none + "; blocks find their tiles by the offsets";
  Block &body = kernel.getBody().front();
  for (auto op : body.getOps<RowExpertsOp>())
    if (!isa<BlockArgument>(op.getGroups()) &&
        !llvm::is_contained(body.getTerminator()->getOperands(),
                            op.getGroups()))
      return "moe.row_experts of groups that nothing else reads" + none;
  return whyShared(target, "sorting by expert",
                   IndexShape(kernel, target.getSharedBytes()).sharedBytes());
}

std::string CudaUnsupported::whyPlanned(GroupedMatmulOp op) const {
  auto plan = op->getAttrOfType<MatmulAttr>(MoeDialect::kPlanAttr);
  if (!plan)
    return "moe.grouped_matmul has no #moe_cuda.matmul plan";
  if (std::string why = plan.getPlanError(op); !why.empty())
    return why;
  auto packed = dyn_cast<PackedType>(op.getRhs()[0].getType());
  if (packed && packed.getLayout() == plan.getWeightLayout())
    return {};
  std::string text;
  llvm::raw_string_ostream(text) << "moe.grouped_matmul needs weights packed "
                                    "as "
                                 << Attribute(plan.getWeightLayout());
  return text;
}

/// Scalar ops that have no spelling in CUDA C++, wherever they are.
std::string CudaUnsupported::whyHere(Operation *op) const {
  std::string why = whyUnprintable(op);
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inner) {
      if (why.empty())
        why = whyUnprintable(inner);
    });
  return why;
}

std::string moe::cuda::whyUnsupported(Operation *op, cuda::TargetAttr target) {
  std::string why = CudaUnsupported(target).why(op);
  auto kernel = dyn_cast<exec::KernelOp>(op);
  if (!why.empty() || !kernel || classOf(kernel) != KernelClass::Route)
    return why;
  return whyShared(target, "routing four tokens",
                   launchOf(kernel, target).getSmem());
}
