//===- Target.cpp - The target of a module --------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace moe;

FailureOr<TargetAttrInterface> moe::getTarget(Operation *op) {
  for (Operation *parent = op; parent; parent = parent->getParentOp())
    if (auto target =
            parent->getAttrOfType<TargetAttrInterface>(MoeDialect::kTargetAttr))
      return target;
  op->emitError() << "expects a module with " << MoeDialect::kTargetAttr
                  << ", such as {moe.target = #moe_cpu.target<...>}";
  return failure();
}

bool moe::isDisabled(Operation *op, StringRef pass) {
  for (Operation *parent = op; parent; parent = parent->getParentOp())
    if (auto names = parent->getAttrOfType<ArrayAttr>(MoeDialect::kDisableAttr))
      return llvm::any_of(names.getAsRange<StringAttr>(),
                          [&](StringAttr name) { return name == pass; });
  return false;
}
