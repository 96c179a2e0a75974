//===- ExposeTaps.cpp - Taps become outputs -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An output is the one thing that every executor hands to its caller, by name
// and in order, so a tap needs no mechanism of its own beyond becoming one.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_EXPOSETAPSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {
struct ExposeTapsPass : moe::impl::ExposeTapsPassBase<ExposeTapsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function.isPublic() || function.isExternal())
      return;
    SmallVector<TapOp> taps(function.getOps<TapOp>());
    if (taps.empty())
      return;
    if (!function.getBody().hasOneBlock()) {
      function.emitOpError("expects one block in a function with taps");
      return signalPassFailure();
    }
    Operation *end = function.getBody().front().getTerminator();
    for (TapOp tap : taps) {
      for (unsigned i = 0; i < function.getNumResults(); ++i)
        if (function.getResultAttr(i, MoeDialect::kNameAttr) ==
            tap.getNameAttr()) {
          tap.emitOpError() << "expects a name that no result has, got '"
                            << tap.getName() << "'";
          return signalPassFailure();
        }
      const unsigned index = function.getNumResults();
      auto attributes = DictionaryAttr::get(
          &getContext(),
          NamedAttribute(MoeDialect::kNameAttr, tap.getNameAttr()));
      if (failed(function.insertResult(index, tap.getValue().getType(),
                                       attributes)))
        return signalPassFailure();
      end->insertOperands(index, tap.getValue());
      tap.erase();
    }
  }
};
} // namespace
