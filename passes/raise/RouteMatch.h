//===- RouteMatch.h - Routers in formulas -----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The picks and weights of a token as clauses of moe.route. A clause is found
// by building the formula that it stands for and comparing: equal formulas are
// one node.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_ROUTEMATCH_H
#define MOE_PASSES_RAISE_ROUTEMATCH_H

#include "moe/dialect/semantics/Router.h"
#include "moe/passes/raise/Element.h"

namespace moe::raise {

/// A router: clauses, and what they read.
struct RouteMatch {
  semantics::RouterSpec spec;
  /// Logits and bias at (token, expert); bias may be null.
  Expr logits = nullptr, bias = nullptr;
  Expr expert = nullptr;
  /// Whether the clauses also give the weights.
  bool hasWeights = false;
};

/// The router that picks `pick`, a Pick of `count` ranks; `weights` are its
/// weights at `ranks` (one name for all ranks, or a number each), if clauses
/// say them; empty if nobody asks for them.
std::optional<RouteMatch> matchRoute(Formulas &f, Expr pick, Expr token,
                                     int64_t count, llvm::ArrayRef<Expr> ranks,
                                     llvm::ArrayRef<Expr> weights);

/// The router by which each expert picks `count` tokens, `pick` those of
/// `expert`, a name; its weight is `weight`, a formula of the pick.
std::optional<RouteMatch> matchExpertsRoute(Formulas &f, Expr pick, Expr token,
                                            Expr expert, int64_t count,
                                            Expr weight);

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_ROUTEMATCH_H
