//===- OverrideIds.cpp - Route by ids that the caller gives ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_OVERRIDEIDSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {
struct OverrideIdsPass : moe::impl::OverrideIdsPassBase<OverrideIdsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function.isPublic() || function.isExternal())
      return;
    SmallVector<RouteOp> routes;
    function.walk([&](RouteOp op) { routes.push_back(op); });
    if (routes.size() != 1) {
      function.emitError() << "expects one router to override the ids of, got "
                           << routes.size();
      return signalPassFailure();
    }
    Value ids = routes.front().getIds();
    auto type = cast<RankedTensorType>(ids.getType());
    OpBuilder builder(&getContext());
    // The token dimension has the name it has in the first argument.
    auto dims =
        function.getNumArguments() == 0
            ? ArrayAttr()
            : function.getArgAttrOfType<ArrayAttr>(0, MoeDialect::kDimsAttr);
    NamedAttrList attributes;
    attributes.set(MoeDialect::kNameAttr,
                   builder.getStringAttr("override_ids"));
    if (dims && !dims.empty())
      attributes.set(
          MoeDialect::kDimsAttr,
          builder.getArrayAttr({dims[0], builder.getStringAttr("K")}));
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, type,
                                       attributes.getDictionary(&getContext()),
                                       function.getLoc())))
      return signalPassFailure();
    Value given = function.getArgument(index);
    // What the layer returns stays what its router said.
    ids.replaceUsesWithIf(given, [](OpOperand &use) {
      return !isa<func::ReturnOp>(use.getOwner());
    });
  }
};
} // namespace
