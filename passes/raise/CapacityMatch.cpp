//===- CapacityMatch.cpp - Capacities of experts in formulas --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/CapacityMatch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace moe;
using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {
class CapacityMatcher {
public:
  CapacityMatcher(Formulas &f, const LayerMatch &layer) : f(f), layer(layer) {}

  std::optional<CapacityMatch> match();

private:
  /// The expert of a slot.
  Expr idAt(Expr token, Expr rank) {
    auto [name, row] = f.open(layer.pick);
    return f.pick(name, f.substitute(row, layer.token, token), rank);
  }
  /// How many slots of its expert come before slot (token, rank).
  Expr placeOf(CapacityOrder order, Expr rank);
  /// [the slot stays].
  Expr keep(const CapacityMatch &match, Expr rank) {
    return f.less(placeOf(match.order, rank), f.integer(match.places));
  }
  /// The sum of a formula a rank over all ranks.
  Expr total(ArrayRef<Expr> ofRanks) {
    return layer.ranks.size() == 1 && layer.count > 1
               ? f.sum(layer.ranks[0], ofRanks[0])
               : f.add(ofRanks);
  }
  bool drop(CapacityMatch &match);
  void matchRenorm(CapacityMatch &match);

  Formulas &f;
  const LayerMatch &layer;
};
} // namespace

/// `product` without a factor, or null if it has none.
static Expr without(Formulas &f, Expr product, Expr factor) {
  SmallVector<Expr> others(Formulas::factors(product));
  auto *found = llvm::find(others, factor);
  if (found == others.end())
    return nullptr;
  others.erase(found);
  return f.mul(others);
}

Expr CapacityMatcher::placeOf(CapacityOrder order, Expr rank) {
  Expr mine = idAt(layer.token, rank);
  Expr other = f.variable(layer.token->args[0]);
  Expr isEarlier = f.less(other, layer.token);
  Expr any = f.variable(f.integer(layer.count));
  if (order == CapacityOrder::TokenMajor)
    return f.sum(other,
                 f.mul(isEarlier, f.sum(any, f.equal(idAt(other, any), mine))));
  // All of the ranks before, and the tokens before of this one.
  auto ofRank = [&](Expr at) {
    return f.sum(other, f.equal(idAt(other, at), mine));
  };
  SmallVector<Expr> counts{
      f.sum(other, f.mul(isEarlier, f.equal(idAt(other, rank), mine)))};
  if (!rank->is(Kind::Constant))
    counts.push_back(f.sum(any, f.mul(f.less(any, rank), ofRank(any))));
  else
    for (int64_t before = 0; before < static_cast<int64_t>(rank->number);
         ++before)
      counts.push_back(ofRank(f.integer(before)));
  return f.add(counts);
}

/// Takes the condition out of every weight; false if one lacks it.
bool CapacityMatcher::drop(CapacityMatch &match) {
  match.weights.clear();
  for (auto [rank, weight] : llvm::zip_equal(layer.ranks, layer.weights)) {
    Expr rest = without(f, weight, keep(match, rank));
    if (!rest)
      return false;
    match.weights.push_back(rest);
  }
  return true;
}

/// A divisor that is the sum of the weights that stay. Where a slot stays, its
/// own condition is gone from the sum, so sums are compared as whole weights.
void CapacityMatcher::matchRenorm(CapacityMatch &match) {
  using semantics::EpsMode;
  for (Expr first : Formulas::factors(match.weights[0])) {
    if (!first->is(Kind::Reciprocal))
      continue;
    Expr divisor = first->args[0];
    SmallVector<Expr> plain, kept;
    for (auto [rank, weight] : llvm::zip_equal(layer.ranks, match.weights)) {
      Expr divided = nullptr;
      for (Expr factor : Formulas::factors(weight))
        if (factor->is(Kind::Reciprocal) &&
            factor->args[0]->kind == divisor->kind &&
            (!divided || factor == first))
          divided = factor;
      if (!divided)
        break;
      plain.push_back(without(f, weight, divided));
      kept.push_back(f.mul(plain.back(), keep(match, rank)));
    }
    if (plain.size() != match.weights.size())
      continue;
    Expr sum = total(kept), whole = sum;
    semantics::NormStep step{.kind = semantics::NormKind::L1};
    for (Expr part : divisor->args)
      if (part->is(Kind::Constant) && part->number > 0) {
        step.eps = part->number;
        step.epsMode = divisor->is(Kind::Max) ? EpsMode::Max : EpsMode::Add;
        whole = divisor->is(Kind::Max) ? f.max(sum, part) : f.add(sum, part);
      }
    bool same = true;
    for (auto [term, weight] : llvm::zip_equal(kept, layer.weights))
      same &= f.mul(term, f.reciprocal(whole)) == weight;
    if (!same)
      continue;
    match.renorm = step;
    match.weights = plain;
    return;
  }
}

std::optional<CapacityMatch> CapacityMatcher::match() {
  if (layer.expertsChoose || layer.weighsRows)
    return std::nullopt;
  // [count < C], or [count == 0] for a single place.
  llvm::SmallSetVector<int64_t, 4> numbers;
  for (Expr factor : Formulas::factors(layer.weights[0])) {
    if (factor->is(Kind::Less) && factor->args[1]->is(Kind::Constant))
      numbers.insert(static_cast<int64_t>(factor->args[1]->number));
    if (factor->is(Kind::Equal) &&
        (factor->args[0]->isNumber(0) || factor->args[1]->isNumber(0)))
      numbers.insert(1);
  }
  CapacityMatch match;
  for (int64_t places : numbers)
    for (CapacityOrder order :
         {CapacityOrder::TokenMajor, CapacityOrder::RankMajor}) {
      match.places = places;
      match.order = order;
      if (places < 1 || !drop(match))
        continue;
      matchRenorm(match);
      return match;
    }
  return std::nullopt;
}

std::optional<CapacityMatch> raise::matchCapacity(Formulas &f,
                                                  const LayerMatch &layer) {
  return CapacityMatcher(f, layer).match();
}
