//===- Router.cpp - What a router computes ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The score and norm tables, and the rules of a router, in the order in which a
// reader of moe.route meets the clauses.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/Router.h"
#include "moe/dialect/semantics/Table.h"

#include <cmath>
#include <vector>

using namespace moe::semantics;

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

std::span<const ScoreRow> moe::semantics::scoreFns() {
  static const std::vector<ScoreRow> rows = [] {
    Expr x = Expr::input(0);
    // Above 20 softplus(x) is x in f32; torch switches there.
    Expr sqrtSoftplus =
        Expr::selectGt(x, Expr::constant(20.0), sqrt(x), sqrt(log1p(exp(x))));
    return std::vector<ScoreRow>{
        {ScoreFn::Identity, "identity", /*rowWise=*/false, x},
        {ScoreFn::Softmax, "softmax", /*rowWise=*/true, exp(x)},
        {ScoreFn::Sigmoid, "sigmoid", /*rowWise=*/false, sigmoid(x)},
        {ScoreFn::SqrtSoftplus, "sqrtsoftplus", /*rowWise=*/false,
         sqrtSoftplus},
        {ScoreFn::Relu, "relu", /*rowWise=*/false, max(x, Expr::constant(0.0))},
    };
  }();
  return rows;
}

std::span<const NormRow> moe::semantics::normKinds() {
  static constexpr NormRow rows[] = {
      {NormKind::Softmax, "softmax"},
      {NormKind::Sigmoid, "sigmoid"},
      {NormKind::L1, "l1"},
  };
  return rows;
}

const ScoreRow &moe::semantics::lookup(ScoreFn id) {
  return rowOf(scoreFns(), id);
}
const NormRow &moe::semantics::lookup(NormKind id) {
  return rowOf(normKinds(), id);
}

std::optional<ScoreFn> moe::semantics::scoreFnFromName(std::string_view name) {
  return idOfName(scoreFns(), name);
}
std::optional<NormKind>
moe::semantics::normKindFromName(std::string_view name) {
  return idOfName(normKinds(), name);
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

using std::to_string;

std::optional<std::string>
moe::semantics::verifyGroups(const GroupLimit &groups, int64_t numExperts,
                             int64_t topK) {
  // route_c3
  if (groups.numGroups < 1 || numExperts % groups.numGroups != 0)
    return "expects a number of groups that divides the number of experts, "
           "got " +
           to_string(groups.numGroups) + " groups for " +
           to_string(numExperts) + " experts";
  if (groups.keep < 1 || groups.keep > groups.numGroups)
    return "expects 1 <= keep <= number of groups, got keep " +
           to_string(groups.keep) + " of " + to_string(groups.numGroups) +
           " groups";
  int64_t groupSize = numExperts / groups.numGroups;
  if (groups.topSum < 1 || groups.topSum > groupSize)
    return "expects a group score over 1 to " + to_string(groupSize) +
           " experts, the size of a group, got top" + to_string(groups.topSum) +
           "_sum";
  // route_c2. With fill 0 the experts of the other groups can be picked too.
  int64_t kept = groups.keep * groupSize;
  if (groups.fill == GroupFill::NegInf && topK > kept)
    return "expects k <= " + to_string(kept) +
           ", the number of experts in the kept groups, with fill -inf, got "
           "k = " +
           to_string(topK);
  return std::nullopt;
}

/// The first rule that one normalize step breaks.
static std::optional<std::string> verifyStep(const NormStep &step,
                                             ScoreFn score) {
  std::string name = "normalize " + std::string(lookup(step.kind).name);
  // route_c5
  if (step.kind != NormKind::L1 && score != ScoreFn::Identity)
    return "expects no score clause with " + name + ", which takes logits, " +
           "got score " + std::string(lookup(score).name);
  // route_c6
  if (step.epsMode == EpsMode::None) {
    if (step.eps != 0)
      return "expects a mode, add or max, for the eps of " + name + ", got " +
             decimalText(step.eps) + " without one";
    return std::nullopt;
  }
  if (step.kind != NormKind::L1)
    return "expects no eps for " + name + ": only l1 divides by a sum";
  if (!(step.eps > 0) || std::isinf(step.eps))
    return "expects a positive, finite eps for " + name + ", got " +
           decimalText(step.eps);
  return std::nullopt;
}

std::optional<std::string> moe::semantics::verifyRouter(const RouterSpec &spec,
                                                        int64_t numExperts) {
  // route_c2
  if (spec.topK < 1 || spec.topK > numExperts)
    return "expects 1 <= k <= number of experts, got k = " +
           to_string(spec.topK) + " with " + to_string(numExperts) + " experts";
  if (spec.groups)
    if (auto broken = verifyGroups(*spec.groups, numExperts, spec.topK))
      return broken;
  for (const NormStep &step : spec.normalize)
    if (auto broken = verifyStep(step, spec.score))
      return broken;
  // route_c7
  if (!std::isfinite(spec.scale))
    return "expects a finite scale, got " + decimalText(spec.scale);
  return std::nullopt;
}
