//===- EmitExpr.h - A table's formula as arith and math ops -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_EMITEXPR_H
#define MOE_DIALECT_EMITEXPR_H

#include "moe/dialect/semantics/Expr.h"

#include "mlir/IR/Builders.h"

namespace moe {

/// Emits a formula over `inputs` (x0, x1, ...; all of one float type, scalar or
/// vector) with the values of its parameters. Shared terms are emitted once.
/// The result has the inputs' type.
mlir::Value emitExpr(mlir::OpBuilder &builder, mlir::Location loc,
                     const semantics::Expr &expr, mlir::ValueRange inputs,
                     llvm::ArrayRef<double> params = {});

} // namespace moe

#endif // MOE_DIALECT_EMITEXPR_H
