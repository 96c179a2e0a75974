//===- BuildMatmul.h - grouped_matmul from a linear -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_FUSE_BUILDMATMUL_H
#define MOE_PASSES_FUSE_BUILDMATMUL_H

#include "moe/dialect/MoeOps.h"

namespace moe {

/// rows * weightT (+ bias in acc), rounded once to the result's element type:
/// what moe.linear computes, over groups or (null) as one dense layer. `bias`
/// is [N], or [E, N] with groups; null for none.
GroupedMatmulOp buildMatmul(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Type result, mlir::Value rows,
                            mlir::Value weight, mlir::Value groups,
                            mlir::Value bias, mlir::Type acc);

} // namespace moe

#endif // MOE_PASSES_FUSE_BUILDMATMUL_H
