//===- LowerVirtual.cpp - Experts without weights leave the groups --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An identity expert adds w*x to its token, a constant one w*v, a zero one
// nothing. None needs a row: what a token gets from them is a sum over its own
// slots, which the combine starts from. The other experts are numbered anew and
// grouped as if these had never been. Sums of a token start with its virtual
// experts, which is equal in real numbers.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/ConvertFloat.h"
#include "moe/passes/Passes.h"
#include "moe/passes/fuse/BuildGeneric.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWERVIRTUALPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

class VirtualLowering {
public:
  explicit VirtualLowering(ExpertOp op)
      : expert(op), builder(op), loc(op.getLoc()) {
    for (auto range : op.getVirtualExpertsAttr().getAsRange<VirtualAttr>())
      ranges.push_back(range);
    GroupsType type = op.getGroups().getType();
    firstLocal = type.getLocalFirst();
    lastLocal = firstLocal + type.getLocalCount() - 1;
  }
  LogicalResult run();

private:
  LogicalResult findNeighbours();
  Value renumberIds();
  Value startOf(CombineOp op);
  Value addIdentity(CombineOp op, Value start);
  Value addConstants(CombineOp op, Value start);
  Value weightOf(OpBuilder &inner, ValueRange weights, Type acc);
  SmallVector<LoopOperand> slotOperands(CombineOp op, bool scaled,
                                        ArrayRef<unsigned> loops);
  Value constant(OpBuilder &inner, int64_t id) {
    return arith::ConstantIntOp::create(inner, loc, id, 32);
  }
  Value within(OpBuilder &inner, Value id, int64_t first, int64_t last);
  bool has(VirtualKind kind) const {
    return llvm::any_of(
        ranges, [&](VirtualAttr range) { return range.getKind() == kind; });
  }
  OpFoldResult size(Value tensor, int64_t dim) {
    return tensor::getMixedSize(builder, loc, tensor, dim);
  }

  ExpertOp expert;
  OpBuilder builder;
  Location loc;
  SmallVector<VirtualAttr> ranges;
  int64_t firstLocal = 0, lastLocal = 0;
  GroupOp group;
  DispatchOp dispatch;
  SmallVector<CombineOp> combines;
};

} // namespace

/// Rows can be left out where they come from a dispatch and go to combines, all
/// by the expert's own groups.
LogicalResult VirtualLowering::findNeighbours() {
  group = expert.getGroups().getDefiningOp<GroupOp>();
  dispatch = expert.getRows().getDefiningOp<DispatchOp>();
  bool fits =
      group && !group.isByExpert() && dispatch &&
      dispatch.getGroups() == expert.getGroups() &&
      cast<RankedTensorType>(dispatch.getInput().getType()).getRank() == 2;
  for (OpOperand &use : expert.getResult().getUses()) {
    auto combine = dyn_cast<CombineOp>(use.getOwner());
    fits &= combine && use.getOperandNumber() == 0 &&
            combine.getGroups() == expert.getGroups() &&
            !combine.getKeepSlots();
    if (fits)
      combines.push_back(combine);
  }
  if (fits)
    return success();
  return expert.emitOpError(
      "has virtual experts whose rows cannot be left out; expects its rows "
      "from a moe.dispatch of [T, H] and its result in moe.combine that sum, "
      "all by groups that moe.group makes from tokens' slots");
}

Value VirtualLowering::within(OpBuilder &inner, Value id, int64_t first,
                              int64_t last) {
  Value above = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::sge, id,
                                      constant(inner, first));
  Value below = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::sle, id,
                                      constant(inner, last));
  return arith::AndIOp::create(inner, loc, above, below);
}

/// -1 for virtual experts; the others without them.
Value VirtualLowering::renumberIds() {
  builder.setInsertionPointAfter(group);
  Value ids = group.getIds();
  return buildGeneric(
      builder, loc, builder.getI32Type(), {size(ids, 0), size(ids, 1)}, 0,
      {{ids, {0, 1}}}, Value(),
      [&](OpBuilder &inner, ValueRange elements, Value) {
        Value id = elements[0], number = id;
        Value dropped = constant(inner, -1), zero = constant(inner, 0);
        Value none;
        for (VirtualAttr range : ranges) {
          Value behind =
              arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::sgt, id,
                                    constant(inner, range.getLast()));
          Value shift = arith::SelectOp::create(
              inner, loc, behind, constant(inner, range.getCount()), zero);
          number = arith::SubIOp::create(inner, loc, number, shift);
          Value inside = within(inner, id, range.getFirst(), range.getLast());
          none =
              none ? arith::OrIOp::create(inner, loc, none, inside).getResult()
                   : inside;
        }
        return Value(
            arith::SelectOp::create(inner, loc, none, dropped, number));
      });
}

/// The ids of a token's slots, then its weights there and, `scaled`, what
/// scaled its rows, as far as there are any.
SmallVector<LoopOperand>
VirtualLowering::slotOperands(CombineOp op, bool scaled,
                              ArrayRef<unsigned> loops) {
  SmallVector<LoopOperand> operands;
  auto add = [&](Value tensor) {
    operands.push_back({tensor, SmallVector<unsigned>(loops)});
  };
  add(group.getIds());
  if (op.getWeights())
    add(op.getWeights());
  if (scaled && dispatch.getScale())
    add(dispatch.getScale());
  return operands;
}

Value VirtualLowering::weightOf(OpBuilder &inner, ValueRange weights,
                                Type acc) {
  Value product;
  for (Value weight : weights) {
    Value factor = convertFloat(inner, loc, weight, acc);
    product =
        product ? arith::MulFOp::create(inner, loc, product, factor).getResult()
                : factor;
  }
  if (!product)
    product =
        arith::ConstantOp::create(inner, loc, inner.getFloatAttr(acc, 1.0));
  return product;
}

/// start[t, h] + x[t, h] * sum of the weights of t's identity experts.
Value VirtualLowering::addIdentity(CombineOp op, Value start) {
  Type acc = op.getAcc();
  OpFoldResult tokens = size(dispatch.getInput(), 0);
  Value weights = buildGeneric(
      builder, loc, acc, {tokens}, 1, slotOperands(op, true, {0, 1}), Value(),
      [&](OpBuilder &inner, ValueRange elements, Value before) -> Value {
        Value chosen;
        for (VirtualAttr range : ranges)
          if (range.getKind() == VirtualKind::Identity) {
            // What is elsewhere adds nothing here.
            Value inside = within(inner, elements[0],
                                  std::max(range.getFirst(), firstLocal),
                                  std::min(range.getLast(), lastLocal));
            chosen = chosen ? arith::OrIOp::create(inner, loc, chosen, inside)
                                  .getResult()
                            : inside;
          }
        Value next = arith::AddFOp::create(
            inner, loc, before, weightOf(inner, elements.drop_front(), acc));
        return arith::SelectOp::create(inner, loc, chosen, next, before);
      });
  return buildGeneric(
      builder, loc, acc, {tokens, size(dispatch.getInput(), 1)}, 0,
      {{weights, {0}}, {dispatch.getInput(), {0, 1}}, {start, {0, 1}}}, Value(),
      [&](OpBuilder &inner, ValueRange elements, Value) -> Value {
        Value x = convertFloat(inner, loc, elements[1], acc);
        // A token without such experts gets nothing of x, be it no number.
        Value zero =
            arith::ConstantOp::create(inner, loc, inner.getZeroAttr(acc));
        Value none = arith::CmpFOp::create(
            inner, loc, arith::CmpFPredicate::OEQ, elements[0], zero);
        Value sum = arith::AddFOp::create(
            inner, loc, elements[2],
            arith::MulFOp::create(inner, loc, elements[0], x));
        return arith::SelectOp::create(inner, loc, none, elements[2], sum);
      });
}

/// start[t, h] + sum over c of constants[c, h] * the weights of t's slots
/// there.
Value VirtualLowering::addConstants(CombineOp op, Value start) {
  Type acc = op.getAcc();
  SmallVector<int32_t> ids;
  for (VirtualAttr range : ranges)
    if (range.getKind() == VirtualKind::Constant)
      for (int64_t id = range.getFirst(); id <= range.getLast(); ++id)
        ids.push_back(id < firstLocal || id > lastLocal
                          ? -2 // elsewhere: nobody's id
                          : static_cast<int32_t>(id));
  Value table =
      arith::ConstantOp::create(builder, loc, builder.getI32TensorAttr(ids));
  OpFoldResult tokens = size(dispatch.getInput(), 0);
  // Loops t, c; j.
  SmallVector<LoopOperand> operands = slotOperands(op, false, {0, 2});
  operands.push_back({table, {1}});
  Value weights = buildGeneric(
      builder, loc, acc,
      {tokens, builder.getIndexAttr(static_cast<int64_t>(ids.size()))}, 1,
      operands, Value(),
      [&](OpBuilder &inner, ValueRange elements, Value before) -> Value {
        Value chosen =
            arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::eq,
                                  elements.front(), elements.back());
        Value weight = weightOf(inner, elements.drop_front().drop_back(), acc);
        Value next = arith::AddFOp::create(inner, loc, before, weight);
        return arith::SelectOp::create(inner, loc, chosen, next, before);
      });
  // Loops t, h; c.
  return buildGeneric(
      builder, loc, acc, {tokens, size(expert.getConstants(), 1)}, 1,
      {{weights, {0, 2}}, {expert.getConstants(), {2, 1}}}, start,
      [&](OpBuilder &inner, ValueRange elements, Value before) -> Value {
        Value value = convertFloat(inner, loc, elements[1], acc);
        return arith::AddFOp::create(
            inner, loc, before,
            arith::MulFOp::create(inner, loc, elements[0], value));
      });
}

/// What a token's sum starts from: its init and what virtual experts add.
Value VirtualLowering::startOf(CombineOp op) {
  if (!has(VirtualKind::Identity) && !has(VirtualKind::Constant))
    return op.getInit();
  builder.setInsertionPoint(op);
  Type acc = op.getAcc();
  Value start;
  if (op.getInit()) {
    start = buildConversion(builder, loc, op.getInit(), acc);
  } else {
    start = buildGeneric(
        builder, loc, acc,
        {size(dispatch.getInput(), 0), size(expert.getResult(), 1)}, 0, {},
        Value(), [&](OpBuilder &inner, ValueRange, Value) -> Value {
          return arith::ConstantOp::create(inner, loc, inner.getZeroAttr(acc));
        });
  }
  if (has(VirtualKind::Identity))
    start = addIdentity(op, start);
  if (has(VirtualKind::Constant))
    start = addConstants(op, start);
  return start;
}

LogicalResult VirtualLowering::run() {
  if (failed(findNeighbours()))
    return failure();
  Value ids = renumberIds();
  GroupsType type = group.getGroups().getType();
  const int64_t experts = type.getNumExperts(), first = type.getLocalFirst(),
                end = first + type.getLocalCount();
  auto real = [&](int64_t from, int64_t to) {
    return to - from - expert.countVirtual(from, to);
  };
  auto groupsType =
      GroupsType::get(builder.getContext(), real(0, experts), real(0, first),
                      real(first, end), type.getLayout());
  auto own = GroupOp::create(builder, loc, groupsType, ids);
  // A capacity counts all experts, and loses the groups that said how many.
  if (auto capacity = group.getIds().getDefiningOp<CapacityOp>())
    capacity.setExperts(experts);
  builder.setInsertionPoint(dispatch);
  auto rows = DispatchOp::create(builder, loc, dispatch.getRows().getType(),
                                 dispatch.getInput(), own, dispatch.getScale());
  for (CombineOp op : combines) {
    Value start = startOf(op);
    op.getInitMutable().clear();
    if (start)
      op.getInitMutable().assign(start);
    op.getGroupsMutable().assign(own);
  }
  expert.getRowsMutable().assign(rows);
  expert.getGroupsMutable().assign(own);
  expert.getConstantsMutable().clear();
  expert.removeVirtualExpertsAttr();
  if (dispatch.use_empty())
    dispatch.erase();
  return success();
}

namespace {
struct LowerVirtualPass : moe::impl::LowerVirtualPassBase<LowerVirtualPass> {
  void runOnOperation() override {
    SmallVector<ExpertOp> experts;
    getOperation().walk([&](ExpertOp op) {
      if (op.getVirtualExpertsAttr() && !op.getVirtualExpertsAttr().empty())
        experts.push_back(op);
    });
    for (ExpertOp op : experts)
      if (failed(VirtualLowering(op).run()))
        return signalPassFailure();
  }
};
} // namespace
