//===- ExpertOps.cpp - expert, linear, activate, dequantize ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of moe.expert is ordinary code under one promise: rows stay apart.
// The promise is what lets the group phase run each op over the rows of all
// experts at once, so the verifier proves it instead of trusting it.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/ShapeRules.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseSet.h"

#include <cmath>

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// ExpertOp
//===----------------------------------------------------------------------===//

VirtualAttr ExpertOp::virtualOf(int64_t id) {
  if (ArrayAttr ranges = getVirtualExpertsAttr())
    for (auto range : ranges.getAsRange<VirtualAttr>())
      if (range.contains(id))
        return range;
  return {};
}

int64_t ExpertOp::countVirtual(int64_t first, int64_t last) {
  int64_t count = 0;
  if (ArrayAttr ranges = getVirtualExpertsAttr())
    for (auto range : ranges.getAsRange<VirtualAttr>())
      count += std::max<int64_t>(0, std::min(range.getLast() + 1, last) -
                                        std::max(range.getFirst(), first));
  return count;
}

/// expert_c5 and expert_c6
static LogicalResult verifyVirtual(ExpertOp op) {
  GroupsType groups = op.getGroups().getType();
  RankedTensorType rows = tensorOf(op.getRows());
  RankedTensorType result = tensorOf(op.getResult());
  int64_t next = 0, constants = 0;
  bool identity = false;
  if (ArrayAttr ranges = op.getVirtualExpertsAttr())
    for (auto range : ranges.getAsRange<VirtualAttr>()) {
      if (range.getFirst() < next || range.getLast() < range.getFirst() ||
          range.getLast() >= groups.getNumExperts())
        return op.emitOpError()
               << "expects ascending ranges of virtual experts within the "
               << groups.getNumExperts() << " experts of the groups, got "
               << range.getFirst() << " to " << range.getLast();
      next = range.getLast() + 1;
      identity |= range.getKind() == VirtualKind::Identity;
      if (range.getKind() == VirtualKind::Constant)
        constants += range.getCount();
    }
  int64_t first = groups.getLocalFirst(), count = groups.getLocalCount();
  if (op.countVirtual(first, first + count) == count)
    return op.emitOpError("expects a local expert that is not virtual");
  if (identity && !sizeFits(rows.getDimSize(1), result.getDimSize(1)))
    return op.emitOpError() << "expects rows and a result of one width for "
                               "identity experts, got "
                            << rows << " and " << result;
  if (constants == 0 && !op.getConstants())
    return success();
  auto type =
      op.getConstants() ? tensorOf(op.getConstants()) : RankedTensorType();
  if (constants == 0 || !type ||
      !shapeFits(type, {constants, result.getDimSize(1)}) ||
      !isFloatTensor(type)) {
    InFlightDiagnostic diag = op.emitOpError()
                              << "expects constants [" << constants
                              << ", n] of a float type for its " << constants
                              << " constant experts, got ";
    return type ? diag << type : diag << "none";
  }
  return success();
}

LogicalResult ExpertOp::verify() {
  RankedTensorType rows = tensorOf(getRows());
  RankedTensorType result = tensorOf(getResult());
  if (rows.getRank() != 2 || result.getRank() != 2 ||
      !sizeFits(rows.getDimSize(0), result.getDimSize(0)))
    return emitOpError() << "expects rows [N, H] and a result [N, n], got "
                         << rows << " and " << result;
  if (failed(verifyVirtual(*this)))
    return failure();
  // expert_c2
  GroupsType groups = getGroups().getType();
  int64_t first = groups.getLocalFirst(), local = groups.getLocalCount();
  int64_t experts = local - countVirtual(first, first + local);
  for (auto [index, weight] : llvm::enumerate(getWeights())) {
    RankedTensorType type = tensorOf(weight);
    if (type.getRank() < 1 || type.getDimSize(0) != experts)
      return emitOpError() << "expects weight " << index << " to have "
                           << experts << " local experts"
                           << (experts < local ? " that are not virtual" : "")
                           << " as its first dimension, got " << type;
  }
  return success();
}

namespace {

/// Follows which values of a body hold one entry a row: the rows themselves,
/// and what is computed from them. Each such value is led by the row dimension.
class RowAnalysis {
public:
  explicit RowAnalysis(Value rows) { rowValues.insert(rows); }

  LogicalResult visit(Operation *op);
  bool isRows(Value value) const { return rowValues.contains(value); }

private:
  LogicalResult markResults(Operation *op);
  LogicalResult visitLinalg(linalg::LinalgOp op);
  bool isEmptyRows(Value value) const;

  llvm::DenseSet<Value> rowValues;
};

} // namespace

LogicalResult RowAnalysis::markResults(Operation *op) {
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getRank() == 0 || !tensor.isDynamicDim(0))
      return op->emitOpError() << "expects a result led by the dynamic row "
                                  "dimension, got "
                               << type;
  }
  rowValues.insert(op->result_begin(), op->result_end());
  return success();
}

/// A buffer without values yet, of as many rows as the expert has.
bool RowAnalysis::isEmptyRows(Value value) const {
  auto empty = value.getDefiningOp<tensor::EmptyOp>();
  if (!empty || empty.getType().getRank() == 0 ||
      !empty.getType().isDynamicDim(0))
    return false;
  auto dim = empty.getDynamicSizes()[0].getDefiningOp<tensor::DimOp>();
  return dim && isRows(dim.getSource()) && dim.getConstantIndex() == 0;
}

LogicalResult RowAnalysis::visitLinalg(linalg::LinalgOp op) {
  // The row dimension is the one that the results are led by; it must be
  // parallel and lead every operand that holds rows.
  std::optional<unsigned> rowDim;
  auto leads = [&](AffineMap map) {
    if (map.getNumResults() == 0)
      return false;
    auto dim = dyn_cast<AffineDimExpr>(map.getResult(0));
    if (!dim || (rowDim && *rowDim != dim.getPosition()))
      return false;
    for (AffineExpr rest : map.getResults().drop_front())
      if (rest.isFunctionOfDim(dim.getPosition()))
        return false;
    rowDim = dim.getPosition();
    return true;
  };
  for (OpOperand &operand : op->getOpOperands()) {
    bool output = op.isDpsInit(&operand);
    if (output && !isRows(operand.get()) && !isEmptyRows(operand.get()))
      return op->emitOpError("expects rows as an output, or a tensor.empty of "
                             "as many");
    if ((output || isRows(operand.get())) &&
        !leads(op.getMatchingIndexingMap(&operand)))
      return op->emitOpError("mixes the rows of an expert: expects the row "
                             "dimension to lead every operand that holds rows");
  }
  if (!rowDim ||
      op.getIteratorTypesArray()[*rowDim] != utils::IteratorType::parallel)
    return op->emitOpError("mixes the rows of an expert: expects the row "
                           "dimension to be parallel");
  // Which of the expert's rows a row is may not be seen: neither by an operand
  // that has an entry a row without holding rows, nor by its index.
  for (OpOperand &operand : op->getOpOperands())
    if (!op.isDpsInit(&operand) && !isRows(operand.get()) &&
        op.getMatchingIndexingMap(&operand).isFunctionOfDim(*rowDim))
      return op->emitOpError("expects operands that hold rows or are broadcast "
                             "explicitly");
  WalkResult inner = op->walk([&](Operation *nested) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested))
      if (index.getDim() == *rowDim) {
        op->emitOpError("reads the index of a row, which is not part of what "
                        "an expert computes");
        return WalkResult::interrupt();
      }
    if (nested != op.getOperation() &&
        llvm::any_of(nested->getOperands(),
                     [&](Value value) { return isRows(value); })) {
      op->emitOpError("mixes the rows of an expert: expects rows to be "
                      "operands, not to be read from its region");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return inner.wasInterrupted() ? failure() : markResults(op);
}

/// How many rows there are may size a buffer and nothing else.
static LogicalResult verifyRowCountUses(Operation *op) {
  WalkResult uses = op->walk([](tensor::DimOp dim) {
    for (Operation *user : dim->getUsers())
      if (!isa<tensor::EmptyOp>(user)) {
        user->emitOpError("computes with the number of an expert's rows, which "
                          "is not part of what an expert computes");
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(uses.wasInterrupted());
}

LogicalResult RowAnalysis::visit(Operation *op) {
  if (isa<YieldOp>(op))
    return success();
  if (failed(verifyRowCountUses(op)))
    return failure();
  if (isa<tensor::DimOp>(op))
    return success();
  bool touchesRows = false;
  op->walk([&](Operation *nested) {
    touchesRows |= llvm::any_of(nested->getOperands(),
                                [&](Value value) { return isRows(value); });
  });
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    bool sized = llvm::any_of(op->getResultTypes(), [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && tensor.getRank() > 0 && tensor.isDynamicDim(0);
    });
    if (touchesRows || sized)
      return visitLinalg(linalgOp);
  }
  if (!touchesRows) {
    if (isMemoryEffectFree(op))
      return success();
    return op->emitOpError("has effects, which an expert's body may not have");
  }
  if (auto linear = dyn_cast<LinearOp>(op)) {
    if (isRows(linear.getWeight()) ||
        (linear.getBias() && isRows(linear.getBias())))
      return op->emitOpError("mixes the rows of an expert: expects weight and "
                             "bias not to depend on rows");
    return markResults(op);
  }
  if (isa<ActivateOp>(op) || OpTrait::hasElementwiseMappableTraits(op)) {
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()) && !isRows(operand))
        return op->emitOpError("expects operands that hold rows or are "
                               "broadcast explicitly");
    return markResults(op);
  }
  if (isa<tensor::CastOp>(op))
    return markResults(op);
  return op->emitOpError(
      "is not an op that keeps the rows of an expert apart; expects "
      "moe.linear, moe.activate, elementwise arith or math, or a linalg op "
      "whose row dimension is parallel");
}

LogicalResult ExpertOp::verifyRegions() {
  Block &body = getBody().front();
  RankedTensorType rows = tensorOf(getRows());
  // expert_c1
  if (body.getNumArguments() != 1 + getWeights().size())
    return emitOpError() << "expects " << 1 + getWeights().size()
                         << " body arguments, the rows and one slice a weight, "
                            "got "
                         << body.getNumArguments();
  auto slice = RankedTensorType::get({ShapedType::kDynamic, rows.getDimSize(1)},
                                     rows.getElementType());
  if (body.getArgument(0).getType() != slice)
    return emitOpError() << "expects the body's rows to be " << slice
                         << ", got " << body.getArgument(0).getType();
  for (auto [index, weight] : llvm::enumerate(getWeights())) {
    RankedTensorType type = tensorOf(weight);
    auto want = RankedTensorType::get(type.getShape().drop_front(),
                                      type.getElementType());
    Type got = body.getArgument(index + 1).getType();
    if (got != want)
      return emitOpError() << "expects body argument " << index + 1 << " to be "
                           << want << ", the slice of weight " << index
                           << ", got " << got;
  }
  // expert_c3
  auto yield = cast<YieldOp>(body.getTerminator());
  RankedTensorType result = tensorOf(getResult());
  auto want = RankedTensorType::get(
      {ShapedType::kDynamic, result.getDimSize(1)}, result.getElementType());
  if (yield.getNumOperands() != 1 || yield.getOperand(0).getType() != want)
    return emitOpError() << "expects the body to yield one " << want
                         << " for the result " << result;
  // expert_c4
  RowAnalysis analysis(body.getArgument(0));
  for (Operation &op : body)
    if (failed(analysis.visit(&op)))
      return failure();
  if (!analysis.isRows(yield.getOperand(0)))
    return emitOpError("expects the body to yield what it computes for its "
                       "rows");
  return success();
}

//===----------------------------------------------------------------------===//
// LinearOp
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  RankedTensorType rows = tensorOf(getRows());
  RankedTensorType weight = tensorOf(getWeight());
  RankedTensorType result = tensorOf(getResult());
  // linear_c1
  if (rows.getRank() != 2 || weight.getRank() != 2 || result.getRank() != 2 ||
      !isFloatTensor(rows) || !isFloatTensor(weight) || !isFloatTensor(result))
    return emitOpError() << "expects rows [R, K], weight [N, K] and result "
                            "[R, N] of float types, got "
                         << rows << ", " << weight << " and " << result;
  if (!sizeFits(rows.getDimSize(1), weight.getDimSize(1)))
    return emitOpError() << "expects rows and weight of one K, got K = "
                         << rows.getDimSize(1) << " in " << rows
                         << " and K = " << weight.getDimSize(1) << " in "
                         << weight;
  if (!sizeFits(result.getDimSize(0), rows.getDimSize(0)) ||
      !sizeFits(result.getDimSize(1), weight.getDimSize(0)))
    return emitOpError() << "expects a result [R, N] of " << rows << " and "
                         << weight << ", got " << result;
  // linear_c2
  if (Value bias = getBias()) {
    RankedTensorType type = tensorOf(bias);
    if (!shapeFits(type, {weight.getDimSize(0)}) || !isFloatTensor(type))
      return emitOpError() << "expects bias [" << weight.getDimSize(0)
                           << "] of a float type, got " << type;
  }
  // linear_c3
  if (!getAcc().isF32() && !getAcc().isF64())
    return emitOpError() << "expects acc f32 or f64, got " << getAcc();
  return success();
}

//===----------------------------------------------------------------------===//
// ActivateOp
//===----------------------------------------------------------------------===//

/// The op's value for a parameter of the table, by name.
static FloatAttr paramOf(ActivateOp op, StringRef name) {
  if (name == "alpha")
    return op.getAlphaAttr();
  if (name == "beta")
    return op.getBetaAttr();
  return op.getLimitAttr();
}

SmallVector<double> ActivateOp::getParams() {
  SmallVector<double> params;
  for (const auto &param : semantics::lookup(getKind().getValue()).params) {
    FloatAttr given = paramOf(*this, param.name);
    params.push_back(given ? given.getValueAsDouble() : param.defaultValue);
  }
  return params;
}

LogicalResult ActivateOp::verify() {
  const semantics::ActivationRow &row = semantics::lookup(getKind().getValue());
  // activate_c1
  if (getOperands_().size() != row.arity)
    return emitOpError() << "expects " << row.arity << " operand"
                         << (row.arity == 1 ? "" : "s") << " for " << row.name
                         << ", got " << getOperands_().size();
  // activate_c2
  RankedTensorType result = tensorOf(getResult());
  for (Value operand : getOperands_()) {
    RankedTensorType type = tensorOf(operand);
    if (!shapeFits(type, result.getShape()) || !isFloatTensor(type) ||
        !isFloatTensor(result))
      return emitOpError()
             << "expects operands and result of one shape and float types, got "
             << type << " for " << result;
  }
  // activate_c3
  for (StringRef name : {"alpha", "beta", "limit"}) {
    FloatAttr given = paramOf(*this, name);
    auto param = llvm::find_if(
        row.params, [&](const auto &p) { return StringRef(p.name) == name; });
    bool known = param != row.params.end();
    if (given && !known)
      return emitOpError() << row.name << " has no parameter '" << name << "'";
    if (!given && known && param->required)
      return emitOpError() << "expects '" << name << "' for " << row.name
                           << ": implementations differ in it, so it has no "
                              "default";
    if (given && !std::isfinite(given.getValueAsDouble()))
      return emitOpError() << "expects a finite '" << name << "', got "
                           << given.getValueAsDouble();
  }
  return success();
}

OpFoldResult ActivateOp::fold(FoldAdaptor) {
  if (getKind().getValue() == semantics::Activation::Identity &&
      getOperands_()[0].getType() == getResult().getType())
    return getOperands_()[0];
  return {};
}

//===----------------------------------------------------------------------===//
// DequantizeOp
//===----------------------------------------------------------------------===//

std::pair<int64_t, int64_t> DequantizeOp::getBlockShape() {
  if (auto block = getBlock())
    return {(*block)[0], (*block)[1]};
  const semantics::QuantRow &row = semantics::lookup(getFormat().getValue());
  return {row.blockRows, row.blockCols};
}

Value DequantizeOp::getZeros() {
  return semantics::lookup(getFormat().getValue()).zeros ? getExtras()[0]
                                                         : Value();
}

Value DequantizeOp::getMatrixScales() {
  const semantics::QuantRow &row = semantics::lookup(getFormat().getValue());
  return row.matrixScale == semantics::MatrixScale::None
             ? Value()
             : getExtras()[row.zeros ? 1 : 0];
}

Value DequantizeOp::getColumnGroups() {
  const semantics::QuantRow &row = semantics::lookup(getFormat().getValue());
  unsigned before = (row.zeros ? 1 : 0) +
                    (row.matrixScale != semantics::MatrixScale::None ? 1 : 0);
  return getExtras().size() > before ? getExtras()[before] : Value();
}

/// Codes, scales and what the row has beyond them: as many operands as that.
static LogicalResult verifyOperandCount(DequantizeOp op,
                                        const semantics::QuantRow &row) {
  unsigned least = 2;
  std::string expected = "codes, scales";
  if (row.zeros) {
    ++least;
    expected += ", zeros";
  }
  if (row.matrixScale != semantics::MatrixScale::None) {
    ++least;
    expected += ", matrix scales";
  }
  if (row.columnGroups)
    expected += ", optionally column groups";
  unsigned given = op->getNumOperands();
  if (given < least || given > least + (row.columnGroups ? 1 : 0))
    return op.emitOpError() << "expects operands (" << expected << ") for "
                            << row.name << ", got " << given << " operands";
  return success();
}

static Type codeElement(const semantics::QuantRow &row, MLIRContext *context) {
  if (row.code == semantics::CodeKind::E4M3FN)
    return Float8E4M3FNType::get(context);
  return IntegerType::get(context, row.wordBits);
}

LogicalResult DequantizeOp::verify() {
  const semantics::QuantRow &row = semantics::lookup(getFormat().getValue());
  if (failed(verifyOperandCount(*this, row)))
    return failure();
  bool blockGiven = row.blockRows == 0;
  if (blockGiven != getBlock().has_value())
    return emitOpError() << (blockGiven ? "expects" : "expects no")
                         << " 'block [rows, columns]' for " << row.name;
  if (getBlock() &&
      (getBlock()->size() != 2 || (*getBlock())[0] < 1 || (*getBlock())[1] < 1))
    return emitOpError("expects a positive 'block [rows, columns]'");

  // dequantize_c3
  RankedTensorType result = tensorOf(getResult());
  if (result.getRank() < 2 || result.getRank() > 3 ||
      !result.hasStaticShape() || !isFloatTensor(result))
    return emitOpError() << "expects a static result [N, K] or [E, N, K] of a "
                            "float type, got "
                         << result;
  ArrayRef<int64_t> lead = result.getShape().drop_back(2);
  int64_t rows = result.getDimSize(result.getRank() - 2);
  int64_t cols = result.getDimSize(result.getRank() - 1);
  auto [blockRows, blockCols] = getBlockShape();
  if (!blockGiven && cols % blockCols != 0)
    return emitOpError() << "expects K to be a multiple of " << blockCols
                         << " for " << row.name << ", got K = " << cols;
  auto expects = [&](Value operand, StringRef what, ArrayRef<int64_t> inner,
                     Type element) -> LogicalResult {
    SmallVector<int64_t> shape(lead);
    shape.append(inner.begin(), inner.end());
    auto type = RankedTensorType::get(shape, element);
    if (operand.getType() == type)
      return success();
    return emitOpError() << "expects " << what << " " << type << " for "
                         << row.name << ", got " << operand.getType();
  };
  auto words = [&](int64_t count) -> int64_t {
    return llvm::divideCeil(count, row.codesPerWord);
  };

  // dequantize_c1
  SmallVector<int64_t> codeShape = {rows, words(cols)};
  if (row.along == semantics::PackedAlong::Rows)
    codeShape = {words(rows), cols};
  if (row.nested)
    codeShape = {rows, cols / blockCols, words(blockCols)};
  Type word = codeElement(row, getContext());
  if (failed(expects(getCodes(), "codes", codeShape, word)))
    return failure();

  // dequantize_c2
  const SmallVector<int64_t> scaleShape = {
      int64_t(llvm::divideCeil(rows, blockRows)),
      int64_t(llvm::divideCeil(cols, blockCols))};
  auto floats = [&](Value operand, StringRef what,
                    ArrayRef<int64_t> inner) -> LogicalResult {
    SmallVector<int64_t> shape(lead);
    shape.append(inner.begin(), inner.end());
    RankedTensorType type = tensorOf(operand);
    if (type.getShape() == ArrayRef(shape) && isFloatTensor(type))
      return success();
    InFlightDiagnostic diag = emitOpError() << "expects " << what << " [";
    llvm::interleaveComma(shape, diag);
    return diag << "] of a float type for " << row.name << ", got " << type;
  };
  switch (row.scale) {
  case semantics::ScaleKind::Float:
    if (failed(floats(getScales(), "scales", scaleShape)))
      return failure();
    break;
  case semantics::ScaleKind::E8M0:
  case semantics::ScaleKind::E4M3FN: {
    Type element = row.scale == semantics::ScaleKind::E8M0
                       ? Type(IntegerType::get(getContext(), 8))
                       : Type(Float8E4M3FNType::get(getContext()));
    if (failed(expects(getScales(), "scales", scaleShape, element)))
      return failure();
    break;
  }
  }

  // dequantize_c4
  if (Value zeros = getZeros())
    if (failed(expects(zeros, "zeros", {words(scaleShape[0]), scaleShape[1]},
                       word)))
      return failure();
  if (Value scales = getMatrixScales())
    if (failed(floats(scales, "matrix scales", {1, 1})))
      return failure();
  if (Value groups = getColumnGroups())
    return expects(groups, "column groups", {cols},
                   IntegerType::get(getContext(), 32));
  return success();
}
