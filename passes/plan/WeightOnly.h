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

#include "mlir/IR/Value.h"

namespace moe {

/// True for a load_param, and for what pure ops make of load_params and
/// constants. False for a constant alone.
bool isWeightOnly(mlir::Value value);

} // namespace moe

#endif // MOE_PASSES_PLAN_WEIGHTONLY_H
