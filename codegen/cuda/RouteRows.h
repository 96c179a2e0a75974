//===- RouteRows.h - A token's rows in a route kernel -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_ROUTEROWS_H
#define MOE_CODEGEN_CUDA_ROUTEROWS_H

#include "moe/dialect/exec/MoeExecOps.h"

#include "llvm/ADT/MapVector.h"

namespace moe::cuda {

/// Where a warp keeps its token's rows of 32-bit elements, in bytes from the
/// start of its shared memory.
struct RouteRows {
  llvm::MapVector<mlir::Value, int64_t> rows; ///< of logits, scores, ids
  int64_t keys = 0, groupKeys = 0, weights = 0, bytes = 0;

  explicit RouteRows(exec::KernelOp kernel);
};

/// The last dimension of a tensor.
int64_t lastDim(mlir::Value tensor);

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_ROUTEROWS_H
