//===- LayerMatch.h - MoE layers in formulas --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor is an MoE layer if its element is
//   y[t, h] = sum over j < k of w(t, j) * expert(id(t, j), x[t, :])[h]
// with ids that are the k picks of one row of scores, or, where experts choose,
//   y[t, h] = sum over e, c of [t == token(e, c)] * w(e, c) * expert(e, x[t,
//   :])
// with the C picks of one column. Every way to write a layer has this formula
// (Element.h), so one match serves them all.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_LAYERMATCH_H
#define MOE_PASSES_RAISE_LAYERMATCH_H

#include "moe/passes/raise/ExpertMatch.h"

namespace moe::raise {

struct LayerMatch {
  Expr token = nullptr, column = nullptr, expert = nullptr;
  /// A pick of the row of scores (of an expert's column, where experts choose).
  Expr pick = nullptr;
  int64_t count = 1;
  /// The names of the picks: one for all of them, or the numbers 0 to count - 1
  /// where every pick has a weight of its own.
  llvm::SmallVector<Expr> ranks;
  /// The weight at each of them, a formula of (token, rank); of (expert, rank)
  /// where experts choose.
  llvm::SmallVector<Expr> weights;
  /// Whether the weight multiplies the rows that enter, not what comes out.
  bool weighsRows = false;
  bool expertsChoose = false;
  ExpertMatch body;
};

/// `value`, at (token, column), as a layer; or nothing, with the reason in
/// `why` if it came close.
std::optional<LayerMatch> matchLayer(Formulas &f, Expr value, Expr token,
                                     Expr column, std::string &why);

/// Why a sum over experts is no layer, or nothing if it is none of experts.
std::optional<std::string> explainMixture(Formulas &f, Expr value, Expr token,
                                          Expr column);

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_LAYERMATCH_H
