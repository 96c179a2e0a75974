//===- Source.cpp - Where a layer comes from ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/Source.h"

#include "moe/codegen/RegisterAll.h"
#include "moe/dialect/FrontEnds.h"
#include "moe/dialect/MoeOps.h"
#include "moe/passes/Passes.h"
#include "moe/runtime/import/Import.h"
#include "moe/runtime/jit/Diagnostics.h"
#include "moe/runtime/jit/InputGuard.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::Result;

std::unique_ptr<MLIRContext> jit::makeContext() {
  DialectRegistry registry;
  registerAllDialects(registry);
  return std::make_unique<MLIRContext>(registry,
                                       MLIRContext::Threading::DISABLED);
}

Result<OwningOpRef<ModuleOp>> jit::parseText(MLIRContext &context,
                                             std::string_view text,
                                             std::string_view name) {
  if (core::Status status = checkInput(text, name); !status)
    return status.takeError();
  DiagnosticCollector diagnostics(context);
  auto module = parseSourceString<ModuleOp>(
      StringRef(text.data(), text.size()), ParserConfig(&context),
      StringRef(name.data(), name.size()));
  if (!module) {
    Error error = diagnostics.error(ErrorId::IrInvalid,
                                    std::string(name) + ": is not IR");
    if (StringRef who = legalizerInText(error.message); !who.empty())
      error.message += "; what legalizes it: " + who.str();
    error.details = diagnostics.details();
    return error;
  }
  return module;
}

static Result<OwningOpRef<ModuleOp>>
readSource(MLIRContext &context, const moe_plugin_source &source) {
  std::string name = source.name ? source.name : "input";
  std::string_view text = source.text ? source.text : "";
  switch (source.kind) {
  case MOE_SOURCE_TEXT:
    return parseText(context, text, name);
  case MOE_SOURCE_CHECKPOINT:
    return import::importLayer(context, std::string(text), source.layer,
                               source.dtype ? source.dtype : "");
  case MOE_SOURCE_SPEC:
    return import::importSpec(context, text, name);
  }
  return Error(ErrorId::Internal,
               "unknown kind of source " + std::to_string(source.kind));
}

/// Whoever runs a function, and however, finds its taps among its outputs.
Result<OwningOpRef<ModuleOp>> jit::loadSource(MLIRContext &context,
                                              const moe_plugin_source &source) {
  Result<OwningOpRef<ModuleOp>> module = readSource(context, source);
  if (!module)
    return module;
  bool tapped = (**module)
                    .walk([](TapOp) { return WalkResult::interrupt(); })
                    .wasInterrupted();
  if (!tapped)
    return module;
  DiagnosticCollector diagnostics(context);
  PassManager pm(&context);
  pm.nest<func::FuncOp>().addPass(createExposeTapsPass());
  if (succeeded(pm.run(**module)))
    return module;
  Error error = diagnostics.error(
      ErrorId::IrInvalid, std::string(source.name ? source.name : "input") +
                              ": has taps that cannot be outputs");
  error.details = diagnostics.details();
  return error;
}

Result<std::string> jit::printedSource(const moe_plugin_source &source) {
  std::unique_ptr<MLIRContext> context = makeContext();
  Result<OwningOpRef<ModuleOp>> module = loadSource(*context, source);
  if (!module)
    return module.takeError();
  std::string text;
  llvm::raw_string_ostream os(text);
  (*module)->print(os);
  os << "\n";
  return text;
}

Result<func::FuncOp> jit::findFunction(ModuleOp module, const char *name) {
  std::string known;
  func::FuncOp found;
  unsigned count = 0;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    if (name && function.getSymName() == name)
      return function;
    known += (known.empty() ? "" : ", ") + function.getSymName().str();
    found = function;
    ++count;
  }
  if (!name && count == 1)
    return found;
  std::string asked = name ? "no public function '" + std::string(name) + "'"
                      : count == 0 ? "no public function with a body"
                                   : "several public functions, name one";
  return Error(ErrorId::FunctionNotFound,
               asked + (known.empty() ? "" : "; there are: " + known));
}

static std::string dtypeName(Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text;
}

static llvm::json::Array describe(func::FuncOp function, bool results) {
  llvm::json::Array list;
  TypeRange types = results ? TypeRange(function.getResultTypes())
                            : TypeRange(function.getArgumentTypes());
  for (auto [index, type] : llvm::enumerate(types)) {
    Attribute name = results
                         ? function.getResultAttr(index, MoeDialect::kNameAttr)
                         : function.getArgAttr(index, MoeDialect::kNameAttr);
    auto dims = results ? ArrayAttr()
                        : function.getArgAttrOfType<ArrayAttr>(
                              index, MoeDialect::kDimsAttr);
    llvm::json::Array shape;
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor)
      for (int64_t d = 0; d < tensor.getRank(); ++d) {
        if (!tensor.isDynamicDim(d))
          shape.push_back(tensor.getDimSize(d));
        else
          shape.push_back(dims ? cast<StringAttr>(dims[d]).str() : "?");
      }
    list.push_back(llvm::json::Object{
        {"name", name ? cast<StringAttr>(name).str()
                      : (results ? "result" : "arg") + std::to_string(index)},
        {"dtype", dtypeName(getElementTypeOrSelf(type))},
        {"shape", std::move(shape)}});
  }
  return list;
}

std::string jit::signatureOf(func::FuncOp function) {
  llvm::json::Object bounds;
  if (auto dict =
          function->getAttrOfType<DictionaryAttr>(MoeDialect::kBoundsAttr))
    for (NamedAttribute bound : dict)
      bounds[bound.getName().getValue()] =
          cast<IntegerAttr>(bound.getValue()).getInt();
  llvm::json::Object signature{{"function", function.getSymName()},
                               {"inputs", describe(function, false)},
                               {"outputs", describe(function, true)},
                               {"bounds", std::move(bounds)}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(signature));
  return text;
}
