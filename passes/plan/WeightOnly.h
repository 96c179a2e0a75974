//===- WeightOnly.h - Values that depend on parameters alone ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is computed from parameters and constants alone is computed once, when
// weights are bound. Whether a value is such decides where its ops go.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_PLAN_WEIGHTONLY_H
#define MOE_PASSES_PLAN_WEIGHTONLY_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseSet.h"

namespace moe {

/// The weight-only values below an op: load_params, and the tensors and packed
/// weights that pure ops make of them and of constants. A constant alone is
/// none, nor is anything that no single buffer backs (a scalar, groups).
class WeightOnly {
public:
  explicit WeightOnly(mlir::Operation *root);
  bool contains(mlir::Value value) const { return values.contains(value); }

private:
  llvm::DenseSet<mlir::Value> values;
};

} // namespace moe

#endif // MOE_PASSES_PLAN_WEIGHTONLY_H
