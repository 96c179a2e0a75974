//===- RouteOps.cpp - route, score, select, weigh -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The verifiers quote their rule's label (route_c1 ...), as RouteOps.td and the
// negative tests do. What a router may be is decided once, by the semantics
// library; here its answer becomes a diagnostic.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/RouteRules.h"

using namespace mlir;
using namespace moe;

static void addClauses(semantics::RouterSpec &spec, ArrayAttr normalize,
                       FloatAttr scale) {
  if (normalize)
    for (auto step : normalize.getAsRange<NormAttr>())
      spec.normalize.push_back(step.getSpec());
  if (scale)
    spec.scale = scale.getValueAsDouble();
}

static LogicalResult
verifySpec(Operation *op, const semantics::RouterSpec &spec, int64_t experts) {
  return verifyRule(op, semantics::verifyRouter(spec, experts));
}

/// The types of an op's operands, in their order, after a colon.
static ParseResult
parseTypesOf(OpAsmParser &parser,
             ArrayRef<std::optional<OpAsmParser::UnresolvedOperand>> operands,
             MutableArrayRef<int32_t> segments, OperationState &result) {
  if (parser.parseColon())
    return failure();
  bool first = true;
  for (auto [operand, segment] : llvm::zip(operands, segments)) {
    segment = operand.has_value();
    if (!operand)
      continue;
    Type type;
    if ((!first && parser.parseComma()) || parser.parseType(type) ||
        parser.resolveOperand(*operand, type, result.operands))
      return failure();
    first = false;
  }
  return success();
}

/// Clauses that say nothing: a scale of 1, groups that are all kept.
/// Dropping them changes no bit.
static bool isEmptyScale(FloatAttr scale) {
  return scale && scale.getValueAsDouble() == 1.0;
}
static bool keepsAllGroups(std::optional<GroupLimitAttr> groups) {
  return groups && groups->getNumGroups() == groups->getKeep();
}

//===----------------------------------------------------------------------===//
// RouteOp
//===----------------------------------------------------------------------===//

semantics::RouterSpec RouteOp::getSpec() {
  semantics::RouterSpec spec =
      specOf(getSelect(), getGroupsAttr(), getBias(), getTable(), getGiven(),
             tensorOf(getLogits()).getShape().back());
  if (auto score = getScoreAttr())
    spec.score = score.getValue();
  if (getApart())
    spec.apart = spec.select.always;
  addClauses(spec, getNormalizeAttr(), getScaleAttr());
  return spec;
}

bool RouteOp::isTokenLocal() { return !getSelect().isPerExpert(); }

ParseResult RouteOp::parse(OpAsmParser &parser, OperationState &result) {
  using Unresolved = OpAsmParser::UnresolvedOperand;
  Unresolved logits;
  std::optional<Unresolved> bias, expertScale;
  Properties &props = result.getOrAddProperties<Properties>();
  auto operandAfter = [&](StringRef keyword,
                          std::optional<Unresolved> &to) -> ParseResult {
    if (failed(parser.parseOptionalKeyword(keyword)))
      return success();
    return parser.parseOperand(to.emplace());
  };
  if (parser.parseOperand(logits))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("score"))) {
    ScoreFnAttr score;
    if (parseScoreFn(parser, score))
      return failure();
    props.score = score;
    if (succeeded(parser.parseOptionalKeyword("as"))) {
      Type type;
      if (parser.parseType(type))
        return failure();
      props.score_type = TypeAttr::get(type);
    }
  }
  GroupLimitAttr groups;
  SelectAttr select;
  UnresolvedSelect operands;
  bool apart = false;
  ArrayAttr normalize;
  FloatAttr scale;
  auto broken = [](OptionalParseResult clause) {
    return clause.has_value() && failed(*clause);
  };
  if ((operandAfter("bias", bias)) || broken(parseGroupLimit(parser, groups)) ||
      parser.parseKeyword("select") ||
      parseSelection(parser, select, operands, &apart) ||
      broken(parseNormalize(parser, normalize)) ||
      broken(parseScale(parser, scale)) ||
      (operandAfter("expert_scale", expertScale)))
    return failure();
  props.groups = groups;
  props.select = select;
  if (apart)
    props.apart = parser.getBuilder().getUnitAttr();
  props.normalize = normalize;
  props.scale = scale;

  const std::optional<Unresolved> all[] = {
      logits,         bias,           operands.table, operands.given,
      operands.noise, operands.valid, expertScale};
  if (parser.parseOptionalAttrDict(result.attributes) ||
      parseTypesOf(parser, all, props.operandSegmentSizes, result))
    return failure();
  SmallVector<Type> results;
  SMLoc resultsLoc;
  if (parser.parseArrow() || parser.getCurrentLocation(&resultsLoc) ||
      parser.parseTypeList(results))
    return failure();
  if (results.size() < 2 || results.size() > 3)
    return parser.emitError(resultsLoc, "expected the types of ids, weights "
                                        "and, if wanted, scores");
  result.addTypes(results);
  return success();
}

void RouteOp::print(OpAsmPrinter &printer) {
  printer << " " << getLogits();
  if (auto score = getScoreAttr()) {
    printer << " score ";
    printScoreFn(printer, *this, score);
    if (auto type = getScoreTypeAttr())
      printer << " as " << type.getValue();
  }
  if (getBias())
    printer << " bias " << getBias();
  if (auto groups = getGroupsAttr()) {
    printer << " ";
    printGroupLimit(printer, *this, groups);
  }
  printer << " select ";
  printSelection(printer, getSelectAttr(),
                 {getTable(), getGiven(), getNoise(), getValid()}, getApart());
  if (auto normalize = getNormalizeAttr()) {
    printer << " ";
    printNormalize(printer, *this, normalize);
  }
  if (auto scale = getScaleAttr()) {
    printer << " ";
    printScale(printer, *this, scale);
  }
  if (getExpertScale())
    printer << " expert_scale " << getExpertScale();
  printer.printOptionalAttrDict(
      (*this)->getAttrs(), {"score", "score_type", "groups", "select", "apart",
                            "normalize", "scale", getOperandSegmentSizeAttr()});
  printer << " : ";
  llvm::interleaveComma(getOperandTypes(), printer);
  printer << " -> ";
  llvm::interleaveComma(getResultTypes(), printer);
}

LogicalResult RouteOp::verify() {
  RankedTensorType logits = tensorOf(getLogits());
  // route_c1
  if (failed(verifyScores(*this, "logits", logits)))
    return failure();
  int64_t tokens = logits.getDimSize(0), experts = logits.getDimSize(1);
  // route_c13, route_c14, route_c16
  SelectAttr select = getSelect();
  if (failed(verifyOperands(*this, select,
                            {getTable(), getGiven(), getNoise(), getValid()},
                            logits)))
    return failure();
  // route_c2, route_c3, route_c5 to route_c7, route_c9 to route_c12
  const semantics::RouterSpec spec = getSpec();
  if (failed(verifySpec(*this, spec, experts)))
    return failure();
  if (getApart() && select.getAlways() == 0)
    return emitOpError("expects 'apart' only with an always clause");
  auto [rows, columns] = shapeOfPicks(select, spec, logits);
  const bool byExpert = select.isPerExpert();
  if (failed(verifyIds(*this, tensorOf(getIds()), rows, columns, byExpert)) ||
      failed(verifyWeights(*this, tensorOf(getWeights()), rows, columns,
                           byExpert)))
    return failure();
  if (Value scores = getScores()) {
    RankedTensorType type = tensorOf(scores);
    if (!shapeFits(type, {tokens, experts}) || !isFloatTensor(type))
      return emitOpError() << "expects scores [T, " << experts
                           << "] of a float type, got " << type;
  }
  // route_c4, route_c15
  if (failed(verifyVector(*this, "bias", getBias(),
                          experts - select.getAlways())) ||
      failed(verifyVector(*this, "expert_scale", getExpertScale(), experts)))
    return failure();
  // route_c8
  Type scoreType = Float32Type::get(getContext());
  if (getScoreType()) {
    scoreType = *getScoreType();
    if (!isa<FloatType>(scoreType))
      return emitOpError() << "expects a float type after 'as', got "
                           << scoreType;
  }
  if (Value scores = getScores())
    if (tensorOf(scores).getElementType() != scoreType)
      return emitOpError() << "expects scores of " << scoreType
                           << ", the type they are selected by, got "
                           << scores.getType();
  return success();
}

LogicalResult RouteOp::canonicalize(RouteOp op, PatternRewriter &rewriter) {
  auto score = op.getScoreAttr();
  bool emptyScore = score && score.getValue() == semantics::ScoreFn::Identity &&
                    !op.getScoreTypeAttr();
  bool emptyGroups = keepsAllGroups(op.getGroups());
  bool emptyScale = isEmptyScale(op.getScaleAttr());
  // A result nobody reads need not be kept.
  bool deadScores = op.getScores() && op.getScores().use_empty();
  if (!emptyScore && !emptyGroups && !emptyScale && !deadScores)
    return failure();
  if (deadScores) {
    auto slim = RouteOp::create(
        rewriter, op.getLoc(), op.getIds().getType(), op.getWeights().getType(),
        Type(), op.getLogits(), op.getBias(), op.getTable(), op.getGiven(),
        op.getNoise(), op.getValid(), op.getExpertScale(), op.getScoreAttr(),
        op.getScoreTypeAttr(), op.getGroupsAttr(), op.getSelectAttr(),
        op.getApartAttr(), op.getNormalizeAttr(), op.getScaleAttr());
    slim->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceAllUsesWith(op.getIds(), slim.getIds());
    rewriter.replaceAllUsesWith(op.getWeights(), slim.getWeights());
    rewriter.eraseOp(op);
    return success();
  }
  rewriter.modifyOpInPlace(op, [&] {
    if (emptyScore)
      op.removeScoreAttr();
    if (emptyGroups)
      op.removeGroupsAttr();
    if (emptyScale)
      op.removeScaleAttr();
  });
  return success();
}

//===----------------------------------------------------------------------===//
// ScoreOp
//===----------------------------------------------------------------------===//

bool ScoreOp::isTokenLocal() { return true; }

LogicalResult ScoreOp::verify() {
  // score_c1
  RankedTensorType logits = tensorOf(getLogits());
  if (failed(verifyScores(*this, "logits", logits)))
    return failure();
  RankedTensorType scores = tensorOf(getScores());
  if (!shapeFits(scores, logits.getShape()) || !isFloatTensor(scores))
    return emitOpError() << "expects scores of a float type in the shape of "
                         << logits << ", got " << scores;
  return success();
}

OpFoldResult ScoreOp::fold(FoldAdaptor) {
  // The identity of a type onto itself.
  if (getFn().getValue() == semantics::ScoreFn::Identity &&
      getLogits().getType() == getScores().getType())
    return getLogits();
  return {};
}

//===----------------------------------------------------------------------===//
// SelectOp
//===----------------------------------------------------------------------===//

semantics::RouterSpec SelectOp::getSpec() {
  return specOf(getSelect(), getGroupsAttr(), getBias(), getTable(), getGiven(),
                tensorOf(getScores()).getShape().back());
}

bool SelectOp::isTokenLocal() { return !getSelect().isPerExpert(); }

ParseResult SelectOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand scores;
  std::optional<OpAsmParser::UnresolvedOperand> bias;
  GroupLimitAttr groups;
  SelectAttr select;
  UnresolvedSelect operands;
  if (parser.parseOperand(scores) ||
      (succeeded(parser.parseOptionalKeyword("bias")) &&
       parser.parseOperand(bias.emplace())))
    return failure();
  OptionalParseResult limited = parseGroupLimit(parser, groups);
  if ((limited.has_value() && failed(*limited)) ||
      parseSelection(parser, select, operands, /*apart=*/nullptr))
    return failure();
  Properties &props = result.getOrAddProperties<Properties>();
  props.groups = groups;
  props.select = select;
  const std::optional<OpAsmParser::UnresolvedOperand> all[] = {
      scores,         bias,           operands.table,
      operands.given, operands.noise, operands.valid};
  Type ids;
  if (parser.parseOptionalAttrDict(result.attributes) ||
      parseTypesOf(parser, all, props.operandSegmentSizes, result) ||
      parser.parseArrow() || parser.parseType(ids))
    return failure();
  result.addTypes(ids);
  return success();
}

void SelectOp::print(OpAsmPrinter &printer) {
  printer << " " << getScores();
  if (getBias())
    printer << " bias " << getBias();
  printer << " ";
  if (auto groups = getGroupsAttr()) {
    printGroupLimit(printer, *this, groups);
    printer << " ";
  }
  printSelection(printer, getSelectAttr(),
                 {getTable(), getGiven(), getNoise(), getValid()},
                 std::nullopt);
  printer.printOptionalAttrDict(
      (*this)->getAttrs(), {"groups", "select", getOperandSegmentSizeAttr()});
  printer << " : ";
  llvm::interleaveComma(getOperandTypes(), printer);
  printer << " -> " << getIds().getType();
}

LogicalResult SelectOp::verify() {
  // select_c1
  RankedTensorType scores = tensorOf(getScores());
  if (failed(verifyScores(*this, "scores", scores)))
    return failure();
  int64_t experts = scores.getDimSize(1);
  SelectAttr select = getSelect();
  if (failed(verifyOperands(*this, select,
                            {getTable(), getGiven(), getNoise(), getValid()},
                            scores)))
    return failure();
  // select_c2, select_c3, select_c9 to select_c11
  const semantics::RouterSpec spec = getSpec();
  if (failed(verifySpec(*this, spec, experts)))
    return failure();
  auto [rows, columns] = shapeOfPicks(select, spec, scores);
  if (failed(verifyIds(*this, tensorOf(getIds()), rows, columns,
                       select.isPerExpert())))
    return failure();
  // select_c4
  return verifyVector(*this, "bias", getBias(), experts - select.getAlways());
}

LogicalResult SelectOp::canonicalize(SelectOp op, PatternRewriter &rewriter) {
  if (!keepsAllGroups(op.getGroups()))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.removeGroupsAttr(); });
  return success();
}

//===----------------------------------------------------------------------===//
// WeighOp
//===----------------------------------------------------------------------===//

semantics::RouterSpec WeighOp::getSpec() {
  semantics::RouterSpec spec;
  spec.topK = tensorOf(getIds()).getShape().back();
  spec.apart = getApart() ? static_cast<int64_t>(*getApart()) : 0;
  if (getByExpert()) {
    spec.select.kind = semantics::SelectKind::ExpertTopK;
    // The tokens of an expert may depend on how many there are.
    if (ShapedType::isDynamic(spec.topK))
      spec.topK = 1;
  }
  addClauses(spec, getNormalizeAttr(), getScaleAttr());
  return spec;
}

bool WeighOp::isTokenLocal() { return !getByExpert(); }

LogicalResult WeighOp::verify() {
  // weigh_c1
  RankedTensorType scores = tensorOf(getScores());
  RankedTensorType ids = tensorOf(getIds());
  if (failed(verifyScores(*this, "scores", scores)))
    return failure();
  const bool byExpert = getByExpert();
  const int64_t rows = scores.getDimSize(byExpert ? 1 : 0);
  if (ids.getRank() != 2 || (ids.isDynamicDim(1) && !byExpert) ||
      !isI32Tensor(ids) || !sizeFits(ids.getDimSize(0), rows))
    return emitOpError() << "expects ids " << (byExpert ? "[E, C]" : "[T, K]")
                         << " of i32, got " << ids;
  int64_t columns = ids.getDimSize(1);
  if (failed(verifyWeights(*this, tensorOf(getWeights()), rows, columns,
                           byExpert)))
    return failure();
  // weigh_c4
  if (failed(verifyVector(*this, "expert_scale", getExpertScale(),
                          scores.getDimSize(1))))
    return failure();
  // weigh_c5
  semantics::RouterSpec spec = getSpec();
  if (spec.apart < 0 || (spec.apart != 0 && spec.apart >= spec.topK))
    return emitOpError() << "expects 0 <= apart < " << spec.topK
                         << ", the number of slots, got " << spec.apart;
  if (byExpert && spec.apart != 0)
    return emitOpError("expects no 'apart' by expert");
  // weigh_c2, weigh_c3, weigh_c6
  return verifyRule(*this, semantics::verifyWeights(spec));
}

LogicalResult WeighOp::canonicalize(WeighOp op, PatternRewriter &rewriter) {
  if (!isEmptyScale(op.getScaleAttr()))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.removeScaleAttr(); });
  return success();
}
