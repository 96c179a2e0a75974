//===- RouteText.cpp - Routers as CUDA C++ --------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A router is a handful of calls of device/route.cuh, one or two a clause.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/CudaKernels.h"
#include "moe/codegen/cuda/EmitLeaf.h"
#include "moe/codegen/cuda/KernelText.h"
#include "moe/codegen/leaf/RouteRows.h"
#include "moe/dialect/MoeInterfaces.h"

#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using llvm::formatv;

namespace moe::cuda {

class RouteText {
public:
  explicit RouteText(KernelText &text)
      : text(text), os(text.os), rows(text.kernel, routeAlignment) {}
  void print();

private:
  void printTokens();
  std::string row(Value value);
  void put(Value value, const std::string &from);
  void emit(ScoreOp op);
  void emit(SelectOp op);
  void pickByScore(SelectOp op, const std::string &ids);
  void copyGiven(SelectOp op, const std::string &ids);
  void emit(WeighOp op);
  void norm(WeighOp op, const semantics::NormStep &step,
            const std::string &scores, const std::string &ids);
  void printExperts();
  void emitExpert(SelectOp op);
  void emitExpert(WeighOp op);

  std::string nextFormula() { return formulaName(text.kernel, formulas++); }
  std::string formula() {
    return formatv("[](f32 x) {{ return {0}(x); }", nextFormula());
  }
  static std::string real(double value, MLIRContext *context) {
    Type f32 = Float32Type::get(context);
    return literal(f32, FloatAttr::get(f32, value));
  }

  KernelText &text;
  llvm::raw_ostream &os;
  RouteRows rows;
  llvm::DenseMap<Value, std::string> names;
  llvm::DenseSet<Value> filled; ///< rows that hold the token's values
  unsigned formulas = 0, selections = 0, totals = 0;
};

} // namespace moe::cuda

/// The row of a value, with the token's elements: what an op of this kernel
/// left there, or a copy of the buffer; scores as f32.
std::string RouteText::row(Value value) {
  std::string name = names.lookup(value);
  if (!filled.insert(value).second)
    return name;
  const int64_t count = lastDim(value);
  std::string at = formatv("t * {0} + i", count);
  const bool isFloat = isa<FloatType>(getElementTypeOrSelf(value.getType()));
  os << formatv("  setRow<{0}>({1}, [&](i32 i) {{ return {2}; });\n", count,
                name,
                isFloat ? text.widened(value, at) : text.element(value, at));
  return name;
}

/// Stores a row in the value's buffer, if it has one.
void RouteText::put(Value value, const std::string &from) {
  auto it = text.tensors.find(value);
  if (it == text.tensors.end())
    return;
  Type element = getElementTypeOrSelf(value.getType());
  const bool isFloat = isa<FloatType>(element);
  std::string type = typeName(element);
  os << formatv(
      "  readRow<{0}, {1}>({2}, [&](i32 i, {0} x) {{ store({3} + t * {1} + i, "
      "{4}); });\n",
      isFloat ? "f32" : type, lastDim(value), from, it->second,
      isFloat ? "narrow<" + type + ">(x)" : "x");
}

void RouteText::emit(ScoreOp op) {
  std::string logits = row(op.getLogits());
  std::string scores = names.lookup(op.getScores());
  const bool rowWise = semantics::lookup(op.getFn().getValue()).rowWise;
  filled.insert(op.getScores());
  os << formatv("  scoreRow<{0}, {1}, {2}>({3}, {4}, {5});\n",
                typeName(getElementTypeOrSelf(op.getScores().getType())),
                lastDim(op.getLogits()), rowWise ? "true" : "false", logits,
                scores, formula());
  put(op.getScores(), scores);
}

/// The picks of a token among the experts that are not always on.
void RouteText::pickByScore(SelectOp op, const std::string &ids) {
  using semantics::NoiseKind;
  using semantics::SelectKind;
  SelectAttr select = op.getSelect();
  MLIRContext *context = op.getContext();
  const int64_t candidates = lastDim(op.getScores()) - select.getAlways();
  const int64_t picks = select.getPicks();
  const NoiseKind noise = select.getNoise();
  std::string scores = row(op.getScores());
  std::string value = "lds<f32>(" + scores + " + 4 * e)";
  if (op.getBias())
    value += " + " + text.widened(op.getBias(), "e");
  std::string noisy = value;
  if (noise == NoiseKind::Gumbel || noise == NoiseKind::SecondGumbel)
    noisy += " + " + text.widened(op.getNoise(),
                                  formatv("t * {0} + e", candidates).str());
  const std::string number = std::to_string(selections++);
  auto score = [&](const std::string &called, const std::string &what) {
    os << formatv("  auto {0} = [&](i32 e) {{ return {1}; };\n", called, what);
    return called;
  };
  std::string plain =
      score("selection" + number, noise == NoiseKind::Gumbel ? noisy : value);
  os << formatv("  setRow<{0}>(keys, [&](i32 e) {{ return keyOf({1}(e)); });\n",
                candidates, plain);
  if (op.getGroups())
    os << formatv("  limitGroups<{0}, {1}, {2}, {3}>(keys, groupKeys, {4}, "
                  "{5});\n",
                  candidates, op.getGroups()->getNumGroups(),
                  op.getGroups()->getKeep(), op.getGroups()->getTopSum(),
                  op.getGroups()->getFill() == semantics::GroupFill::Zero
                      ? "keyOf(0)"
                      : "neverPicked",
                  plain);
  std::string bound = real(select.getBound().getValueAsDouble(), context);
  switch (select.getKind()) {
  case SelectKind::TopP:
    os << formatv("  selectPrefix<{0}, {1}>(keys, {2}, {3}, {4});\n",
                  candidates, picks, ids, bound, plain);
    break;
  case SelectKind::Threshold:
    os << formatv("  selectAbove<{0}, {1}>(keys, {2}, {3}, {4});\n", candidates,
                  picks, ids, bound, plain);
    break;
  default:
    if (noise == NoiseKind::SecondGumbel)
      os << formatv("  selectNoisy<{0}, {1}>(keys, {2}, {3});\n", candidates,
                    picks, ids, score("noisy" + number, noisy));
    else
      os << formatv("  selectTop<{0}, {1}>(keys, {2});\n", candidates, picks,
                    ids);
  }
  if (noise == NoiseKind::SecondBernoulli)
    os << formatv("  keepSecond({0}, {1}, {2});\n", scores, ids,
                  text.widened(op.getNoise(), "t"));
}

/// Ids from an operand, or from the table's row of the token's id.
void RouteText::copyGiven(SelectOp op, const std::string &ids) {
  const int64_t count = lastDim(op.getIds());
  Value source = op.getTable() ? op.getTable() : op.getGiven();
  std::string tokens = "1", token = "0", first = "t";
  if (op.getTable()) {
    tokens =
        std::to_string(cast<RankedTensorType>(source.getType()).getDimSize(0));
    token = "i64(" + text.element(op.getGiven(), "t") + ")";
    first = "row";
  }
  os << formatv(
      "  copyGiven<{0}, {1}>({2}, {3}, {4}, [&](i64 row, i32 j) {{ "
      "return i64({5}); });\n",
      lastDim(op.getScores()), count, ids, tokens, token,
      text.element(source, formatv("{0} * {1} + j", first, count).str()));
}

void RouteText::emit(SelectOp op) {
  using semantics::SelectKind;
  SelectAttr select = op.getSelect();
  const int64_t experts = lastDim(op.getScores()), slots = lastDim(op.getIds());
  std::string ids = names.lookup(op.getIds());
  filled.insert(op.getIds());
  int64_t picks = slots - select.getAlways();
  if (select.isGiven())
    copyGiven(op, ids);
  else if (select.getKind() == SelectKind::All)
    picks = 0;
  else
    pickByScore(op, ids);
  if (picks < slots)
    os << formatv("  addAlways<{0}, {1}, {2}>({3}, {4});\n", experts, slots,
                  picks, row(op.getScores()), ids);
  if (op.getValid())
    os << formatv("  keepIf<{0}>({1}, {2});\n", slots, ids,
                  text.element(op.getValid(), "t"));
  put(op.getIds(), ids);
}

/// One normalize step.
void RouteText::norm(WeighOp op, const semantics::NormStep &step,
                     const std::string &scores, const std::string &ids) {
  using namespace semantics;
  MLIRContext *context = op.getContext();
  const int64_t experts = lastDim(op.getScores());
  const int64_t picks = lastDim(op.getIds()) - op.getSpec().apart;
  std::string shape = formatv("<{0}, {1}>", experts, picks);
  auto change = [&](const std::string &value) {
    os << formatv("  changeRow<{0}>(weights, [&](f32 x) {{ return {1}; });\n",
                  picks, value);
  };
  auto total = [&](const std::string &value) {
    std::string name = "total" + std::to_string(totals++);
    os << "  const f32 " << name << " = " << value << ";\n";
    return name;
  };
  auto sum = [&](const std::string &term) {
    return "sumOfPicks" + shape + "(" + ids +
           ", weights, [&](f32 x) { return " + term + "; })";
  };
  if (step.kind == NormKind::MaskedSoftmax) {
    os << formatv("  maskedSoftmax{0}({1}, {2}, weights, {3}, {4});\n", shape,
                  scores, ids, real(2 * step.param, context), formula());
    return;
  }
  if (lookup(step.kind).divides) {
    const bool plain = formulasOf(step).empty();
    std::string term = plain ? "x" : nextFormula() + "(x)";
    std::string value = sum(term);
    if (!plain)
      value = nextFormula() + "(" + value + ")";
    std::string name = total(value);
    if (step.epsMode == EpsMode::Add)
      name = "(" + name + " + " + real(step.eps, context) + ")";
    if (step.epsMode == EpsMode::Max)
      name = formatv("({0} < {1} ? {1} : {0})", name, real(step.eps, context));
    return change("x / " + name);
  }
  const bool softmax = step.kind == NormKind::Softmax;
  std::string value = "x";
  if (softmax)
    value += " - " + total("maxOfPicks" + shape + "(" + ids + ", weights)");
  change(nextFormula() + "(" + value + ")");
  if (softmax)
    change("x / " + total(sum("x")));
}

void RouteText::emit(WeighOp op) {
  const semantics::RouterSpec spec = op.getSpec();
  const int64_t slots = lastDim(op.getIds());
  std::string scores = row(op.getScores()), ids = row(op.getIds());
  os << formatv("  gatherPicks<{0}, {1}>({2}, {3}, weights);\n",
                lastDim(op.getScores()), slots, scores, ids);
  for (const semantics::NormStep &step : spec.normalize)
    norm(op, step, scores, ids);
  std::string factor = real(spec.scale, op.getContext());
  if (op.getExpertScale())
    factor += " * " + text.widened(op.getExpertScale(), "e");
  os << formatv(
      "  scalePicks<{0}, {1}, {2}>({3}, weights, [&](i32 e) {{ return "
      "{4}; });\n",
      lastDim(op.getScores()), slots, slots - spec.apart, ids, factor);
  put(op.getWeights(), "weights");
}

//===----------------------------------------------------------------------===//
// Experts that pick tokens
//===----------------------------------------------------------------------===//

void RouteText::emitExpert(SelectOp op) {
  std::string places = "(" + text.sizeOf(op.getIds(), 1) + ")";
  os << formatv(
      "  selectTokens({0}, {1}, [&](i64 t) {{ return {2}; },\n"
      "      [&](i32 c, i32 id) {{ store({3} + e * {1} + c, id); });\n",
      text.sizeOf(op.getScores(), 0), places,
      text.widened(op.getScores(),
                   formatv("t * {0} + e", lastDim(op.getScores())).str()),
      text.tensors.lookup(op.getIds()));
}

void RouteText::emitExpert(WeighOp op) {
  std::string places = "(" + text.sizeOf(op.getWeights(), 1) + ")";
  std::string factor = real(op.getSpec().scale, op.getContext());
  if (op.getExpertScale())
    factor += " * " + text.widened(op.getExpertScale(), "e");
  std::string type = typeName(getElementTypeOrSelf(op.getWeights().getType()));
  os << formatv(
      "  for (i32 c = laneOf(); c < {0}; c += 32) {{\n"
      "    const i64 id = {1};\n"
      "    const bool known = id >= 0 && id < {2};\n"
      "    store({3} + e * {0} + c, narrow<{4}>(known ? {5} * ({6}) : 0.0f));\n"
      "  }\n",
      places, text.element(op.getIds(), "e * " + places + " + c"),
      text.sizeOf(op.getScores(), 0), text.tensors.lookup(op.getWeights()),
      type,
      text.widened(op.getScores(),
                   formatv("id * {0} + e", lastDim(op.getScores())).str()),
      factor);
}

void RouteText::printExperts() {
  Block &body = text.kernel.getBody().front();
  Value result = body.getTerminator()->getOperand(0);
  os << "  const i64 e = i64(blockIdx.x) * " << routeTokens
     << " + threadIdx.x / 32;\n"
     << "  if (e >= " << text.sizeOf(result, 0) << ")\n    return;\n";
  for (Operation &op : body)
    llvm::TypeSwitch<Operation *>(&op).Case<SelectOp, WeighOp>(
        [&](auto routing) { emitExpert(routing); });
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void RouteText::print() {
  exec::KernelOp kernel = text.kernel;
  Block &body = kernel.getBody().front();
  for (unsigned i = 0;; ++i) {
    func::FuncOp function = text.leaf(formulaName(kernel, i));
    if (!function)
      break;
    text.printFunction(function);
  }
  for (Operation &op : body)
    if (classOf(&op) == KernelClass::Route)
      for (Value operand : op.getOperands())
        text.printConstant(operand);
  text.open();
  const bool byExpert =
      llvm::any_of(body, [](Operation &op) { return isBatchDependent(&op); });
  byExpert ? printExperts() : printTokens();
  text.close();
}

void RouteText::printTokens() {
  Block &body = text.kernel.getBody().front();
  Value result = body.getTerminator()->getOperand(0);
  os << "  const i32 warp = threadIdx.x / 32;\n"
     << "  const i64 t = i64(blockIdx.x) * " << routeTokens << " + warp;\n"
     << "  if (t >= " << text.sizeOf(result, 0) << ")\n    return;\n"
     << "  const u32 base = sharedBase() + warp * " << rows.bytes << ";\n";
  unsigned number = 0;
  llvm::StringMap<unsigned> roles;
  for (auto [value, offset] : rows.rows) {
    StringRef role = isa<IntegerType>(getElementTypeOrSelf(value.getType()))
                         ? "ids"
                     : value.getDefiningOp<ScoreOp>() ? "scores"
                                                      : "logits";
    names[value] = (role + (roles[role]++ ? Twine(number) : Twine())).str();
    ++number;
    os << "  const u32 " << names[value] << " = base + " << offset << ";\n";
  }
  for (auto [called, offset, end] :
       {std::tuple("keys", rows.keys, rows.groupKeys),
        std::tuple("groupKeys", rows.groupKeys, rows.weights),
        std::tuple("weights", rows.weights, rows.bytes)})
    if (offset != end) // it has elements
      os << "  const u32 " << called << " = base + " << offset << ";\n";
  for (Operation &op : body)
    llvm::TypeSwitch<Operation *>(&op).Case<ScoreOp, SelectOp, WeighOp>(
        [&](auto routing) { emit(routing); });
}

void KernelText::printRoute() { RouteText(*this).print(); }
