//===- FuseEpilogue.cpp - Compute what follows in the epilogue ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A consumer (an activation or an elementwise op) and the matmuls that feed it
// become one matmul. What the consumer reads besides is an epilogue operand.
// The result is the same bit for bit, so there is nothing to weigh: the pass
// fuses wherever the intermediate has no other reader.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/ConvertFloat.h"
#include "moe/dialect/EmitExpr.h"
#include "moe/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_FUSEEPILOGUEPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

/// What the fused matmul is made of.
struct Fusion {
  Operation *consumer;
  /// Matmuls that become part of it, in operand order, at most two.
  SmallVector<GroupedMatmulOp> producers;
};

} // namespace

static bool isConsumer(Operation *op) {
  if (op->getNumResults() != 1 || op->getParentOfType<GroupedMatmulOp>() ||
      op->getParentOfType<ExpertOp>())
    return false;
  // A grouped_matmul makes floats, so a comparison stays what it is.
  auto result = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!result || !isa<FloatType>(result.getElementType()))
    return false;
  if (isa<ActivateOp>(op))
    return true;
  return isa_and_present<arith::ArithDialect, math::MathDialect>(
             op->getDialect()) &&
         OpTrait::hasElementwiseMappableTraits(op) && op->getNumRegions() == 0;
}

/// Two matmuls that can share a pass over the rows.
static bool canShare(GroupedMatmulOp a, GroupedMatmulOp b) {
  return a.getLhs() == b.getLhs() && a.getGather() == b.getGather() &&
         a.getGroups() == b.getGroups() && a.getTiles() == b.getTiles() &&
         a.getAcc() == b.getAcc() && a.getRhsType(0) == b.getRhsType(0) &&
         a.getNumRhs() + b.getNumRhs() <= 2;
}

/// A product that something else reads too has to be made anyway.
static void remarkOtherUsers(GroupedMatmulOp matmul, Operation *consumer) {
  llvm::SetVector<StringRef> names;
  for (Operation *user : matmul->getUsers())
    if (user != consumer)
      names.insert(user->getName().getStringRef());
  remark::missed(consumer->getLoc(),
                 remark::RemarkOpts::name("product-has-other-users")
                     .category("moe-fuse-epilogue"))
      << consumer->getName().getStringRef().str() +
             " is not fused: the product it reads is also used by " +
             llvm::join(names, ", ");
}

/// The matmuls that the consumer can absorb; empty if there are none.
static Fusion findFusion(Operation *consumer) {
  Fusion fusion{consumer, {}};
  auto result = cast<RankedTensorType>(consumer->getResult(0).getType());
  for (Value operand : consumer->getOperands()) {
    auto matmul = operand.getDefiningOp<GroupedMatmulOp>();
    if (!matmul || llvm::is_contained(fusion.producers, matmul))
      continue;
    if (matmul->hasAttr(MoeDialect::kPlanAttr) ||
        matmul->getBlock() != consumer->getBlock())
      continue;
    // Every use must be this consumer, or the product would be made twice.
    bool ours = llvm::all_of(operand.getUsers(),
                             [&](Operation *user) { return user == consumer; });
    if (!ours)
      remarkOtherUsers(matmul, consumer);
    else if (fusion.producers.empty() ||
             (fusion.producers.size() == 1 &&
              canShare(fusion.producers.front(), matmul)))
      fusion.producers.push_back(matmul);
  }
  // What is not absorbed must be indexable as [rows, N].
  for (Value operand : consumer->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || type.getShape() != result.getShape())
      return Fusion{consumer, {}};
  }
  return fusion;
}

/// Emits the consumer on scalars.
static Value emitConsumer(OpBuilder &builder, Operation *consumer,
                          ValueRange scalars) {
  Location loc = consumer->getLoc();
  Type element = getElementTypeOrSelf(consumer->getResult(0).getType());
  if (auto activate = dyn_cast<ActivateOp>(consumer)) {
    SmallVector<Value> inputs;
    for (Value scalar : scalars)
      inputs.push_back(
          convertFloat(builder, loc, scalar, builder.getF32Type()));
    const auto &row = semantics::lookup(activate.getKind().getValue());
    Value value =
        emitExpr(builder, loc, row.formula, inputs, activate.getParams());
    return convertFloat(builder, loc, value, element);
  }
  OperationState state(loc, consumer->getName(), scalars, element, {});
  state.addAttributes(
      SmallVector<NamedAttribute>(consumer->getDiscardableAttrs()));
  state.propertiesAttr = consumer->getPropertiesAsAttribute();
  return builder.create(state)->getResult(0);
}

/// The one value of a constant tensor; null for any other value.
static TypedAttr splatOf(Value value) {
  DenseElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant)) && constant.isSplat())
    return constant.getSplatValue<TypedAttr>();
  return {};
}

static void fuse(Fusion fusion) {
  Operation *consumer = fusion.consumer;
  OpBuilder builder(consumer);
  Location loc = builder.getFusedLoc(
      {fusion.producers.front().getLoc(), consumer->getLoc()});
  GroupedMatmulOp first = fusion.producers.front();

  // Operands: every producer's right-hand sides and epilogue operands, then
  // what else the consumer reads.
  SmallVector<Value> rhs, operands;
  SmallVector<int32_t> index;
  for (GroupedMatmulOp producer : fusion.producers) {
    llvm::append_range(rhs, producer.getRhs());
    llvm::append_range(operands, producer.getEpilogueOperands());
    llvm::append_range(index, producer.getEpilogueIndex());
  }
  SmallVector<Value> extra;
  for (Value operand : consumer->getOperands()) {
    bool absorbed = llvm::is_contained(
        fusion.producers, operand.getDefiningOp<GroupedMatmulOp>());
    if (!absorbed && !splatOf(operand) && !llvm::is_contained(extra, operand))
      extra.push_back(operand);
  }
  llvm::append_range(operands, extra);
  index.append(extra.size(), static_cast<int32_t>(EpilogueIndex::Elements));

  auto fused = GroupedMatmulOp::create(
      builder, loc, consumer->getResult(0).getType(), first.getLhs(), rhs,
      first.getGroups(), first.getGather(), first.getAcc());
  fused.getEpilogueOperandsMutable().assign(operands);
  fused.setEpilogueIndex(index);
  if (first.getTiles())
    fused.getTilesMutable().assign(first.getTiles());

  // The epilogue: the producers' one after another, then the consumer.
  Block &block = fused.getEpilogue().front();
  block.clear();
  for (Value operand : operands)
    block.addArgument(getElementTypeOrSelf(operand.getType()), loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&block);
  DenseMap<Value, Value> scalarOf;
  unsigned nextRhs = 0, nextOperand = rhs.size();
  for (GroupedMatmulOp producer : fusion.producers) {
    Block &from = producer.getEpilogue().front();
    IRMapping mapping;
    for (unsigned i = 0; i < producer.getNumRhs(); ++i)
      mapping.map(from.getArgument(i), block.getArgument(nextRhs++));
    for (BlockArgument argument :
         from.getArguments().drop_front(producer.getNumRhs()))
      mapping.map(argument, block.getArgument(nextOperand++));
    for (Operation &op : from.without_terminator())
      inner.clone(op, mapping);
    scalarOf[producer.getResult()] =
        mapping.lookupOrDefault(from.getTerminator()->getOperand(0));
  }
  for (Value operand : extra)
    scalarOf[operand] = block.getArgument(nextOperand++);
  SmallVector<Value> scalars;
  for (Value operand : consumer->getOperands()) {
    if (!scalarOf.contains(operand))
      scalarOf[operand] =
          arith::ConstantOp::create(inner, loc, splatOf(operand));
    scalars.push_back(scalarOf[operand]);
  }
  YieldOp::create(inner, loc, emitConsumer(inner, consumer, scalars));

  consumer->getResult(0).replaceAllUsesWith(fused.getResult());
  consumer->erase();
  for (GroupedMatmulOp producer : fusion.producers)
    producer.erase();
}

namespace {
struct FuseEpiloguePass : moe::impl::FuseEpiloguePassBase<FuseEpiloguePass> {
  void runOnOperation() override {
    if (isDisabled(getOperation(), getArgument()))
      return;
    // Producers come before consumers, so one walk in order sees every chain.
    SmallVector<Operation *> consumers;
    getOperation().walk([&](Operation *op) {
      if (isConsumer(op))
        consumers.push_back(op);
    });
    for (Operation *consumer : consumers) {
      Fusion fusion = findFusion(consumer);
      if (fusion.producers.empty())
        continue;
      const bool pair = fusion.producers.size() == 2 ||
                        fusion.producers.front().getNumRhs() == 2;
      remark::passed(
          consumer->getLoc(),
          remark::RemarkOpts::name("in-epilogue").category("moe-fuse-epilogue"))
          << consumer->getName().getStringRef().str() +
                 " is computed in the epilogue of a grouped matmul" +
                 (pair ? " that makes two products in one pass over its rows"
                       : "");
      fuse(fusion);
    }
  }
};
} // namespace
