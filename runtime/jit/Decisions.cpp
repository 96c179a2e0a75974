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

std::string jit::decisionsAsJson(ModuleOp module, const PassRemarks &remarks) {
  llvm::json::Array list;
  for (const PassRemark &remark : remarks)
    list.push_back(llvm::json::Object{{"function", remark.place},
                                      {"what", remark.pass},
                                      {"chosen", remark.done ? "done" : "left"},
                                      {"reason", remark.text},
                                      {"runner_up", ""},
                                      {"figures", llvm::json::Object()}});
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

std::string jit::decisionsAsText(ModuleOp module, const PassRemarks &remarks) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const PassRemark &remark : remarks)
    os << (remark.done ? "done" : "left")
       << (remark.place.empty() ? "" : " at ") << remark.place << ": "
       << remark.text << " (" << remark.pass << ")\n";
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
