//===- KernelPartition.cpp - Which ops make a kernel ----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/KernelPartition.h"

#include "moe/dialect/MoeInterfaces.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace moe;

using Kind = KernelGroup::Kind;

bool moe::isRepeatable(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp>(op))
    return true;
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return matchPattern(fill.getInputs()[0], m_Constant()) &&
           fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>();
  return false;
}

bool moe::isScalarOp(Operation *op) {
  return op->getNumResults() > 0 && op->getNumRegions() == 0 &&
         isMemoryEffectFree(op) &&
         llvm::all_of(op->getResultTypes(),
                      [](Type type) { return type.isIntOrIndexOrFloat(); });
}

static Kind kindOf(Operation *op) {
  if (isa<ScoreOp, SelectOp, WeighOp>(op))
    return isBatchDependent(op) ? Kind::RouteExperts : Kind::Route;
  if (isa<CapacityOp, CheckIdsOp, GroupOp, TilesOp, OffsetsOp,
          GroupsFromOffsetsOp, PlacesOp, RowExpertsOp>(op))
    return Kind::Index;
  if (isa<GroupedMatmulOp>(op))
    return Kind::Matmul;
  if (isa<CombineOp>(op))
    return Kind::Combine;
  if (isa<ByTokensOp>(op))
    return Kind::ByTokens;
  if (isa<RequireOp, cf::AssertOp>(op))
    return Kind::Require;
  return Kind::Ordinary;
}

/// Sizes and everything that is prepared at bind time run in no kernel.
static bool runsNowhere(Operation *op, const WeightOnly &weights) {
  if (op->hasTrait<OpTrait::IsTerminator>() || isRepeatable(op) ||
      isScalarOp(op))
    return true;
  if (op->getNumResults() > 0 &&
      llvm::all_of(op->getResultTypes(),
                   [](Type type) { return type.isIndex(); }))
    return true;
  return op->getNumResults() > 0 && weights.contains(op->getResult(0));
}

/// An op of linalg that computes each element of its one result by itself, so
/// that it can be computed where the element is asked for; a slice; or weights
/// as numbers.
static bool isMap(Operation *op) {
  if (op->getNumResults() != 1)
    return false;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp ? linalgOp.hasPureTensorSemantics() &&
                        linalgOp.getNumReductionLoops() == 0
                  : isa<tensor::ExtractSliceOp, DequantizeOp>(op);
}

static bool isReshape(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
      op);
}

/// Whether an op brings an operand, which is weights, into panels.
static bool packs(OpOperand &operand) {
  auto matmul = dyn_cast<GroupedMatmulOp>(operand.getOwner());
  if (!matmul)
    return isa<PackOp>(operand.getOwner());
  auto plan = matmul->getAttrOfType<PlanAttrInterface>(MoeDialect::kPlanAttr);
  return plan && plan.packsInKernel() &&
         llvm::is_contained(matmul.getRhs(), operand.get());
}

/// Whether an op gives elements other places or types and computes nothing: it
/// can be repeated by each task that packs weights. So can their decoding,
/// which is for fewer bytes of memory in the first place.
static bool canRepeat(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return !linalgOp ||
         llvm::all_of(linalgOp.getBlock()->without_terminator(),
                      [](Operation &inner) {
                        return isa<CastOpInterface>(inner) ||
                               inner.hasTrait<OpTrait::ConstantLike>();
                      });
}

/// Whether an op asks for no element of an operand twice.
static bool readsOnce(Operation *op, OpOperand &operand) {
  if (packs(operand))
    return true;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.isDpsInput(&operand))
    return false;
  llvm::SmallBitVector loops(linalgOp.getNumLoops());
  for (auto [loop, range] : llvm::enumerate(linalgOp.getStaticLoopRanges()))
    loops[loop] = range == 1;
  for (AffineExpr expr :
       linalgOp.getMatchingIndexingMap(&operand).getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops.set(dim.getPosition());
    else if (!isa<AffineConstantExpr>(expr))
      return false;
  }
  return loops.all();
}

/// Where an op is computed that has no kernel of its own: in that of the op
/// which reads it, and which op of that kernel packs it, if one does.
struct Reader {
  Operation *user = nullptr, *packer = nullptr;
};

/// The reader of an op. A reshape costs nothing unless what is before it goes
/// with what follows: only weights on their way to panels, which all is about
/// reading.
static Reader reader(Operation *op) {
  if (!isMap(op) && !isReshape(op))
    return {};
  if (!op->hasOneUse())
    return {};
  OpOperand &use = *op->use_begin();
  Operation *user = use.getOwner();
  if (user->getBlock() != op->getBlock())
    return {};
  Operation *packer = packs(use) ? user : reader(user).packer;
  // Tasks of a matmul pack the same weights once a tile of rows.
  if (packer && isa<GroupedMatmulOp>(packer) && !canRepeat(op))
    return {};
  const bool joins = isReshape(op) || isReshape(user) ? packer != nullptr
                                                      : readsOnce(user, use);
  return joins ? Reader{user, packer} : Reader();
}

/// More ops than this in one kernel are code without end.
static constexpr size_t mostOpsOfKernel = 24;

SmallVector<KernelGroup> moe::partition(Block &block,
                                        const WeightOnly &weights) {
  SmallVector<KernelGroup> groups;
  llvm::DenseMap<Operation *, unsigned> groupOf;
  // The last group that an operand comes from: where the op can run earliest.
  auto earliest = [&](Operation *op) {
    int last = -1;
    for (Value operand : op->getOperands())
      if (auto it = groupOf.find(operand.getDefiningOp()); it != groupOf.end())
        last = std::max<int>(last, it->second);
    return last;
  };
  // What follows a check may rely on it, so it joins no kernel before it.
  int lastCheck = -1;
  // What runs in the kernel of a later op.
  llvm::DenseMap<Operation *, SmallVector<Operation *>> before;
  for (Operation &op : block) {
    if (runsNowhere(&op, weights))
      continue;
    if (Operation *user = reader(&op).user;
        user && before[&op].size() + before[user].size() < mostOpsOfKernel) {
      SmallVector<Operation *> ours = before[&op];
      ours.push_back(&op);
      llvm::append_range(before[user], ours);
      before.erase(&op);
      continue;
    }
    Kind kind = kindOf(&op);
    int at = earliest(&op);
    bool joins = (kind == Kind::Route || kind == Kind::Index) &&
                 at > lastCheck && groups[at].kind == kind;
    // weigh reads scores and ids; score may be absent, then they are siblings.
    if (!joins && kind == Kind::Route && isa<WeighOp>(op))
      if (auto it = groupOf.find(op.getOperand(1).getDefiningOp());
          it != groupOf.end() && groups[it->second].kind == kind &&
          static_cast<int>(it->second) >= std::max(at, lastCheck))
        joins = true, at = it->second;
    if (!joins) {
      at = groups.size();
      groups.push_back({kind, {}});
    }
    for (Operation *part : before.lookup(&op)) {
      groups[at].ops.push_back(part);
      groupOf[part] = at;
    }
    groups[at].ops.push_back(&op);
    groupOf[&op] = at;
    if (kind == Kind::Require)
      lastCheck = at;
  }
  return groups;
}
