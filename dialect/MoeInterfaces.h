//===- MoeInterfaces.h - What targets implement -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOEINTERFACES_H
#define MOE_DIALECT_MOEINTERFACES_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"

#include "llvm/ADT/SmallVector.h"

#include <string>

namespace moe {
class DecisionAttr;

/// A plan and why it was chosen.
struct PlanChoice {
  mlir::Attribute plan;
  mlir::Attribute decision;
};
/// What a whole target does a second, in FLOPs and in bytes from memory. A
/// multiply-add is two FLOPs.
struct Rates {
  double flops = 0, bytes = 0;
};
/// How a kernel is launched. Tasks are an affine expression of the program's
/// dimensions, or `times` the number of listed tiles (moe.tiles).
struct KernelShape {
  mlir::AffineMap tasks;
  bool perTile = false;
  int64_t times = 1;
  int64_t scratchBytes = 0;
};
} // namespace moe

#include "moe/dialect/MoeAttrInterfaces.h.inc"
#include "moe/dialect/MoeOpInterfaces.h.inc"

namespace moe {
/// Whether an op says something of a token that depends on the other tokens of
/// the call. Ops without the interface do not.
inline bool isBatchDependent(mlir::Operation *op) {
  auto scope = llvm::dyn_cast<TokenScopeOpInterface>(op);
  return scope && !scope.isTokenLocal();
}
} // namespace moe

#endif // MOE_DIALECT_MOEINTERFACES_H
