//===- BuildLayer.h - moe ops for a matched layer ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All or nothing: what a layer needs is found first, as tensors that are there
// already; only then is the root replaced. What was built for an attempt that
// fails has no users and goes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_BUILDLAYER_H
#define MOE_PASSES_RAISE_BUILDLAYER_H

#include "moe/dialect/MoeOps.h"
#include "moe/passes/raise/LayerMatch.h"
#include "moe/passes/raise/RouteMatch.h"
#include "moe/passes/raise/TensorLookup.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moe::raise {

/// Replaces `root` by the layer; false, with the reason, if something that it
/// reads is not there.
bool buildLayer(ElementView &view, mlir::OpResult root, unsigned tokenDim,
                unsigned columnDim, const LayerMatch &layer, std::string &why);

/// Builds a router before the lookup's user, or finds its like; null if its
/// logits are no tensor.
RouteOp buildRoute(ElementView &view, TensorLookup &lookup,
                   const RouteMatch &match, Expr token);

/// Erases ops without users or effects, asserts among them that only guard
/// what is gone.
void eraseDead(mlir::func::FuncOp function);

/// Reads sizes from arguments where they are known to be equal.
void settleSizes(mlir::func::FuncOp function);

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_BUILDLAYER_H
