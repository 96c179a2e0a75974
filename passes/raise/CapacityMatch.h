//===- CapacityMatch.h - Capacities of experts in formulas ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A capacity is a factor of the weights: [slots of this expert that come before
// this one < C]. Which slots come before is the order of moe.capacity; as with
// clauses of a router, the formula of each order is built and compared.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_CAPACITYMATCH_H
#define MOE_PASSES_RAISE_CAPACITYMATCH_H

#include "moe/dialect/MoeOps.h"
#include "moe/passes/raise/LayerMatch.h"

namespace moe::raise {

struct CapacityMatch {
  int64_t places = 0;
  CapacityOrder order = CapacityOrder::TokenMajor;
  /// What divides the weights that stay.
  std::optional<semantics::NormStep> renorm;
  /// The weights without all of this, one a rank.
  llvm::SmallVector<Expr> weights;
};

/// The capacity that drops slots of `layer`, if one does.
std::optional<CapacityMatch> matchCapacity(Formulas &f,
                                           const LayerMatch &layer);

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_CAPACITYMATCH_H
