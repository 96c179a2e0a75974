//===- RaiseRoutes.cpp - Routers in ordinary ops to moe.route -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ids and weights that no layer needs (a function that only routes, a loss that
// counts picks) still come from one moe.route.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/raise/BuildLayer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace moe;
using namespace moe::raise;

namespace moe {
#define GEN_PASS_DEF_RAISEROUTESPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// Replaces the last tensor [T, K] that holds a router's ids or weights; false
/// if there is none.
static bool raiseOne(func::FuncOp function) {
  Formulas f;
  ElementView view(f);
  for (Operation &op : llvm::reverse(function.getBody().front())) {
    // Results of moe ops are opaque, and views follow what they view.
    if (op.getDialect() && op.getDialect()->getNamespace() == "moe")
      continue;
    for (OpResult result : op.getResults()) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type || result.use_empty() || type.getRank() != 2 ||
          type.isDynamicDim(1) || type.getDimSize(1) < 2 ||
          !type.getElementType().isIntOrFloat() ||
          type.getElementType().isInteger(1))
        continue;
      bool isIds = isa<IntegerType>(type.getElementType());
      if (!isIds && !type.getElementType().isF32())
        continue;
      Expr token = f.variable(view.size(result, 0));
      Expr rank = f.variable(view.size(result, 1));
      Expr value = view.element(result, {token, rank});
      if (f.exhausted())
        return false;
      llvm::SmallSetVector<Expr, 4> picks;
      Formulas::walk(value, [&](Expr node) {
        if (node->is(Kind::Pick) && node->args[2] == rank &&
            node->dependsOn(token))
          picks.insert(node);
      });
      // A softmax over the picks binds its own rank.
      for (Expr factor : Formulas::factors(value))
        if (factor->is(Kind::Softmax) && factor->args[2] == rank) {
          auto [name, logit] = f.open(factor);
          Formulas::walk(f.substitute(logit, name, rank), [&](Expr node) {
            if (node->is(Kind::Pick) && node->args[2] == rank)
              picks.insert(node);
          });
        }
      if (picks.size() != 1 || (isIds && value != picks[0]) ||
          !picks[0]->args[0]->is(Kind::Constant) ||
          picks[0]->args[0]->number < type.getDimSize(1))
        continue;
      std::optional<RouteMatch> match =
          matchRoute(f, picks[0], token, type.getDimSize(1), rank,
                     isIds ? ArrayRef<Expr>() : ArrayRef<Expr>(value));
      if (!match || (!isIds && !match->hasWeights))
        continue;
      TensorLookup lookup(view, &op);
      RouteOp route = buildRoute(view, lookup, *match, token);
      if (!route)
        continue;
      Value replacement = isIds ? route.getIds() : route.getWeights();
      if (isIds && type.getElementTypeBitWidth() > 32)
        replacement = arith::ExtSIOp::create(lookup.getBuilder(), op.getLoc(),
                                             type, replacement);
      if (replacement.getType() != type)
        continue;
      remark::passed(op.getLoc(), remark::RemarkOpts::name("router-raised")
                                      .category("moe-raise-routes"))
          << "raised to a moe.route of top_k(" +
                 std::to_string(type.getDimSize(1)) + ")";
      result.replaceAllUsesWith(replacement);
      return true;
    }
  }
  return false;
}

namespace {
struct RaiseRoutesPass : moe::impl::RaiseRoutesPassBase<RaiseRoutesPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock() ||
        isDisabled(function, getArgument()))
      return;
    while (raiseOne(function)) {
      settleSizes(function);
      eraseDead(function);
    }
  }
};
} // namespace
