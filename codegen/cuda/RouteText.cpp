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
  std::string row(Value value);
  void emit(ScoreOp op);
  void emit(SelectOp op);
  void emit(WeighOp op);
  void put(Value value, const std::string &from);
  std::string formula() {
    return formatv("[](f32 x) {{ return {0}(x); }",
                   formulaName(text.kernel, formulas++));
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

void RouteText::emit(SelectOp op) {
  const int64_t experts = lastDim(op.getScores());
  std::string scores = row(op.getScores());
  std::string ids = names.lookup(op.getIds());
  std::string value = "lds<f32>(" + scores + " + 4 * e)";
  if (op.getBias())
    value += " + " + text.widened(op.getBias(), "e");
  std::string score = "selection" + std::to_string(selections++);
  os << formatv("  auto {0} = [&](i32 e) {{ return {1}; };\n", score, value);
  os << formatv("  setRow<{0}>(keys, [&](i32 e) {{ return keyOf({1}(e)); });\n",
                experts, score);
  if (op.getGroups())
    os << formatv("  limitGroups<{0}, {1}, {2}, {3}>(keys, groupKeys, {4}, "
                  "{5});\n",
                  experts, op.getGroups()->getNumGroups(),
                  op.getGroups()->getKeep(), op.getGroups()->getTopSum(),
                  op.getGroups()->getFill() == semantics::GroupFill::Zero
                      ? "keyOf(0)"
                      : "neverPicked",
                  score);
  filled.insert(op.getIds());
  os << formatv("  selectTop<{0}, {1}>(keys, {2});\n", experts,
                lastDim(op.getIds()), ids);
  put(op.getIds(), ids);
}

void RouteText::emit(WeighOp op) {
  MLIRContext *context = op.getContext();
  const int64_t picks = lastDim(op.getIds());
  std::string scores = row(op.getScores()), ids = row(op.getIds());
  std::string shape = formatv("<{0}, {1}>", lastDim(op.getScores()), picks);
  auto change = [&](const std::string &value) {
    os << formatv("  changeRow<{0}>(weights, [&](f32 x) {{ return {1}; });\n",
                  picks, value);
  };
  auto total = [&](const std::string &value) {
    std::string name = "total" + std::to_string(totals++);
    os << "  const f32 " << name << " = " << value << ";\n";
    return name;
  };
  std::string sum = "sumOfPicks" + shape + "(" + ids + ", weights)";
  os << "  gatherPicks" << shape << "(" << scores << ", " << ids
     << ", weights);\n";
  if (op.getNormalize())
    for (auto norm : op.getNormalize()->getAsRange<NormAttr>()) {
      const semantics::NormStep step = norm.getSpec();
      if (step.kind == semantics::NormKind::L1) {
        std::string name = total(sum);
        if (step.epsMode == semantics::EpsMode::Add)
          name = "(" + name + " + " + real(step.eps, context) + ")";
        if (step.epsMode == semantics::EpsMode::Max)
          name =
              formatv("({0} < {1} ? {1} : {0})", name, real(step.eps, context));
        change("x / " + name);
        continue;
      }
      const bool softmax = step.kind == semantics::NormKind::Softmax;
      std::string value = "x";
      if (softmax)
        value += " - " + total("maxOfPicks" + shape + "(" + ids + ", weights)");
      change(formulaName(text.kernel, formulas++) + "(" + value + ")");
      if (softmax)
        change("x / " + total(sum));
    }
  const double scale = op.getScale() ? op.getScale()->convertToDouble() : 1.0;
  os << "  scalePicks" << shape << "(" << ids << ", weights, "
     << real(scale, context) << ");\n";
  put(op.getWeights(), "weights");
}

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
  text.close();
}

void KernelText::printRoute() { RouteText(*this).print(); }
