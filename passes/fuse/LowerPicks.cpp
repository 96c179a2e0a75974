//===- LowerPicks.cpp - Expert choice as rows of known places -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An expert that picks C tokens has C rows, whose places are known before any
// id is: row e*C + c. So nothing is sorted. What is data is who picked a token,
// which moe.places says; a combine walks the experts in order and adds the rows
// that it finds, without atomics and in one order.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/ConvertFloat.h"
#include "moe/passes/Passes.h"
#include "moe/passes/fuse/BuildGeneric.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWERPICKSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

/// Lowers the users of one groups value of axis expert.
class PickLowering {
public:
  explicit PickLowering(GroupOp op)
      : group(op), builder(op), loc(op.getLoc()),
        experts(cast<RankedTensorType>(op.getIds().getType()).getDimSize(0)),
        picks(cast<RankedTensorType>(op.getIds().getType()).getDimSize(1)) {}
  LogicalResult run();

private:
  void lower(DispatchOp op);
  void lower(CombineOp op);
  /// Element i of [E, C], by its flat index.
  Value extractFlat(OpBuilder &inner, Value tensor, Value index);
  Value index(OpBuilder &inner, int64_t value) {
    return arith::ConstantIndexOp::create(inner, loc, value);
  }

  GroupOp group;
  OpBuilder builder;
  Location loc;
  int64_t experts, picks;
  Value places;
};

} // namespace

Value PickLowering::extractFlat(OpBuilder &inner, Value tensor, Value at) {
  Value columns = index(inner, picks);
  Value expert = arith::DivUIOp::create(inner, loc, at, columns);
  Value pick = arith::RemUIOp::create(inner, loc, at, columns);
  return tensor::ExtractOp::create(inner, loc, tensor,
                                   ValueRange{expert, pick});
}

/// Row e*C + c is the token's row. A pick that is none gets some row, which
/// nobody adds.
void PickLowering::lower(DispatchOp op) {
  builder.setInsertionPoint(op);
  auto type = cast<RankedTensorType>(op.getRows().getType());
  Type element = type.getElementType();
  Value rows = buildGeneric(
      builder, loc, element,
      {builder.getIndexAttr(experts * picks),
       tensor::getMixedSize(builder, loc, op.getInput(), 1)},
      0, {}, Value(), [&](OpBuilder &inner, ValueRange, Value) -> Value {
        Value row = linalg::IndexOp::create(inner, loc, 0);
        Value column = linalg::IndexOp::create(inner, loc, 1);
        Value id = extractFlat(inner, group.getIds(), row);
        Value zero = arith::ConstantIntOp::create(inner, loc, 0, 32);
        id = arith::MaxSIOp::create(inner, loc, id, zero);
        Value token =
            arith::IndexCastOp::create(inner, loc, inner.getIndexType(), id);
        Value x = tensor::ExtractOp::create(inner, loc, op.getInput(),
                                            ValueRange{token, column});
        if (!op.getScale())
          return x;
        Value scale = extractFlat(inner, op.getScale(), row);
        Type product = inner.getF32Type();
        if (element.isF64() || scale.getType().isF64())
          product = inner.getF64Type();
        Value scaled = arith::MulFOp::create(
            inner, loc, convertFloat(inner, loc, x, product),
            convertFloat(inner, loc, scale, product));
        return convertFloat(inner, loc, scaled, element);
      });
  if (rows.getType() != type)
    rows = tensor::CastOp::create(builder, loc, type, rows);
  op.getRows().replaceAllUsesWith(rows);
  op.erase();
}

void PickLowering::lower(CombineOp op) {
  builder.setInsertionPoint(op);
  if (!places) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(group);
    places =
        PlacesOp::create(builder, loc,
                         RankedTensorType::get({ShapedType::kDynamic, experts},
                                               builder.getI32Type()),
                         group.getIds(), group.getTokens());
  }
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Type acc = op.getAcc();
  OpFoldResult width = tensor::getMixedSize(builder, loc, op.getRows(), 1);
  SmallVector<OpFoldResult> sizes = {group.getTokens(), width};
  Value init;
  if (op.getInit())
    init = buildConversion(builder, loc, op.getInit(), acc);
  // Loops t, h; e.
  Value sum = buildGeneric(
      builder, loc, acc, sizes, 1, {{places, {0, 2}}}, init,
      [&](OpBuilder &inner, ValueRange elements, Value before) -> Value {
        Value expert = linalg::IndexOp::create(inner, loc, 2);
        Value column = linalg::IndexOp::create(inner, loc, 1);
        Value zero = arith::ConstantIntOp::create(inner, loc, 0, 32);
        Value picked = arith::CmpIOp::create(
            inner, loc, arith::CmpIPredicate::sge, elements[0], zero);
        Value place = arith::MaxSIOp::create(inner, loc, elements[0], zero);
        place =
            arith::IndexCastOp::create(inner, loc, inner.getIndexType(), place);
        Value row = arith::AddIOp::create(
            inner, loc,
            arith::MulIOp::create(inner, loc, expert, index(inner, picks)),
            place);
        Value x = tensor::ExtractOp::create(inner, loc, op.getRows(),
                                            ValueRange{row, column});
        Type product = acc;
        if (op.getWeights()) {
          Value weight = tensor::ExtractOp::create(inner, loc, op.getWeights(),
                                                   ValueRange{expert, place});
          if (product.getIntOrFloatBitWidth() < 32)
            product = inner.getF32Type();
          x = arith::MulFOp::create(inner, loc,
                                    convertFloat(inner, loc, weight, product),
                                    convertFloat(inner, loc, x, product));
        }
        Value next = arith::AddFOp::create(inner, loc, before,
                                           convertFloat(inner, loc, x, acc));
        // Rows of picks that are none hold anything.
        return arith::SelectOp::create(inner, loc, picked, next, before);
      });
  Value result = buildConversion(builder, loc, sum, type.getElementType());
  if (result.getType() != type)
    result = tensor::CastOp::create(builder, loc, type, result);
  op.getResult().replaceAllUsesWith(result);
  op.erase();
}

LogicalResult PickLowering::run() {
  if (picks > std::numeric_limits<int32_t>::max() / experts)
    return group.emitOpError() << "expects fewer than 2^31 rows, got "
                               << experts << " experts of " << picks;
  for (Operation *user :
       llvm::make_early_inc_range(group.getGroups().getUsers())) {
    if (auto dispatch = dyn_cast<DispatchOp>(user))
      lower(dispatch);
    else if (auto combine = dyn_cast<CombineOp>(user))
      lower(combine);
    else if (isa<OffsetsOp>(user))
      return user->emitOpError("observes where the rows of axis expert lie, "
                               "which the compiler is free to choose; expects "
                               "groups of tokens' slots");
  }
  if (!group.getGroups().use_empty()) {
    builder.setInsertionPoint(group);
    SmallVector<int32_t> offsets;
    for (int64_t e = 0; e <= experts; ++e)
      offsets.push_back(static_cast<int32_t>(e * picks));
    Value constant = arith::ConstantOp::create(
        builder, loc, builder.getI32TensorAttr(offsets));
    Value given = GroupsFromOffsetsOp::create(
        builder, loc, group.getGroups().getType(), constant);
    group.getGroups().replaceAllUsesWith(given);
  }
  group.erase();
  return success();
}

namespace {
struct LowerPicksPass : moe::impl::LowerPicksPassBase<LowerPicksPass> {
  void runOnOperation() override {
    SmallVector<GroupOp> groups;
    getOperation().walk([&](GroupOp op) {
      if (op.isByExpert())
        groups.push_back(op);
    });
    for (GroupOp op : groups)
      if (failed(PickLowering(op).run()))
        return signalPassFailure();
  }
};
} // namespace
