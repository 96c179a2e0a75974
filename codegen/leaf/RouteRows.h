//===- RouteRows.h - A token's rows in a route kernel -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A router works on one token at a time. What it keeps of it between its ops is
// the same on every target; only who holds the memory differs.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_ROUTEROWS_H
#define MOE_CODEGEN_LEAF_ROUTEROWS_H

#include "moe/dialect/exec/MoeExecOps.h"
#include "moe/dialect/semantics/Router.h"

#include "llvm/ADT/MapVector.h"

namespace moe {

/// Where a token's rows of 32-bit elements are, in bytes from the start of its
/// memory. Each begins at a multiple of `alignment` bytes.
struct RouteRows {
  llvm::MapVector<mlir::Value, int64_t> rows; ///< of logits, scores, ids
  int64_t keys = 0, groupKeys = 0, weights = 0, bytes = 0;

  RouteRows(exec::KernelOp kernel, int64_t alignment);
};

/// The last dimension of a tensor.
int64_t lastDim(mlir::Value tensor);

/// The formulas that a normalize step applies to its picks: of those that
/// divide by a norm term and root, unless they are the value itself; of the
/// others what turns a value, less the maximum of a softmax, into a score.
llvm::SmallVector<semantics::Expr> formulasOf(const semantics::NormStep &step);

} // namespace moe

#endif // MOE_CODEGEN_LEAF_ROUTEROWS_H
