//===- Decisions.cpp - What the compiler decided, for readers -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/Decisions.h"

#include "moe/dialect/MoeDialect.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace moe;
using namespace moe::jit;

/// Calls `visit` with every decision and the symbol that holds it.
static void
forEachDecision(ModuleOp module,
                llvm::function_ref<void(StringRef, DecisionAttr)> visit) {
  // A walk, since the inputs of --split-input-file are modules in a module.
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    auto list = op->getAttrOfType<ArrayAttr>(MoeDialect::kDecisionsAttr);
    auto name = op->getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
    if (!list || !name)
      return;
    for (auto decision : list.getAsRange<DecisionAttr>())
      visit(name, decision);
  });
}

static std::string textOf(Attribute attribute) {
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.str();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto number = dyn_cast<FloatAttr>(attribute))
    os << llvm::format("%.4g", number.getValueAsDouble());
  else if (auto integer = dyn_cast<IntegerAttr>(attribute))
    os << integer.getValue();
  else if (auto numbers = dyn_cast<DenseF64ArrayAttr>(attribute))
    llvm::interleave(
        numbers.asArrayRef(), os,
        [&](double number) { os << llvm::format("%.4g", number); }, "/");
  else if (auto integers = dyn_cast<DenseI64ArrayAttr>(attribute))
    llvm::interleave(integers.asArrayRef(), os, "/");
  else
    os << attribute;
  return text;
}

static llvm::json::Value jsonOf(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  if (auto numbers = dyn_cast<DenseF64ArrayAttr>(attribute))
    return llvm::json::Array(numbers.asArrayRef());
  if (auto integers = dyn_cast<DenseI64ArrayAttr>(attribute))
    return llvm::json::Array(integers.asArrayRef());
  return textOf(attribute);
}

/// The figures of remarks that have some: what functions cost before and after.
static llvm::json::Object jsonOf(const PassRemark &remark) {
  llvm::json::Object figures;
  for (const auto &[name, number] : remark.figures)
    figures[name] = number;
  return figures;
}

std::string jit::decisionsAsJson(ModuleOp module, const PassRemarks &remarks) {
  llvm::json::Array list;
  for (const PassRemark &remark : remarks) {
    const bool isCost = remark.kind == PassRemark::Kind::Figures;
    auto [counted, best] = StringRef(remark.text).split("; ");
    StringRef chosen = remark.kind == PassRemark::Kind::Done ? "done" : "left";
    list.push_back(llvm::json::Object{
        {"function", isCost ? remark.function : remark.place},
        {"what", isCost ? "cost " + remark.name : remark.pass},
        {"chosen", isCost ? counted : chosen},
        {"reason", isCost ? best : StringRef(remark.text)},
        {"runner_up", ""},
        {"figures", jsonOf(remark)}});
  }
  forEachDecision(module, [&](StringRef function, DecisionAttr decision) {
    llvm::json::Object figures;
    if (DictionaryAttr given = decision.getFigures())
      for (NamedAttribute figure : given)
        figures[figure.getName().getValue()] = jsonOf(figure.getValue());
    list.push_back(llvm::json::Object{{"function", function},
                                      {"what", decision.getWhat()},
                                      {"chosen", decision.getChosen()},
                                      {"reason", decision.getReason()},
                                      {"runner_up", decision.getRunnerUp()},
                                      {"figures", std::move(figures)}});
  });
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::formatv("{0:2}", llvm::json::Value(std::move(list)));
  return text + "\n";
}

/// A line a function and token count, with what it was before: the first of the
/// same function and tokens.
static void printCosts(const PassRemarks &remarks, llvm::raw_ostream &os) {
  for (const PassRemark &remark : remarks) {
    if (remark.kind != PassRemark::Kind::Figures)
      continue;
    os << "cost of @" << remark.function;
    for (const auto &[name, number] : remark.figures)
      if (name == "tokens")
        os << " at " << static_cast<int64_t>(number)
           << (number == 1 ? " token" : " tokens");
    os << " " << remark.name << ": " << remark.text << "\n";
  }
}

std::string jit::decisionsAsText(ModuleOp module, const PassRemarks &remarks) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const PassRemark &remark : remarks)
    if (remark.kind != PassRemark::Kind::Figures)
      os << (remark.kind == PassRemark::Kind::Done ? "done" : "left")
         << (remark.place.empty() ? "" : " at ") << remark.place << ": "
         << remark.text << " (" << remark.pass << ")\n";
  printCosts(remarks, os);
  StringRef current;
  forEachDecision(module, [&](StringRef function, DecisionAttr decision) {
    if (function != current)
      os << "@" << function << "\n";
    current = function;
    os << "  " << decision.getWhat() << ": " << decision.getChosen() << "\n"
       << "    because " << decision.getReason() << "\n";
    if (!decision.getRunnerUp().empty())
      os << "    next best: " << decision.getRunnerUp() << "\n";
    if (DictionaryAttr figures = decision.getFigures()) {
      os << "    ";
      llvm::interleave(
          figures, os,
          [&](NamedAttribute figure) {
            os << figure.getName().getValue() << " "
               << textOf(figure.getValue());
          },
          ", ");
      os << "\n";
    }
  });
  return text.empty() ? "no decisions were recorded\n" : text;
}
