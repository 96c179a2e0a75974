//===- GroupOps.cpp - group, offsets, dispatch, combine -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of ragged groups are sized by their bound T*K. Where T and K are known
// the verifiers hold the row count to it; nothing here depends on how many rows
// there really are.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/ShapeRules.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace moe;

/// The ids behind groups made from slots; null for groups from offsets, a
/// block argument, or anything else.
static Value idsOf(Value groups) {
  auto group = groups.getDefiningOp<GroupOp>();
  return group ? group.getIds() : Value();
}

static LogicalResult verifyFromSlots(Operation *op, Value groups) {
  if (groups.getDefiningOp<GroupsFromOffsetsOp>())
    return op->emitOpError("expects groups made from slots by moe.group; "
                           "groups from offsets have no map to tokens");
  return success();
}

int64_t moe::getRowBound(Value groups) {
  Value ids = idsOf(groups);
  int64_t rows = 0;
  if (!ids || !tensorOf(ids).hasStaticShape() ||
      llvm::MulOverflow(tensorOf(ids).getDimSize(0),
                        tensorOf(ids).getDimSize(1), rows))
    return kAny;
  return rows;
}

/// Rows of groups are as many as their bound says.
static LogicalResult verifyRowCount(Operation *op, RankedTensorType rows,
                                    Value groups) {
  int64_t bound = getRowBound(groups);
  if (!sizeFits(rows.getDimSize(0), bound))
    return op->emitOpError()
           << "expects " << bound << " rows, the bound T*K of the groups, got "
           << rows;
  return success();
}

LogicalResult GroupOp::verify() {
  // group_c1
  RankedTensorType ids = tensorOf(getIds());
  if (ids.getRank() != 2 || ids.isDynamicDim(1) || !isI32Tensor(ids))
    return emitOpError() << "expects ids [T, K] of i32 with a static K, got "
                         << ids;
  return success();
}

static LogicalResult verifyStatus(Operation *op, RankedTensorType status) {
  if (!shapeFits(status, {1}) || !status.getElementType().isSignlessInteger(64))
    return op->emitOpError() << "expects a status [1] of i64, got " << status;
  return success();
}

LogicalResult CheckIdsOp::verify() {
  // check_ids_c1
  RankedTensorType ids = tensorOf(getIds());
  if (ids.getRank() != 2 || ids.isDynamicDim(1) || !isI32Tensor(ids))
    return emitOpError() << "expects ids [T, K] of i32 with a static K, got "
                         << ids;
  // check_ids_c2
  if (int64_t experts = getExpertsAttr().getInt(); experts < 1)
    return emitOpError() << "expects experts >= 1, got " << experts;
  return verifyStatus(*this, tensorOf(getStatus()));
}

LogicalResult RequireOp::verify() {
  return verifyStatus(*this, tensorOf(getStatus())); // require_c1
}

LogicalResult GroupsFromOffsetsOp::verify() {
  // groups_from_offsets_c1
  int64_t experts = getGroups().getType().getNumExperts();
  RankedTensorType offsets = tensorOf(getOffsets());
  if (!shapeFits(offsets, {experts + 1}) || !isI32Tensor(offsets))
    return emitOpError() << "expects offsets [" << experts + 1
                         << "] of i32 for " << experts << " experts, got "
                         << offsets;
  return success();
}

LogicalResult OffsetsOp::verify() {
  // offsets_c1
  int64_t experts = getGroups().getType().getNumExperts();
  RankedTensorType offsets = tensorOf(getOffsets());
  if (!shapeFits(offsets, {experts + 1}) || !isI32Tensor(offsets))
    return emitOpError() << "expects a result [" << experts + 1
                         << "] of i32 for " << experts << " experts, got "
                         << offsets;
  return success();
}

OpFoldResult OffsetsOp::fold(FoldAdaptor) {
  if (auto source = getGroups().getDefiningOp<GroupsFromOffsetsOp>())
    if (source.getOffsets().getType() == getOffsets().getType())
      return source.getOffsets();
  return {};
}

LogicalResult DispatchOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  RankedTensorType rows = tensorOf(getRows());
  // dispatch_c1
  if (input.getRank() != 2 || rows.getRank() != 2 ||
      input.getElementType() != rows.getElementType() ||
      !sizeFits(input.getDimSize(1), rows.getDimSize(1)))
    return emitOpError() << "expects rows [N, H] of the input's width and "
                            "element type, got input "
                         << input << " and rows " << rows;
  // dispatch_c2
  if (failed(verifyFromSlots(*this, getGroups())))
    return failure();
  if (failed(verifyRowCount(*this, rows, getGroups())))
    return failure();
  Value ids = idsOf(getGroups());
  if (ids && !sizeFits(input.getDimSize(0), tensorOf(ids).getDimSize(0)))
    return emitOpError() << "expects one input row a token of the groups, got "
                         << input << " and ids " << ids.getType();
  // dispatch_c3
  if (Value scale = getScale()) {
    RankedTensorType type = tensorOf(scale);
    bool fits = type.getRank() == 2 &&
                (!ids || shapeFits(type, tensorOf(ids).getShape()));
    if (!fits || !isFloatTensor(type))
      return emitOpError() << "expects scale [T, K] of a float type, got "
                           << type;
  }
  return success();
}

LogicalResult CombineOp::verify() {
  RankedTensorType rows = tensorOf(getRows());
  RankedTensorType result = tensorOf(getResult());
  // combine_c1
  if (rows.getRank() != 2 || result.getRank() != 2 || !isFloatTensor(rows) ||
      !isFloatTensor(result) ||
      !sizeFits(rows.getDimSize(1), result.getDimSize(1)))
    return emitOpError()
           << "expects rows [N, H] and a result [T, H] of float types, got "
           << rows << " and " << result;
  // combine_c2
  if (failed(verifyFromSlots(*this, getGroups())))
    return failure();
  if (failed(verifyRowCount(*this, rows, getGroups())))
    return failure();
  Value ids = idsOf(getGroups());
  if (ids && !sizeFits(result.getDimSize(0), tensorOf(ids).getDimSize(0)))
    return emitOpError() << "expects one result row a token of the groups, got "
                         << result << " and ids " << ids.getType();
  int64_t tokens = result.getDimSize(0);
  int64_t topK = ids ? tensorOf(ids).getDimSize(1) : kAny;
  if (Value weights = getWeights()) {
    RankedTensorType type = tensorOf(weights);
    if (!shapeFits(type, {tokens, topK}) || !isFloatTensor(type))
      return emitOpError() << "expects weights [T, K] of a float type, got "
                           << type;
  }
  if (Value init = getInit()) {
    RankedTensorType type = tensorOf(init);
    if (!shapeFits(type, result.getShape()) || !isFloatTensor(type))
      return emitOpError() << "expects init of a float type in the shape of "
                              "the result, got "
                           << type << " for " << result;
  }
  // combine_c3
  if (!isa<FloatType>(getAcc()))
    return emitOpError() << "expects a float type as acc, got " << getAcc();
  return success();
}
