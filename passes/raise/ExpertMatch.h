//===- ExpertMatch.h - One expert's computation in formulas -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A formula of (token, expert, column) is an expert's body if it is built from
// products of a row and a weight, biases and rows of the activation table. The
// match is a list of steps; building them as ops comes after everything has
// been found.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_EXPERTMATCH_H
#define MOE_PASSES_RAISE_EXPERTMATCH_H

#include "moe/dialect/semantics/Activation.h"
#include "moe/passes/raise/Element.h"

namespace moe::raise {

/// A linear or an activation over earlier steps; operand -1 is the rows.
struct ExpertStep {
  /// Linear: the weight at (expert, out, in) and the bias at (expert, out), or
  /// null.
  Expr weight = nullptr, bias = nullptr;
  Expr out = nullptr, in = nullptr;
  /// Otherwise an activation and its parameters.
  std::optional<semantics::Activation> activation;
  llvm::SmallVector<double, 3> params;

  llvm::SmallVector<int, 2> operands;
};

struct ExpertMatch {
  llvm::SmallVector<ExpertStep> steps;
  /// The rows that enter, at (token, feature).
  Expr rows = nullptr, feature = nullptr;
};

/// `body` as an expert, or in `why` the reason that it is none.
std::optional<ExpertMatch> matchExpert(Formulas &f, Expr body, Expr token,
                                       Expr expert, Expr column,
                                       std::string &why);

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_EXPERTMATCH_H
