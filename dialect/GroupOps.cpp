//===- GroupOps.cpp - group, offsets, dispatch, combine -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of groups are sized by their layout's bound. Where that is known the
// verifiers hold the row count to it; nothing here depends on how many rows
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

static bool isByExpert(Value groups) {
  auto group = groups.getDefiningOp<GroupOp>();
  return group && group.isByExpert();
}

int64_t moe::getRowBound(Value groups) {
  Value ids = idsOf(groups);
  if (!ids)
    return kAny;
  auto type = cast<GroupsType>(groups.getType());
  int64_t tokens = tensorOf(ids).getDimSize(0);
  // Padded rows are as many for any number of tokens.
  if (ShapedType::isDynamic(tokens)) {
    if (type.getLayout().kind != plan::Layout::Kind::Padded)
      return kAny;
    tokens = 0;
  }
  return plan::rowBound(type.getLayout(), tokens, tensorOf(ids).getDimSize(1),
                        type.getNumExperts())
      .value_or(kAny);
}

/// Rows of groups are as many as their bound says.
static LogicalResult verifyRowCount(Operation *op, RankedTensorType rows,
                                    Value groups) {
  int64_t bound = getRowBound(groups);
  if (sizeFits(rows.getDimSize(0), bound))
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "expects " << bound << " rows, the bound ";
  switch (cast<GroupsType>(groups.getType()).getLayout().kind) {
  case plan::Layout::Kind::Ragged:
    diag << (isByExpert(groups) ? "E*C" : "T*K");
    break;
  case plan::Layout::Kind::Aligned:
    diag << "T*K + E*(n-1), up to a multiple of n,";
    break;
  case plan::Layout::Kind::Padded:
    diag << "E*C";
    break;
  case plan::Layout::Kind::Dense:
    diag << "E*T";
    break;
  }
  return diag << " of the groups, got " << rows;
}

LogicalResult GroupOp::verify() {
  // group_c1
  RankedTensorType ids = tensorOf(getIds());
  if (ids.getRank() != 2 || ids.isDynamicDim(1) || !isI32Tensor(ids))
    return emitOpError() << "expects ids [T, K] of i32 with a static K, got "
                         << ids;
  // group_c2
  GroupsType groups = getGroups().getType();
  if (isByExpert() && (ids.getDimSize(0) != groups.getNumExperts() ||
                       groups.isLocal() || !groups.isRagged()))
    return emitOpError()
           << "expects ids [E, C] and ragged groups of these E experts, all "
              "local, for axis expert, got "
           << ids << " and " << groups;
  // group_c3
  plan::Layout layout = groups.getLayout();
  auto capacity = getIds().getDefiningOp<CapacityOp>();
  if (!capacity || layout.kind != plan::Layout::Kind::Padded ||
      capacity.getScopeAttr() || !capacity.getCap().getSpec().isNumber())
    return success();
  int64_t granted = semantics::capacityOf(capacity.getCap().getSpec(), 0);
  if (granted > layout.size)
    return emitOpError() << "expects padded<C> of at least the " << granted
                         << " rows an expert that the capacity of its ids "
                            "grants, got padded<"
                         << layout.size << ">";
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

bool CountOp::isTokenLocal() { return false; }

LogicalResult CountOp::verify() {
  // count_c1
  RankedTensorType ids = tensorOf(getIds()), counts = tensorOf(getCounts());
  const int64_t lead = ids.getRank() - 2;
  if (lead < 0 || counts.getRank() != lead + 1 || !isI32Tensor(ids) ||
      !(isI32Tensor(counts) || counts.getElementType().isF32()) ||
      counts.isDynamicDim(lead) ||
      !shapeFits(counts.clone(counts.getShape().drop_back()),
                 ids.getShape().drop_back(2)))
    return emitOpError() << "expects ids [..., T, K] of i32 and counts [..., "
                            "E] of i32 or f32, got "
                         << ids << " and " << counts;
  return success();
}

/// The [T, K] that slots of groups have, as far as it is known.
static std::pair<int64_t, int64_t> slotsOf(Value groups) {
  Value ids = idsOf(groups);
  if (!ids || isByExpert(groups))
    return {kAny, kAny};
  return {tensorOf(ids).getDimSize(0), tensorOf(ids).getDimSize(1)};
}

/// One value a slot: [T, K], or [E, C] for groups of axis expert.
static LogicalResult verifySlotValues(Operation *op, StringRef what,
                                      Value values, Value groups,
                                      int64_t tokens) {
  RankedTensorType type = tensorOf(values);
  auto [slotTokens, topK] = slotsOf(groups);
  Value ids = idsOf(groups);
  bool byExpert = isByExpert(groups);
  bool fits = byExpert ? shapeFits(type, tensorOf(ids).getShape())
                       : shapeFits(type, {tokens, topK});
  if (fits && isFloatTensor(type))
    return success();
  return op->emitOpError() << "expects " << what << " "
                           << (byExpert ? "[E, C]" : "[T, K]")
                           << " of a float type, got " << type;
}

LogicalResult DispatchOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  RankedTensorType rows = tensorOf(getRows());
  // dispatch_c1
  const bool ofSlots = input.getRank() == 3;
  if ((input.getRank() != 2 && !ofSlots) || rows.getRank() != 2 ||
      input.getElementType() != rows.getElementType() ||
      !sizeFits(input.getShape().back(), rows.getDimSize(1)))
    return emitOpError() << "expects rows [N, H] of the input's width and "
                            "element type, got input "
                         << input << " and rows " << rows;
  // dispatch_c2
  if (failed(verifyFromSlots(*this, getGroups())))
    return failure();
  if (failed(verifyRowCount(*this, rows, getGroups())))
    return failure();
  Value ids = idsOf(getGroups());
  auto [tokens, topK] = slotsOf(getGroups());
  if (ids && !sizeFits(input.getDimSize(0), tokens))
    return emitOpError() << "expects one input row a token of the groups, got "
                         << input << " and ids " << ids.getType();
  if (ofSlots && (isByExpert(getGroups()) || input.isDynamicDim(1) ||
                  !sizeFits(input.getDimSize(1), topK)))
    return emitOpError() << "expects an input [T, K, H] of the slots that its "
                            "groups were made from, got "
                         << input;
  // dispatch_c3
  if (getScale())
    return verifySlotValues(*this, "scale", getScale(), getGroups(), tokens);
  return success();
}

/// combine_c1 and combine_c4, of the result
static LogicalResult verifyCombined(CombineOp op) {
  RankedTensorType rows = tensorOf(op.getRows());
  RankedTensorType result = tensorOf(op.getResult());
  const bool keepsSlots = op.getKeepSlots();
  bool fits = rows.getRank() == 2 && result.getRank() == (keepsSlots ? 3 : 2) &&
              isFloatTensor(rows) && isFloatTensor(result) &&
              sizeFits(rows.getDimSize(1), result.getShape().back());
  if (!fits)
    return op.emitOpError()
           << "expects rows [N, H] and a result "
           << (keepsSlots ? "[T, K, H]" : "[T, H]") << " of float types, got "
           << rows << " and " << result;
  if (!keepsSlots)
    return success();
  if (op.getInit())
    return op.emitOpError("expects no init with reduce none, which sums "
                          "nothing");
  if (isByExpert(op.getGroups()))
    return op.emitOpError("expects groups with slots of tokens for reduce "
                          "none, got groups of axis expert");
  int64_t topK = slotsOf(op.getGroups()).second;
  if (result.isDynamicDim(1) || !sizeFits(result.getDimSize(1), topK))
    return op.emitOpError() << "expects a result [T, K, H] of the slots that "
                               "its groups were made from, got "
                            << result;
  return success();
}

LogicalResult CombineOp::verify() {
  if (failed(verifyCombined(*this)))
    return failure();
  RankedTensorType rows = tensorOf(getRows());
  RankedTensorType result = tensorOf(getResult());
  // combine_c2
  if (failed(verifyFromSlots(*this, getGroups())))
    return failure();
  if (failed(verifyRowCount(*this, rows, getGroups())))
    return failure();
  Value ids = idsOf(getGroups());
  int64_t tokens = result.getDimSize(0);
  if (ids && !sizeFits(tokens, slotsOf(getGroups()).first))
    return emitOpError() << "expects one result row a token of the groups, got "
                         << result << " and ids " << ids.getType();
  if (getWeights() && failed(verifySlotValues(*this, "weights", getWeights(),
                                              getGroups(), tokens)))
    return failure();
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
