//===- ConvertFloat.h - Between float types of any width --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every rounding of a layer is an op. This is the one place that picks it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_CONVERTFLOAT_H
#define MOE_DIALECT_CONVERTFLOAT_H

#include "mlir/IR/Builders.h"

namespace moe {

/// `value` as `type` by arith.extf or arith.truncf, or as it is. Both are float
/// scalars, or tensors or vectors of one shape.
mlir::Value convertFloat(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value value, mlir::Type type);

} // namespace moe

#endif // MOE_DIALECT_CONVERTFLOAT_H
