//===- RouteOps.cpp - route, score, select, weigh, capacity ---------------===//
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

#include "moe/dialect/Clauses.h"
#include "moe/dialect/MoeOps.h"
#include "moe/dialect/ShapeRules.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// Rules that several ops share
//===----------------------------------------------------------------------===//

/// [T, E] floats with a known number of experts.
static LogicalResult verifyScores(Operation *op, StringRef what,
                                  RankedTensorType type) {
  if (type.getRank() != 2 || type.isDynamicDim(1) || !isFloatTensor(type) ||
      type.getDimSize(1) < 1)
    return op->emitOpError() << "expects " << what
                             << " [T, E] of a float type with a static number "
                                "of experts, got "
                             << type;
  return success();
}

static LogicalResult verifyIds(Operation *op, RankedTensorType ids,
                               int64_t tokens, int64_t topK) {
  if (!shapeFits(ids, {tokens, topK}) || !isI32Tensor(ids))
    return op->emitOpError()
           << "expects ids [T, " << topK << "] of i32, got " << ids;
  return success();
}

static LogicalResult verifyWeights(Operation *op, RankedTensorType weights,
                                   int64_t tokens, int64_t topK) {
  if (!shapeFits(weights, {tokens, topK}) || !isFloatTensor(weights))
    return op->emitOpError() << "expects weights [T, " << topK
                             << "] of a float type, got " << weights;
  return success();
}

static LogicalResult verifyBias(Operation *op, Value bias, int64_t experts) {
  if (!bias)
    return success();
  RankedTensorType type = tensorOf(bias);
  if (!shapeFits(type, {experts}) || !isFloatTensor(type))
    return op->emitOpError()
           << "expects bias [" << experts << "] of a float type, got " << type;
  return success();
}

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
  if (std::optional<std::string> broken =
          semantics::verifyRouter(spec, experts))
    return op->emitOpError(*broken);
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
  semantics::RouterSpec spec;
  if (auto score = getScoreAttr())
    spec.score = score.getValue();
  spec.hasBias = static_cast<bool>(getBias());
  if (auto groups = getGroupsAttr())
    spec.groups = groups.getSpec();
  spec.topK = getSelect().getTopK();
  addClauses(spec, getNormalizeAttr(), getScaleAttr());
  return spec;
}

ParseResult RouteOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand logits, bias;
  Properties &props = result.getOrAddProperties<Properties>();
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
  bool hasBias = succeeded(parser.parseOptionalKeyword("bias"));
  if (hasBias && parser.parseOperand(bias))
    return failure();
  GroupLimitAttr groups;
  SelectAttr select;
  ArrayAttr normalize;
  FloatAttr scale;
  auto broken = [](OptionalParseResult clause) {
    return clause.has_value() && failed(*clause);
  };
  if (broken(parseGroupLimit(parser, groups)) ||
      parser.parseKeyword("select") || parseSelect(parser, select) ||
      broken(parseNormalize(parser, normalize)) ||
      broken(parseScale(parser, scale)))
    return failure();
  props.groups = groups;
  props.select = select;
  props.normalize = normalize;
  props.scale = scale;

  Type logitsType, biasType;
  SmallVector<Type> results;
  SMLoc resultsLoc;
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColon() ||
      parser.parseType(logitsType) ||
      (hasBias && (parser.parseComma() || parser.parseType(biasType))) ||
      parser.parseArrow() || parser.getCurrentLocation(&resultsLoc) ||
      parser.parseTypeList(results) ||
      parser.resolveOperand(logits, logitsType, result.operands) ||
      (hasBias && parser.resolveOperand(bias, biasType, result.operands)))
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
  printSelect(printer, *this, getSelectAttr());
  if (auto normalize = getNormalizeAttr()) {
    printer << " ";
    printNormalize(printer, *this, normalize);
  }
  if (auto scale = getScaleAttr()) {
    printer << " ";
    printScale(printer, *this, scale);
  }
  printer.printOptionalAttrDict(
      (*this)->getAttrs(),
      {"score", "score_type", "groups", "select", "normalize", "scale"});
  printer << " : " << getLogits().getType();
  if (getBias())
    printer << ", " << getBias().getType();
  printer << " -> ";
  llvm::interleaveComma(getResultTypes(), printer);
}

LogicalResult RouteOp::verify() {
  RankedTensorType logits = tensorOf(getLogits());
  // route_c1
  if (failed(verifyScores(*this, "logits", logits)))
    return failure();
  int64_t tokens = logits.getDimSize(0), experts = logits.getDimSize(1);
  int64_t topK = getSelect().getTopK();
  // route_c2, route_c3, route_c5, route_c6, route_c7
  if (failed(verifySpec(*this, getSpec(), experts)))
    return failure();
  if (failed(verifyIds(*this, tensorOf(getIds()), tokens, topK)) ||
      failed(verifyWeights(*this, tensorOf(getWeights()), tokens, topK)))
    return failure();
  if (Value scores = getScores()) {
    RankedTensorType type = tensorOf(scores);
    if (!shapeFits(type, {tokens, experts}) || !isFloatTensor(type))
      return emitOpError() << "expects scores [T, " << experts
                           << "] of a float type, got " << type;
  }
  // route_c4
  if (failed(verifyBias(*this, getBias(), experts)))
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
        Type(), op.getLogits(), op.getBias(), op.getScoreAttr(),
        op.getScoreTypeAttr(), op.getGroupsAttr(), op.getSelectAttr(),
        op.getNormalizeAttr(), op.getScaleAttr());
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

LogicalResult SelectOp::verify() {
  // select_c1
  RankedTensorType scores = tensorOf(getScores());
  if (failed(verifyScores(*this, "scores", scores)))
    return failure();
  int64_t experts = scores.getDimSize(1);
  semantics::RouterSpec spec;
  if (auto groups = getGroupsAttr())
    spec.groups = groups.getSpec();
  spec.topK = getSelect().getTopK();
  // select_c2, select_c3
  if (failed(verifySpec(*this, spec, experts)) ||
      failed(verifyIds(*this, tensorOf(getIds()), scores.getDimSize(0),
                       spec.topK)))
    return failure();
  // select_c4
  return verifyBias(*this, getBias(), experts);
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

LogicalResult WeighOp::verify() {
  // weigh_c1
  RankedTensorType scores = tensorOf(getScores());
  RankedTensorType ids = tensorOf(getIds());
  if (failed(verifyScores(*this, "scores", scores)))
    return failure();
  if (ids.getRank() != 2 || ids.isDynamicDim(1) || !isI32Tensor(ids) ||
      !sizeFits(ids.getDimSize(0), scores.getDimSize(0)))
    return emitOpError() << "expects ids [T, K] of i32, got " << ids;
  int64_t topK = ids.getDimSize(1);
  if (failed(verifyWeights(*this, tensorOf(getWeights()), scores.getDimSize(0),
                           topK)))
    return failure();
  // weigh_c2, weigh_c3
  semantics::RouterSpec spec;
  spec.topK = topK;
  addClauses(spec, getNormalizeAttr(), getScaleAttr());
  return verifySpec(*this, spec, scores.getDimSize(1));
}

LogicalResult WeighOp::canonicalize(WeighOp op, PatternRewriter &rewriter) {
  if (!isEmptyScale(op.getScaleAttr()))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.removeScaleAttr(); });
  return success();
}

//===----------------------------------------------------------------------===//
// CapacityOp
//===----------------------------------------------------------------------===//

LogicalResult CapacityOp::verify() {
  // capacity_c1
  RankedTensorType ids = tensorOf(getIds());
  if (ids.getRank() != 2 || ids.isDynamicDim(1) || !isI32Tensor(ids))
    return emitOpError() << "expects ids [T, K] of i32, got " << ids;
  if (failed(verifyWeights(*this, tensorOf(getWeights()), ids.getDimSize(0),
                           ids.getDimSize(1))))
    return failure();
  // capacity_c2
  if (int64_t cap = getCapAttr().getInt(); cap < 1)
    return emitOpError() << "expects cap >= 1, got cap = " << cap;
  return success();
}

LogicalResult CapacityOp::canonicalize(CapacityOp op,
                                       PatternRewriter &rewriter) {
  // Picks of one token are distinct, so no expert can get more rows than there
  // are tokens: a capacity of at least T limits nothing.
  int64_t tokens = tensorOf(op.getIds()).getDimSize(0);
  auto route = op.getIds().getDefiningOp<RouteOp>();
  auto select = op.getIds().getDefiningOp<SelectOp>();
  if (ShapedType::isDynamic(tokens) ||
      static_cast<int64_t>(op.getCap()) < tokens || (!route && !select))
    return failure();
  rewriter.replaceOp(op, {op.getIds(), op.getWeights()});
  return success();
}
