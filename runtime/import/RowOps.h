//===- RowOps.h - What layers do to rows beside the experts -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Norms, scales and mixtures around the experts are ordinary ops. They are
// written here in the forms that become map and row-reduce kernels; scalars are
// f32 whatever the tensors hold.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_ROWOPS_H
#define MOE_RUNTIME_IMPORT_ROWOPS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace moe::import {

/// How a map over [t, h] reads an operand.
enum class Read {
  All,    ///< x[t, h]
  Row,    ///< x[t]
  Column, ///< x[h]
  First,  ///< x[t, 0]
  Second, ///< x[t, 1]
  Only,   ///< x[0]
};

struct RowOperand {
  mlir::Value value;
  Read read = Read::All;
};

/// What one element is, in f32, from the operands' elements in f32.
using ElementFn = llvm::function_ref<mlir::Value(
    mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

/// A tensor [t, width] of `element`, each element computed on its own. The
/// first operand has the rows.
mlir::Value mapRows(mlir::OpBuilder &builder, mlir::Location loc,
                    llvm::ArrayRef<RowOperand> operands, int64_t width,
                    mlir::Type element, ElementFn body);

struct RmsNorm {
  mlir::Value weight = {}; ///< [h]; null: 1
  double eps = 0;
  /// Stored weights are one less than what multiplies.
  bool weightFromOne = false;
  /// The weight multiplies before the mean is taken, not after.
  bool weightFirst = false;
  double scale = 1.0;
};

/// x[t, h] over the root of the mean of its squares, of `element`.
mlir::Value rmsNorm(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value input, const RmsNorm &norm, mlir::Type element);

/// ids[t, j], and -1 for those that are not below `experts`.
mlir::Value idsBelow(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value ids, int64_t experts);

/// ids[t, j] - first, and -1 for those that are below `first`.
mlir::Value idsFrom(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value ids, int64_t first);

/// [t, 1]: the sum of the weights whose ids are not below `experts`.
mlir::Value weightFrom(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value ids, mlir::Value weights, int64_t experts);

/// value * factor.
mlir::Value times(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::Value value, double factor);

/// 1 / (1 + exp(-value)).
mlir::Value sigmoid(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value value);

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_ROWOPS_H
