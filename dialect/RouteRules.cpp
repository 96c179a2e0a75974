//===- RouteRules.cpp - Rules that the routing ops share ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/RouteRules.h"

using namespace mlir;
using namespace moe;

LogicalResult moe::verifyScores(Operation *op, StringRef what,
                                RankedTensorType type) {
  if (type.getRank() != 2 || type.isDynamicDim(1) || !isFloatTensor(type) ||
      type.getDimSize(1) < 1)
    return op->emitOpError() << "expects " << what
                             << " [T, E] of a float type with a static number "
                                "of experts, got "
                             << type;
  return success();
}

/// "[T, 8]", or "[8, C]" of picks by expert.
static std::string pickShape(int64_t rows, int64_t columns, bool byExpert) {
  if (!byExpert)
    return "[T, " + std::to_string(columns) + "]";
  return "[" + std::to_string(rows) + ", " +
         (ShapedType::isDynamic(columns) ? "C" : std::to_string(columns)) + "]";
}

LogicalResult moe::verifyIds(Operation *op, RankedTensorType ids, int64_t rows,
                             int64_t columns, bool byExpert) {
  if (!shapeFits(ids, {rows, columns}) || !isI32Tensor(ids))
    return op->emitOpError()
           << "expects ids " << pickShape(rows, columns, byExpert)
           << " of i32, got " << ids;
  return success();
}

LogicalResult moe::verifyWeights(Operation *op, RankedTensorType weights,
                                 int64_t rows, int64_t columns, bool byExpert) {
  if (!shapeFits(weights, {rows, columns}) || !isFloatTensor(weights))
    return op->emitOpError()
           << "expects weights " << pickShape(rows, columns, byExpert)
           << " of a float type, got " << weights;
  return success();
}

LogicalResult moe::verifyVector(Operation *op, StringRef what, Value value,
                                int64_t size) {
  if (!value)
    return success();
  RankedTensorType type = tensorOf(value);
  if (!shapeFits(type, {size}) || !isFloatTensor(type))
    return op->emitOpError() << "expects " << what << " [" << size
                             << "] of a float type, got " << type;
  return success();
}

static bool isAnyInt(RankedTensorType type) {
  return type.getElementType().isSignlessInteger(32) ||
         type.getElementType().isSignlessInteger(64);
}

LogicalResult moe::verifyGiven(Operation *op, StringRef clause, bool asked,
                               Value operand) {
  if (asked == static_cast<bool>(operand))
    return success();
  return op->emitOpError() << (asked ? "expects an operand for "
                                     : "expects no operand of ")
                           << clause << (asked ? "" : " without that clause");
}

LogicalResult moe::verifyOperands(Operation *op, SelectAttr select,
                                  const SelectOperands<Value> &operands,
                                  RankedTensorType scores) {
  using semantics::NoiseKind;
  using semantics::SelectKind;
  const int64_t tokens = scores.getDimSize(0);
  const int64_t candidates = scores.getDimSize(1) - select.getAlways();
  const bool byTable = select.getKind() == SelectKind::Table;
  // route_c14
  if (failed(verifyGiven(op, "table", byTable, operands.table)) ||
      failed(verifyGiven(op, "table or extern", select.isGiven(),
                         operands.given)) ||
      failed(verifyGiven(op, "noise", select.getNoise() != NoiseKind::None,
                         operands.noise)))
    return failure();
  // route_c13
  if (byTable) {
    RankedTensorType table = tensorOf(operands.table);
    if (table.getRank() != 2 || !table.hasStaticShape() || !isAnyInt(table) ||
        table.getDimSize(0) < 1)
      return op->emitOpError() << "expects a table [V, K] of i32 or i64 with "
                                  "static sizes, got "
                               << table;
    RankedTensorType given = tensorOf(operands.given);
    if (!shapeFits(given, {tokens}) || !isAnyInt(given))
      return op->emitOpError()
             << "expects token ids [T] of i32 or i64, got " << given;
  } else if (operands.given) {
    RankedTensorType given = tensorOf(operands.given);
    if (given.getRank() != 2 || given.isDynamicDim(1) ||
        !sizeFits(given.getDimSize(0), tokens) || !isI32Tensor(given))
      return op->emitOpError()
             << "expects given ids [T, K] of i32 with a static K, got "
             << given;
  }
  // route_c14
  if (operands.noise) {
    RankedTensorType noise = tensorOf(operands.noise);
    const bool perToken = select.getNoise() == NoiseKind::SecondBernoulli;
    SmallVector<int64_t> shape{tokens};
    if (!perToken)
      shape.push_back(candidates);
    if (!shapeFits(noise, shape) || !isFloatTensor(noise))
      return op->emitOpError()
             << "expects noise [T"
             << (perToken ? "" : ", " + std::to_string(candidates))
             << "] of a float type, got " << noise;
  }
  if (operands.valid) {
    RankedTensorType valid = tensorOf(operands.valid);
    if (!shapeFits(valid, {tokens}) ||
        !valid.getElementType().isSignlessInteger(1))
      return op->emitOpError() << "expects valid [T] of i1, got " << valid;
    if (select.isPerExpert())
      return op->emitOpError("expects no valid clause with expert_top_k: set "
                             "the scores of what is no token to NaN");
  }
  // route_c16
  if (select.isPerExpert()) {
    const semantics::CapacityLimit limit = select.getLimit().getSpec();
    if (auto broken = semantics::verifyLimit(limit))
      return op->emitOpError(*broken);
    if (!limit.isNumber() && limit.minimum != 0)
      return op->emitOpError() << "expects no minimum in expert_top_k, whose "
                                  "results have C columns, got "
                               << limit.minimum;
  }
  return success();
}

/// How many each token picks, or each expert; 1 where it depends on T.
static int64_t picksOf(SelectAttr select, Value table, Value given,
                       int64_t experts) {
  using semantics::SelectKind;
  switch (select.getKind()) {
  case SelectKind::TopK:
  case SelectKind::TopP:
  case SelectKind::Threshold:
    return select.getPicks();
  case SelectKind::All:
    return experts;
  case SelectKind::Table:
    return table ? tensorOf(table).getShape().back() : 1;
  case SelectKind::Extern:
    return given ? tensorOf(given).getShape().back() : 1;
  case SelectKind::ExpertTopK:
    break;
  }
  const semantics::CapacityLimit limit = select.getLimit().getSpec();
  return limit.isNumber() ? limit.minimum : 1;
}

semantics::RouterSpec moe::specOf(SelectAttr select, GroupLimitAttr groups,
                                  Value bias, Value table, Value given,
                                  int64_t experts) {
  semantics::RouterSpec spec;
  spec.hasBias = static_cast<bool>(bias);
  if (groups)
    spec.groups = groups.getSpec();
  spec.select = select.getSpec();
  spec.topK = picksOf(select, table, given, experts);
  return spec;
}

std::pair<int64_t, int64_t> moe::shapeOfPicks(SelectAttr select,
                                              const semantics::RouterSpec &spec,
                                              RankedTensorType scores) {
  if (!select.isPerExpert())
    return {scores.getDimSize(0), spec.slots()};
  const bool fixed = select.getLimit().getSpec().isNumber();
  return {scores.getDimSize(1), fixed ? spec.topK : kAny};
}

LogicalResult moe::verifyRule(Operation *op,
                              std::optional<std::string> broken) {
  if (broken)
    return op->emitOpError(*broken);
  return success();
}
