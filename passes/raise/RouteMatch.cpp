//===- RouteMatch.cpp - Routers in formulas -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/RouteMatch.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace moe;
using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {
class RouteMatcher {
public:
  RouteMatcher(Formulas &f, Expr token, int64_t count, ArrayRef<Expr> ranks,
               ArrayRef<Expr> weights)
      : f(f), token(token), count(count), ranks(ranks), weights(weights) {}

  std::optional<RouteMatch> match(Expr pick);

private:
  Expr matchGroups(Expr selection);
  Expr matchBias(Expr selection);
  bool matchWeights(Expr score);
  bool matchWeight(Expr score, Expr rank, Expr weight);
  Expr pickedAt(Expr ofExpert, Expr at) {
    return f.substitute(ofExpert, match_.expert, f.pick(name, row, at));
  }
  Expr overRanks(llvm::function_ref<Expr(Expr)> body) {
    Expr other = f.variable(f.integer(count));
    return f.sum(other, body(other));
  }

  Formulas &f;
  Expr token;
  int64_t count;
  ArrayRef<Expr> ranks, weights;
  /// The selection as a formula of an expert.
  Expr name = nullptr, row = nullptr;
  RouteMatch match_;
};
} // namespace

/// The selection without its groups clause.
Expr RouteMatcher::matchGroups(Expr selection) {
  Expr expert = match_.expert, mask = nullptr, base = nullptr;
  semantics::GroupLimit limit;
  if (selection->is(Kind::Select) && selection->args[2]->is(Kind::Constant) &&
      selection->args[2]->number <= -1e30) {
    mask = selection->args[0];
    base = selection->args[1];
    limit.fill = semantics::GroupFill::NegInf;
  } else if (selection->is(Kind::Select) &&
             selection->args[1]->is(Kind::Constant) &&
             selection->args[1]->number <= -1e30 &&
             selection->args[0]->is(Kind::Not)) {
    mask = selection->args[0]->args[0];
    base = selection->args[2];
    limit.fill = semantics::GroupFill::NegInf;
  } else if (selection->is(Kind::Mul)) {
    SmallVector<Expr> others;
    for (Expr factor : selection->args)
      if (factor->boolean && !mask)
        mask = factor;
      else
        others.push_back(factor);
    base = f.mul(others);
    limit.fill = semantics::GroupFill::Zero;
  }
  if (!mask || !mask->is(Kind::Sum) || !mask->args[0]->is(Kind::Constant))
    return selection;
  auto [groupRank, hit] = f.open(mask);
  if (!hit->is(Kind::Equal))
    return selection;
  for (unsigned side : {0u, 1u}) {
    Expr picked = hit->args[side], group = hit->args[1 - side];
    if (!picked->is(Kind::Pick) || picked->args[2] != groupRank ||
        !group->is(Kind::Quotient) || group->args[0] != expert ||
        !group->args[1]->is(Kind::Constant) ||
        !picked->args[0]->is(Kind::Constant))
      continue;
    Expr size = group->args[1];
    limit.numGroups = static_cast<int64_t>(picked->args[0]->number);
    limit.keep = static_cast<int64_t>(mask->args[0]->number);
    if (limit.numGroups * size->number != expert->args[0]->number)
      continue;
    // A group's score: the sum of its highest selection scores.
    auto [groupName, score] = f.open(picked);
    for (limit.topSum = 1; limit.topSum <= size->number; ++limit.topSum) {
      Expr member = f.variable(size);
      Expr first = f.mul(size, groupName);
      Expr inGroup = f.substitute(base, expert, f.add(first, member));
      Expr top = f.variable(f.integer(limit.topSum));
      Expr expected = f.sum(
          top, f.substitute(inGroup, member, f.pick(member, inGroup, top)));
      if (expected == score) {
        match_.spec.groups = limit;
        return base;
      }
    }
  }
  return selection;
}

/// The selection without what no token changes.
Expr RouteMatcher::matchBias(Expr selection) {
  SmallVector<Expr> scores, biases;
  for (Expr term : Formulas::terms(selection))
    (term->dependsOn(token) ? scores : biases).push_back(term);
  if (!biases.empty()) {
    match_.bias = f.add(biases);
    match_.spec.hasBias = true;
  }
  return f.add(scores);
}

/// Whether one list of steps makes all weights.
bool RouteMatcher::matchWeights(Expr score) {
  std::optional<semantics::RouterSpec> first;
  for (auto [rank, weight] : llvm::zip_equal(ranks, weights)) {
    if (!matchWeight(score, rank, weight))
      return false;
    const semantics::RouterSpec &spec = match_.spec;
    auto areSame = [](const semantics::NormStep &a,
                      const semantics::NormStep &b) {
      return a.kind == b.kind && a.eps == b.eps && a.epsMode == b.epsMode;
    };
    if (first && (first->scale != spec.scale ||
                  !llvm::equal(first->normalize, spec.normalize, areSame)))
      return false;
    first = spec;
  }
  return true;
}

bool RouteMatcher::matchWeight(Expr score, Expr rank, Expr weight) {
  semantics::RouterSpec &spec = match_.spec;
  double scale = 1;
  SmallVector<Expr> factors;
  for (Expr factor : Formulas::factors(weight)) {
    if (factor->is(Kind::Constant))
      scale *= factor->number;
    else if (factor->is(Kind::Reciprocal) &&
             factor->args[0]->is(Kind::Constant))
      scale /= factor->args[0]->number;
    else
      factors.push_back(factor);
  }
  Expr rest = f.mul(factors);
  Expr mine = pickedAt(score, rank);
  Expr total = overRanks([&](Expr other) { return pickedAt(score, other); });
  auto found = [&](std::vector<semantics::NormStep> steps) {
    if (!std::isfinite(scale))
      return false;
    spec.normalize = std::move(steps);
    spec.scale = scale;
    return true;
  };
  if (rest == mine)
    return found({});
  if (rest == f.mul(mine, f.reciprocal(total)))
    return found({{.kind = semantics::NormKind::L1}});
  for (Expr factor : factors) {
    if (!factor->is(Kind::Reciprocal) || rest != f.mul(mine, factor))
      continue;
    Expr eps = f.sub(factor->args[0], total);
    if (eps->is(Kind::Constant) && eps->number > 0)
      return found({{.kind = semantics::NormKind::L1,
                     .eps = eps->number,
                     .epsMode = semantics::EpsMode::Add}});
    if (factor->args[0]->is(Kind::Max))
      for (unsigned side : {0u, 1u}) {
        Expr bound = factor->args[0]->args[side];
        if (bound->is(Kind::Constant) && bound->number > 0 &&
            factor->args[0]->args[1 - side] == total)
          return found({{.kind = semantics::NormKind::L1,
                         .eps = bound->number,
                         .epsMode = semantics::EpsMode::Max}});
      }
  }
  if (spec.score == semantics::ScoreFn::Identity) {
    Expr other = f.variable(f.integer(count));
    Expr softmax =
        count == 1 ? f.one() : f.softmax(other, pickedAt(score, other), rank);
    if (rest == softmax)
      return found({{.kind = semantics::NormKind::Softmax}});
    if (rest == f.sigmoid(mine))
      return found({{.kind = semantics::NormKind::Sigmoid}});
  }
  return false;
}

std::optional<RouteMatch> RouteMatcher::match(Expr pick) {
  std::tie(name, row) = f.open(pick);
  match_.expert = name;
  match_.spec.topK = count;
  Expr selected = matchGroups(row), score = matchBias(selected);
  // A bias before the score function, or without one, is part of the logits.
  bool isLogits = !score->is(Kind::Softmax) && !score->is(Kind::Sigmoid) &&
                  !score->is(Kind::Max);
  if (isLogits && (weights.empty() || !matchWeights(score))) {
    score = selected;
    match_.bias = nullptr;
    match_.spec.hasBias = false;
  }
  if (!score->dependsOn(name) || !score->dependsOn(token))
    return std::nullopt;
  // The scores and what they are of.
  match_.logits = score;
  if (score->is(Kind::Softmax) && score->args[2] == name) {
    auto [over, logit] = f.open(score);
    match_.logits = f.substitute(logit, over, name);
    match_.spec.score = semantics::ScoreFn::Softmax;
  } else if (score->is(Kind::Sigmoid)) {
    match_.logits = score->args[0];
    match_.spec.score = semantics::ScoreFn::Sigmoid;
  } else if (score->is(Kind::Max) &&
             (score->args[0]->isNumber(0) || score->args[1]->isNumber(0))) {
    match_.logits =
        score->args[0]->isNumber(0) ? score->args[1] : score->args[0];
    match_.spec.score = semantics::ScoreFn::Relu;
  }
  if (weights.empty())
    return match_;
  if (matchWeights(score)) {
    match_.hasWeights = true;
    return match_;
  }
  if (match_.spec.hasBias || match_.spec.groups)
    return match_;
  // Softmax and sigmoid keep the order: picking by logits is picking by scores.
  semantics::ScoreFn chosen = match_.spec.score;
  Expr logits = match_.logits;
  auto attempt = [&](semantics::ScoreFn fn, Expr weighed) {
    match_.spec.score = fn;
    match_.hasWeights = matchWeights(weighed);
    return match_.hasWeights;
  };
  if (chosen == semantics::ScoreFn::Identity) {
    Expr other = f.variable(name->args[0]);
    Expr softmax = f.softmax(other, f.substitute(logits, name, other), name);
    if (attempt(semantics::ScoreFn::Softmax, softmax) ||
        attempt(semantics::ScoreFn::Sigmoid, f.sigmoid(logits)))
      return match_;
  } else if (chosen != semantics::ScoreFn::Relu &&
             attempt(semantics::ScoreFn::Identity, logits)) {
    return match_;
  }
  match_.spec.score = chosen;
  return match_;
}

std::optional<RouteMatch> raise::matchRoute(Formulas &f, Expr pick, Expr token,
                                            int64_t count, ArrayRef<Expr> ranks,
                                            ArrayRef<Expr> weights) {
  return RouteMatcher(f, token, count, ranks, weights).match(pick);
}

std::optional<RouteMatch> raise::matchExpertsRoute(Formulas &f, Expr pick,
                                                   Expr token, Expr expert,
                                                   int64_t count, Expr weight) {
  auto [name, row] = f.open(pick);
  Expr score = f.substitute(row, name, token);
  RouteMatch match;
  match.spec.topK = count;
  match.spec.select.kind = semantics::SelectKind::ExpertTopK;
  match.expert = expert;
  match.logits = score;
  if (score->is(Kind::Softmax) && score->args[2] == expert) {
    auto [over, logit] = f.open(score);
    match.logits = f.substitute(logit, over, expert);
    match.spec.score = semantics::ScoreFn::Softmax;
  } else if (score->is(Kind::Sigmoid)) {
    match.logits = score->args[0];
    match.spec.score = semantics::ScoreFn::Sigmoid;
  }
  // Otherwise, and where the scores are no logits' own, they are the logits.
  Expr mine = f.substitute(row, name, pick);
  auto [scale, factors] = splitCoefficient(weight);
  if (f.mul(factors) == mine && std::isfinite(scale)) {
    match.spec.scale = scale;
    match.hasWeights = true;
  }
  return match;
}
