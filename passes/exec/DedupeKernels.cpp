//===- DedupeKernels.cpp - Equal kernels are one --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

namespace moe {
#define GEN_PASS_DEF_DEDUPEKERNELSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// The op's text under a neutral name. Names of values are positions, so equal
/// text is equal structure; types and attributes are printed in full.
template <typename OpT> static std::string textOf(OpT op) {
  StringAttr name = op.getSymNameAttr();
  op.setSymName("x");
  std::string text;
  llvm::raw_string_ostream os(text);
  op->print(
      os, OpPrintingFlags().useLocalScope().elideLargeElementsAttrs(INT64_MAX));
  op.setSymNameAttr(name);
  return text;
}

/// Erases every op whose text was seen before, and returns the new names.
template <typename OpT>
static llvm::DenseMap<StringAttr, StringAttr> dedupe(ModuleOp module) {
  llvm::StringMap<StringAttr> seen;
  llvm::DenseMap<StringAttr, StringAttr> renamed;
  for (OpT op : llvm::make_early_inc_range(module.getOps<OpT>())) {
    auto [entry, isNew] = seen.try_emplace(textOf(op), op.getSymNameAttr());
    if (isNew)
      continue;
    renamed[op.getSymNameAttr()] = entry->second;
    op.erase();
  }
  return renamed;
}

namespace {
struct DedupeKernelsPass : moe::impl::DedupeKernelsPassBase<DedupeKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (isDisabled(module, getArgument()))
      return;
    auto refer = [](const auto &renamed, FlatSymbolRefAttr &symbol) {
      auto it = renamed.find(symbol.getAttr());
      if (it != renamed.end())
        symbol = FlatSymbolRefAttr::get(it->second);
    };
    auto kernels = dedupe<KernelOp>(module);
    module.walk([&](Operation *op) {
      if (auto launch = dyn_cast<LaunchOp>(op)) {
        FlatSymbolRefAttr kernel = launch.getKernelAttr();
        refer(kernels, kernel);
        launch.setKernelAttr(kernel);
      } else if (auto prepare = dyn_cast<PrepareOp>(op)) {
        if (FlatSymbolRefAttr kernel = prepare.getKernelAttr()) {
          refer(kernels, kernel);
          prepare.setKernelAttr(kernel);
        }
      }
    });
    // Preparations name kernels, so they are compared after those.
    auto prepares = dedupe<PrepareOp>(module);
    module.walk([&](UseParamOp op) {
      FlatSymbolRefAttr prepare = op.getPrepareAttr();
      refer(prepares, prepare);
      op.setPrepareAttr(prepare);
    });
  }
};
} // namespace
