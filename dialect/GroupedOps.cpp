//===- GroupedOps.cpp - grouped_matmul, by_tokens, tiles, pack ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/ConvertFloat.h"
#include "moe/dialect/MoeOps.h"
#include "moe/dialect/ShapeRules.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// GroupedMatmulOp: assembly
//===----------------------------------------------------------------------===//

ParseResult GroupedMatmulOp::parse(OpAsmParser &parser,
                                   OperationState &result) {
  using Operand = OpAsmParser::UnresolvedOperand;
  Properties &props = result.getOrAddProperties<Properties>();
  MLIRContext *context = parser.getContext();
  Operand lhs;
  SmallVector<Operand> operands, rhs, epilogueOperands;
  Operand groups, tiles;
  bool hasGroups = false, hasTiles = false;
  if (parser.parseKeyword("lhs") || parser.parseLParen() ||
      parser.parseOperand(lhs))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("gather")))
    props.gather = UnitAttr::get(context);
  if (parser.parseRParen() || parser.parseKeyword("rhs") ||
      parser.parseOperandList(rhs, OpAsmParser::Delimiter::Paren))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("by"))) {
    hasGroups = true;
    if (parser.parseOperand(groups))
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("tiles"))) {
    hasTiles = true;
    if (parser.parseLParen() || parser.parseOperand(tiles) ||
        parser.parseRParen())
      return failure();
  }
  SmallVector<int32_t> indexKinds;
  if (succeeded(parser.parseOptionalKeyword("operands"))) {
    if (parser.parseCommaSeparatedList(
            OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
              StringRef kind;
              SMLoc loc;
              if (parser.parseOperand(epilogueOperands.emplace_back()) ||
                  parser.getCurrentLocation(&loc) || parser.parseKeyword(&kind))
                return failure();
              std::optional<EpilogueIndex> index = symbolizeEpilogueIndex(kind);
              if (!index)
                return parser.emitError(loc, "unknown index '")
                       << kind
                       << "', expected columns, slots, experts or elements";
              indexKinds.push_back(static_cast<int32_t>(*index));
              return success();
            }))
      return failure();
  }
  props.epilogue_index = DenseI32ArrayAttr::get(context, indexKinds);
  Type acc;
  if (parser.parseKeyword("acc") || parser.parseType(acc) ||
      parser.parseRegion(*result.addRegion()) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  props.acc = TypeAttr::get(acc);
  operands.push_back(lhs);
  llvm::append_range(operands, rhs);
  if (hasGroups)
    operands.push_back(groups);
  if (hasTiles)
    operands.push_back(tiles);
  llvm::append_range(operands, epilogueOperands);
  props.operandSegmentSizes = {1, static_cast<int32_t>(rhs.size()), hasGroups,
                               hasTiles,
                               static_cast<int32_t>(epilogueOperands.size())};
  FunctionType type;
  SMLoc loc;
  if (parser.parseColon() || parser.getCurrentLocation(&loc) ||
      parser.parseType(type))
    return failure();
  if (type.getNumResults() != 1)
    return parser.emitError(loc, "expected one result type");
  result.addTypes(type.getResults());
  return parser.resolveOperands(operands, type.getInputs(), loc,
                                result.operands);
}

void GroupedMatmulOp::print(OpAsmPrinter &printer) {
  printer << " lhs(" << getLhs() << (getGather() ? " gather" : "") << ") rhs("
          << getRhs() << ")";
  if (getGroups())
    printer << " by " << getGroups();
  if (getTiles())
    printer << " tiles(" << getTiles() << ")";
  if (!getEpilogueOperands().empty()) {
    printer << " operands(";
    unsigned index = 0;
    llvm::interleaveComma(getEpilogueOperands(), printer, [&](Value operand) {
      printer << operand << " " << stringifyEpilogueIndex(getIndexOf(index++));
    });
    printer << ")";
  }
  printer << " acc " << getAcc() << " ";
  printer.printRegion(getEpilogue());
  printer.printOptionalAttrDict(
      (*this)->getAttrs(),
      {"gather", "acc", "epilogue_index", "operandSegmentSizes"});
  printer << " : ";
  printer.printFunctionalType(*this);
}

//===----------------------------------------------------------------------===//
// GroupedMatmulOp: queries
//===----------------------------------------------------------------------===//

static PackedType packedOf(GroupedMatmulOp op) {
  return op.getRhs().empty() ? PackedType()
                             : dyn_cast<PackedType>(op.getRhs()[0].getType());
}

unsigned GroupedMatmulOp::getNumRhs() {
  if (PackedType packed = packedOf(*this))
    return packed.getTensors().size();
  return getRhs().size();
}
RankedTensorType GroupedMatmulOp::getRhsType(unsigned index) {
  if (PackedType packed = packedOf(*this))
    return packed.getTensors()[index];
  return tensorOf(getRhs()[index]);
}
EpilogueIndex GroupedMatmulOp::getIndexOf(unsigned operand) {
  return static_cast<EpilogueIndex>(getEpilogueIndex()[operand]);
}
int64_t GroupedMatmulOp::getNumColumns() {
  RankedTensorType type = getRhsType(0);
  return type.getDimSize(type.getRank() - 2);
}
int64_t GroupedMatmulOp::getDepth() {
  RankedTensorType type = getRhsType(0);
  return type.getDimSize(type.getRank() - 1);
}
int64_t GroupedMatmulOp::getNumGroups() {
  return getGroups() ? cast<GroupsType>(getGroups().getType()).getLocalCount()
                     : 1;
}
bool GroupedMatmulOp::hasIdentityEpilogue() {
  Block &block = getEpilogue().front();
  return getNumRhs() == 1 &&
         block.getTerminator()->getOperand(0) == block.getArgument(0);
}

void GroupedMatmulOp::build(OpBuilder &builder, OperationState &state,
                            Type result, Value lhs, ValueRange rhs,
                            Value groups, bool gather, Type acc) {
  state.addOperands(lhs);
  state.addOperands(rhs);
  if (groups)
    state.addOperands(groups);
  state.addTypes(result);
  Properties &props = state.getOrAddProperties<Properties>();
  props.acc = TypeAttr::get(acc);
  if (gather)
    props.gather = builder.getUnitAttr();
  props.epilogue_index = builder.getDenseI32ArrayAttr({});
  props.operandSegmentSizes = {1, static_cast<int32_t>(rhs.size()),
                               groups ? 1 : 0, 0, 0};
  Region *region = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(region);
  unsigned numRhs = rhs.size();
  if (auto packed = dyn_cast<PackedType>(rhs[0].getType()))
    numRhs = packed.getTensors().size();
  for (unsigned i = 0; i < numRhs; ++i)
    block->addArgument(acc, state.location);
  Value value = block->getArgument(0);
  Type element = cast<RankedTensorType>(result).getElementType();
  value = convertFloat(builder, state.location, value, element);
  YieldOp::create(builder, state.location, value);
}

//===----------------------------------------------------------------------===//
// GroupedMatmulOp: verification
//===----------------------------------------------------------------------===//

/// grouped_matmul_c1
static LogicalResult verifySides(GroupedMatmulOp op) {
  RankedTensorType lhs = tensorOf(op.getLhs());
  RankedTensorType result = tensorOf(op.getResult());
  bool anyPacked =
      llvm::any_of(op.getRhs().getTypes(), llvm::IsaPred<PackedType>);
  if (op.getRhs().empty() || op.getNumRhs() > 2 ||
      (anyPacked && op.getRhs().size() != 1))
    return op.emitOpError("expects one or two right-hand sides, or one packed "
                          "value");
  unsigned rhsRank = op.getGroups() ? 3 : 2;
  for (unsigned i = 0; i < op.getNumRhs(); ++i) {
    RankedTensorType rhs = op.getRhsType(i);
    if (rhs.getRank() != rhsRank || !rhs.hasStaticShape() ||
        !isFloatTensor(rhs) || rhs != op.getRhsType(0))
      return op.emitOpError() << "expects static right-hand sides "
                              << (op.getGroups() ? "[E, N, K]" : "[N, K]")
                              << " of one float type, got " << rhs;
  }
  if (op.getGroups() && op.getRhsType(0).getDimSize(0) != op.getNumGroups())
    return op.emitOpError()
           << "expects right-hand sides of " << op.getNumGroups()
           << " local experts, got " << op.getRhsType(0);
  if (lhs.getRank() != 2 || !isFloatTensor(lhs) ||
      !sizeFits(lhs.getDimSize(1), op.getDepth()))
    return op.emitOpError() << "expects lhs [R, " << op.getDepth()
                            << "] of a float type, got " << lhs;
  if (!shapeFits(result, {kAny, op.getNumColumns()}) ||
      !isFloatTensor(result) ||
      (!op.getGather() && !sizeFits(result.getDimSize(0), lhs.getDimSize(0))))
    return op.emitOpError() << "expects a result [R, " << op.getNumColumns()
                            << "] of a float type, got " << result;
  // Kernels walk as many rows as the groups have.
  if (op.getGroups()) {
    int64_t bound = getRowBound(op.getGroups());
    if (!sizeFits(result.getDimSize(0), bound) ||
        (!op.getGather() && !sizeFits(lhs.getDimSize(0), bound)))
      return op.emitOpError() << "expects " << bound
                              << " rows, the bound T*K of the groups, got lhs "
                              << lhs << " and result " << result;
  }
  return success();
}

/// grouped_matmul_c4
static LogicalResult verifyOperand(GroupedMatmulOp op, unsigned index) {
  RankedTensorType type = tensorOf(op.getEpilogueOperands()[index]);
  EpilogueIndex kind = op.getIndexOf(index);
  int64_t columns = op.getNumColumns(), experts = op.getNumGroups();
  bool grouped = static_cast<bool>(op.getGroups());
  SmallVector<int64_t> want;
  switch (kind) {
  case EpilogueIndex::Columns:
    want = grouped ? SmallVector<int64_t>{experts, columns}
                   : SmallVector<int64_t>{columns};
    break;
  case EpilogueIndex::Slots:
    want = {kAny, kAny};
    if (auto group =
            grouped ? op.getGroups().getDefiningOp<GroupOp>() : GroupOp())
      want.assign(tensorOf(group.getIds()).getShape().begin(),
                  tensorOf(group.getIds()).getShape().end());
    break;
  case EpilogueIndex::Experts:
    want = {experts};
    break;
  case EpilogueIndex::Elements:
    want = {tensorOf(op.getResult()).getDimSize(0), columns};
    break;
  }
  bool needsGroups =
      kind == EpilogueIndex::Slots || kind == EpilogueIndex::Experts;
  if (!shapeFits(type, want) || (needsGroups && !grouped)) {
    InFlightDiagnostic diag = op.emitOpError()
                              << "expects operand " << index << " indexed by "
                              << stringifyEpilogueIndex(kind) << " to be [";
    llvm::interleave(
        want,
        [&](int64_t size) {
          if (ShapedType::isDynamic(size))
            diag << "?";
          else
            diag << size;
        },
        [&] { diag << ", "; });
    diag << "]" << (needsGroups ? " with groups" : "") << ", got " << type;
    return diag;
  }
  return success();
}

LogicalResult GroupedMatmulOp::verify() {
  // grouped_matmul_c8
  if (getGroups()) {
    auto type = cast<GroupsType>(getGroups().getType());
    auto group = getGroups().getDefiningOp<GroupOp>();
    if (!type.isRagged() || (group && group.isByExpert()))
      return emitOpError() << "expects ragged groups of tokens' slots, got "
                           << (type.isRagged() ? "those of axis expert"
                                               : "another layout")
                           << "; moe-normalize-groups makes them";
  }
  if (failed(verifySides(*this)))
    return failure();
  // grouped_matmul_c2
  if (getGather()) {
    if (!getGroups() || getGroups().getDefiningOp<GroupsFromOffsetsOp>())
      return emitOpError("expects groups made from slots to gather rows");
    auto group = getGroups().getDefiningOp<GroupOp>();
    if (group && !sizeFits(tensorOf(getLhs()).getDimSize(0),
                           tensorOf(group.getIds()).getDimSize(0)))
      return emitOpError() << "expects one lhs row a token of the groups, got "
                           << getLhs().getType() << " and ids "
                           << group.getIds().getType();
  }
  // grouped_matmul_c4
  if (getEpilogueIndex().size() != getEpilogueOperands().size())
    return emitOpError() << "expects one index an epilogue operand, got "
                         << getEpilogueIndex().size() << " for "
                         << getEpilogueOperands().size();
  for (int32_t index : getEpilogueIndex())
    if (!symbolizeEpilogueIndex(index))
      return emitOpError() << "expects a known epilogue index, got " << index;
  for (unsigned i = 0; i < getEpilogueOperands().size(); ++i)
    if (failed(verifyOperand(*this, i)))
      return failure();
  // grouped_matmul_c6
  if (!getAcc().isF32() && !getAcc().isF64())
    return emitOpError() << "expects acc f32 or f64, got " << getAcc();
  // grouped_matmul_c7
  if (getTiles()) {
    auto tiles = getTiles().getDefiningOp<TilesOp>();
    if (!getGroups() || (tiles && tiles.getGroups() != getGroups()))
      return emitOpError("expects tiles of its own groups");
  }
  return success();
}

LogicalResult GroupedMatmulOp::verifyRegions() {
  Block &block = getEpilogue().front();
  // grouped_matmul_c3
  unsigned accumulators = getNumRhs();
  unsigned arguments = accumulators + getEpilogueOperands().size();
  if (block.getNumArguments() != arguments)
    return emitOpError() << "expects " << arguments
                         << " epilogue arguments, one accumulator a right-hand "
                            "side and one value an operand, got "
                         << block.getNumArguments();
  for (unsigned i = 0; i < arguments; ++i) {
    Type want = i < accumulators
                    ? getAcc()
                    : tensorOf(getEpilogueOperands()[i - accumulators])
                          .getElementType();
    if (block.getArgument(i).getType() != want)
      return emitOpError() << "expects epilogue argument " << i << " to be "
                           << want << ", got "
                           << block.getArgument(i).getType();
  }
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  Type element = tensorOf(getResult()).getElementType();
  if (!yield || yield.getNumOperands() != 1 ||
      yield.getOperand(0).getType() != element)
    return emitOpError() << "expects the epilogue to yield one " << element;
  // grouped_matmul_c5
  for (Operation &op : block.without_terminator())
    if (!isa_and_present<arith::ArithDialect, math::MathDialect>(
            op.getDialect()) ||
        llvm::any_of(op.getResultTypes(),
                     [](Type type) { return isa<ShapedType>(type); }))
      return op.emitOpError("is not a scalar arith or math op, which is all "
                            "that an epilogue may hold");
  return success();
}

//===----------------------------------------------------------------------===//
// TilesOp, ByTokensOp, PackOp
//===----------------------------------------------------------------------===//

LogicalResult RowExpertsOp::verify() {
  // row_experts_c1
  RankedTensorType experts = tensorOf(getExperts());
  if (!shapeFits(experts, {getRowBound(getGroups())}) || !isI32Tensor(experts))
    return emitOpError() << "expects one i32 a row of the groups, got "
                         << experts;
  return success();
}

bool PlacesOp::isTokenLocal() { return false; }

LogicalResult PlacesOp::verify() {
  // places_c1
  RankedTensorType ids = tensorOf(getIds()), places = tensorOf(getPlaces());
  if (ids.getRank() != 2 || !ids.hasStaticShape() || !isI32Tensor(ids) ||
      !shapeFits(places, {kAny, ids.getDimSize(0)}) || !isI32Tensor(places) ||
      places.isDynamicDim(1))
    return emitOpError() << "expects static ids [E, C] and places [T, E] of "
                            "i32, got "
                         << ids << " and " << places;
  return success();
}

LogicalResult ByTokensOp::verify() {
  // by_tokens_c1
  if (getForms().size() != getBuckets().size() + 1)
    return emitOpError() << "expects one region more than buckets, got "
                         << getForms().size() << " regions and "
                         << getBuckets().size() << " buckets";
  // by_tokens_c2
  int64_t previous = 0;
  for (int64_t bucket : getBuckets()) {
    if (bucket <= previous)
      return emitOpError() << "expects positive, ascending buckets, got "
                           << bucket << " after " << previous;
    previous = bucket;
  }
  return success();
}

LogicalResult ByTokensOp::verifyRegions() {
  // by_tokens_c3
  for (auto [index, region] : llvm::enumerate(getForms())) {
    if (region.getNumArguments() != 0)
      return emitOpError() << "expects no arguments of region " << index
                           << ", got " << region.getNumArguments();
    auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
    if (!yield || yield.getOperandTypes() != getResultTypes())
      return emitOpError() << "expects region " << index
                           << " to yield the result types";
  }
  return success();
}

std::pair<int64_t, int64_t> ByTokensOp::getTokenRange(unsigned region) {
  int64_t first = region == 0 ? 0 : getBuckets()[region - 1];
  int64_t last =
      region < getBuckets().size() ? getBuckets()[region] - 1 : INT64_MAX;
  return {first, last};
}

LogicalResult ByTokensOp::canonicalize(ByTokensOp op,
                                       PatternRewriter &rewriter) {
  // Neighbours that are the same code are one form.
  auto same = [](Region &a, Region &b) {
    return OperationEquivalence::isRegionEquivalentTo(
        &a, &b, OperationEquivalence::IgnoreLocations);
  };
  MutableArrayRef<Region> forms = op.getForms();
  for (unsigned i = 0; i + 1 < forms.size(); ++i) {
    if (!same(forms[i], forms[i + 1]))
      continue;
    if (forms.size() == 2) {
      Block *block = &forms[1].front();
      Operation *yield = block->getTerminator();
      rewriter.inlineBlockBefore(block, op);
      SmallVector<Value> results(yield->getOperands());
      rewriter.eraseOp(yield);
      rewriter.replaceOp(op, results);
      return success();
    }
    SmallVector<int64_t> buckets(op.getBuckets());
    buckets.erase(buckets.begin() + i);
    auto merged = ByTokensOp::create(rewriter, op.getLoc(), op.getResultTypes(),
                                     op.getTokens(), buckets, forms.size() - 1);
    for (unsigned from = 0, to = 0; from < forms.size(); ++from)
      if (from != i)
        rewriter.inlineRegionBefore(forms[from], merged.getForms()[to],
                                    merged.getForms()[to].begin()),
            ++to;
    rewriter.replaceOp(op, merged.getResults());
    return success();
  }
  return failure();
}

LogicalResult PackOp::verify() {
  // pack_c1
  PackedType packed = getPacked().getType();
  if (getTensors().size() != packed.getTensors().size())
    return emitOpError() << "expects " << packed.getTensors().size()
                         << " tensors as the result's type says, got "
                         << getTensors().size();
  for (auto [tensor, want] : llvm::zip(getTensors(), packed.getTensors()))
    if (tensor.getType() != want)
      return emitOpError() << "expects " << want
                           << " as the result's type says, got "
                           << tensor.getType();
  // pack_c2
  std::string error = packed.getLayout().getPackError(packed.getTensors());
  if (!error.empty())
    return emitOpError() << "has a layout that cannot hold the tensors: "
                         << error;
  return success();
}
