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

#include <algorithm>
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

std::span<const SelectRow> moe::semantics::selectKinds() {
  static constexpr SelectRow rows[] = {
      {SelectKind::TopK, "top_k", /*byScore=*/true, ""},
      {SelectKind::TopP, "top_p", /*byScore=*/true, "p"},
      {SelectKind::Threshold, "threshold", /*byScore=*/true, "tau"},
      {SelectKind::All, "all", /*byScore=*/false, ""},
      {SelectKind::Table, "table", /*byScore=*/false, ""},
      {SelectKind::Extern, "extern", /*byScore=*/false, ""},
      {SelectKind::ExpertTopK, "expert_top_k", /*byScore=*/false, ""},
  };
  return rows;
}

std::span<const NoiseRow> moe::semantics::noiseKinds() {
  static constexpr NoiseRow rows[] = {
      {NoiseKind::Gumbel, "gumbel"},
      {NoiseKind::SecondGumbel, "second_gumbel"},
      {NoiseKind::SecondBernoulli, "second_bernoulli"},
  };
  return rows;
}

std::span<const NormRow> moe::semantics::normKinds() {
  static constexpr NormRow rows[] = {
      {NormKind::Softmax, "softmax", /*ofLogits=*/true, /*divides=*/false, ""},
      {NormKind::Sigmoid, "sigmoid", /*ofLogits=*/true, /*divides=*/false, ""},
      {NormKind::L1, "l1", /*ofLogits=*/false, /*divides=*/true, ""},
      {NormKind::MaskedSoftmax, "masked_softmax", /*ofLogits=*/true,
       /*divides=*/false, "eps"},
      {NormKind::Lp, "lp", /*ofLogits=*/false, /*divides=*/true, "p"},
  };
  return rows;
}

NormFormulas moe::semantics::normFormulas(const NormStep &step) {
  Expr x = Expr::input(0);
  if (step.kind == NormKind::L1)
    return {x, x};
  const double p = step.param;
  Expr size = max(x, -x);
  if (p == 1)
    return {size, x};
  if (p == 2)
    return {x * x, sqrt(x)};
  return {exp(log(size) * p), exp(log(x) * (1 / p))};
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

const SelectRow &moe::semantics::lookup(SelectKind id) {
  return rowOf(selectKinds(), id);
}
std::optional<SelectKind>
moe::semantics::selectKindFromName(std::string_view name) {
  return idOfName(selectKinds(), name);
}
std::string_view moe::semantics::nameOf(NoiseKind id) {
  for (const NoiseRow &row : noiseKinds())
    if (row.id == id)
      return row.name;
  return "";
}
std::optional<NoiseKind>
moe::semantics::noiseKindFromName(std::string_view name) {
  return idOfName(noiseKinds(), name);
}

//===----------------------------------------------------------------------===//
// Capacities
//===----------------------------------------------------------------------===//

static constexpr std::string_view roundingNames[] = {"floor", "ceil",
                                                     "nearest"};

std::string_view moe::semantics::nameOf(Rounding rounding) {
  return roundingNames[static_cast<size_t>(rounding)];
}
std::optional<Rounding>
moe::semantics::roundingFromName(std::string_view name) {
  for (Rounding rounding : {Rounding::Floor, Rounding::Ceil, Rounding::Nearest})
    if (nameOf(rounding) == name)
      return rounding;
  return std::nullopt;
}

RatioDivision moe::semantics::divisionOf(const CapacityLimit &limit) {
  switch (limit.rounding) {
  case Rounding::Floor:
    return {limit.numerator, 0, limit.denominator};
  case Rounding::Ceil:
    return {limit.numerator, limit.denominator - 1, limit.denominator};
  case Rounding::Nearest:
    break;
  }
  return {2 * limit.numerator, limit.denominator, 2 * limit.denominator};
}

int64_t moe::semantics::capacityOf(const CapacityLimit &limit, int64_t tokens) {
  RatioDivision ratio = divisionOf(limit);
  int64_t places = (tokens * ratio.factor + ratio.addend) / ratio.divisor;
  places = std::max(places, limit.minimum);
  return (places + limit.multipleOf - 1) / limit.multipleOf * limit.multipleOf;
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

/// The largest number of a capacity's formula: products with a number of tokens
/// stay far from the end of 64 bits.
static constexpr int64_t mostOfLimit = int64_t(1) << 30;

std::optional<std::string>
moe::semantics::verifyLimit(const CapacityLimit &limit) {
  // capacity_c2
  if (limit.isNumber()) {
    if (limit.minimum < 1)
      return "expects cap >= 1, got cap = " + to_string(limit.minimum);
    return std::nullopt;
  }
  struct {
    std::string_view name;
    int64_t value, least;
  } numbers[] = {{"numerator", limit.numerator, 1},
                 {"denominator", limit.denominator, 1},
                 {"minimum", limit.minimum, 0},
                 {"multiple_of", limit.multipleOf, 1}};
  for (const auto &number : numbers)
    if (number.value < number.least || number.value > mostOfLimit)
      return "expects a " + std::string(number.name) + " of " +
             to_string(number.least) + " to " + to_string(mostOfLimit) +
             ", got " + to_string(number.value);
  return std::nullopt;
}

std::optional<std::string>
moe::semantics::verifySelection(const RouterSpec &spec, int64_t numExperts) {
  const Selection &select = spec.select;
  const SelectRow &row = lookup(select.kind);
  const std::string name(row.name);
  // route_c10
  if (select.always != 0 && !row.byScore)
    return "expects no always clause with " + name +
           ", which does not pick by score";
  if (select.always < 0 || select.always >= std::max<int64_t>(numExperts, 1))
    return "expects fewer always-on experts than there are, got " +
           to_string(select.always) + " of " + to_string(numExperts);
  const int64_t candidates = numExperts - select.always;
  // route_c2. A table and given ids bring their own number.
  const bool given =
      select.kind == SelectKind::Table || select.kind == SelectKind::Extern;
  if (spec.topK < 1 || (!given && select.kind != SelectKind::ExpertTopK &&
                        spec.topK > candidates))
    return "expects 1 <= k <= number of experts, got k = " +
           to_string(spec.topK) + " with " + to_string(candidates) + " experts";
  // route_c9
  if (!row.bound.empty() &&
      (!std::isfinite(select.bound) ||
       (select.kind == SelectKind::TopP && select.bound <= 0)))
    return "expects a " +
           std::string(select.kind == SelectKind::TopP ? "positive, " : "") +
           "finite " + std::string(row.bound) + " for " + name + ", got " +
           decimalText(select.bound);
  if (spec.hasBias && !row.byScore)
    return "expects no bias with " + name + ", which does not pick by score";
  // route_c11
  if (select.noise != NoiseKind::None) {
    const std::string noise(nameOf(select.noise));
    if (!row.byScore)
      return "expects no noise with " + name + ", which does not pick by score";
    if (select.noise != NoiseKind::Gumbel && select.kind != SelectKind::TopK)
      return "expects top_k with noise " + noise + ", got " + name;
    if (select.noise == NoiseKind::SecondBernoulli && spec.topK != 2)
      return "expects k = 2 with noise " + noise +
             ", got k = " + to_string(spec.topK);
    if (select.noise == NoiseKind::SecondGumbel && spec.groups)
      return "expects no groups with noise " + noise +
             ", which picks the first expert without it";
  }
  if (!spec.groups)
    return std::nullopt;
  if (!row.byScore || !row.bound.empty())
    return "expects no groups with " + name + "; only top_k picks from groups";
  return verifyGroups(*spec.groups, candidates, spec.topK);
}

/// The first rule that one normalize step breaks.
static std::optional<std::string> verifyStep(const NormStep &step,
                                             ScoreFn score) {
  const NormRow &row = lookup(step.kind);
  std::string name = "normalize " + std::string(row.name);
  // route_c5
  if (row.ofLogits && score != ScoreFn::Identity)
    return "expects no score clause with " + name + ", which takes logits, " +
           "got score " + std::string(lookup(score).name);
  // route_c12
  if (!row.param.empty() && (!(step.param > 0) || std::isinf(step.param)))
    return "expects a positive, finite " + std::string(row.param) + " for " +
           name + ", got " + decimalText(step.param);
  // route_c6
  if (step.epsMode == EpsMode::None) {
    if (step.eps != 0)
      return "expects a mode, add or max, for the eps of " + name + ", got " +
             decimalText(step.eps) + " without one";
    return std::nullopt;
  }
  if (!row.divides)
    return "expects no eps for " + name + ": only l1 and lp divide by a norm";
  if (!(step.eps > 0) || std::isinf(step.eps))
    return "expects a positive, finite eps for " + name + ", got " +
           decimalText(step.eps);
  return std::nullopt;
}

std::optional<std::string>
moe::semantics::verifyWeights(const RouterSpec &spec) {
  // route_c12
  if (spec.select.kind == SelectKind::ExpertTopK && !spec.normalize.empty())
    return "expects no normalize with expert_top_k: an expert's picks are of "
           "different tokens";
  for (size_t i = 0; i < spec.normalize.size(); ++i) {
    if (auto broken = verifyStep(spec.normalize[i], spec.score))
      return broken;
    if (i > 0 && spec.normalize[i].kind == NormKind::MaskedSoftmax)
      return "expects normalize masked_softmax to be the first step: it reads "
             "the logits of all experts";
  }
  // route_c7
  if (!std::isfinite(spec.scale))
    return "expects a finite scale, got " + decimalText(spec.scale);
  return std::nullopt;
}

std::optional<std::string> moe::semantics::verifyRouter(const RouterSpec &spec,
                                                        int64_t numExperts) {
  if (auto broken = verifySelection(spec, numExperts))
    return broken;
  return verifyWeights(spec);
}
