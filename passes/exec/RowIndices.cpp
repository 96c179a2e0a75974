//===- RowIndices.cpp - Whether rows can be counted in i32 ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels keep rows and slots in 32 bits. The bounds of a function's tokens say
// whether that is enough, once for every call.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/passes/exec/DimExprs.h"

using namespace mlir;
using namespace moe;

/// Rows and slots are counted in i32: their most must be one. What is indexed
/// by more, the elements of rows, is indexed in 64 bits.
LogicalResult DimExprs::verifyRowIndices() {
  SmallVector<AffineExpr> most;
  for (const Dim &dim : list)
    most.push_back(getAffineConstantExpr(dim.bound, context));
  WalkResult result = function.walk([&](GroupOp op) {
    Found rows = find(op.getGroups(), 0);
    if (!rows.expr)
      return WalkResult::advance(); // reported where it is needed
    auto count = dyn_cast<AffineConstantExpr>(
        simplifyAffineExpr(rows.expr.replaceDims(most), 0, 0));
    if (!count || (count.getValue() >= 0 &&
                   count.getValue() <= std::numeric_limits<int32_t>::max()))
      return WalkResult::advance();
    op.emitOpError() << "expects fewer than 2^31 rows, as indices of rows are "
                        "i32, got "
                     << text(rows.expr) << " of up to " << count.getValue()
                     << "; lower the bound of its tokens (moe.bounds)";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
