//===- LayerMatch.cpp - MoE layers in formulas ----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/LayerMatch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace moe::raise;
using llvm::SmallVector;

namespace {
class LayerMatcher {
public:
  LayerMatcher(Formulas &f, Expr token, Expr column, std::string &why)
      : f(f), token(token), column(column), why(why) {
    layer.token = token;
    layer.column = column;
  }

  std::optional<LayerMatch> match(Expr value);

private:
  /// A product as its factors with and without the column.
  std::pair<Expr, Expr> split(Expr product) {
    SmallVector<Expr> weights, body;
    for (Expr factor : Formulas::factors(product))
      (factor->dependsOn(column) ? body : weights).push_back(factor);
    return {f.mul(weights), f.mul(body)};
  }
  llvm::SmallSetVector<Expr, 4> picksOf(Expr e, Expr rank) {
    llvm::SmallSetVector<Expr, 4> picks;
    Formulas::walk(e, [&](Expr node) {
      if (node->is(Kind::Pick) && node->args[2] == rank &&
          node->dependsOn(token) && !node->dependsOn(column))
        picks.insert(node);
    });
    return picks;
  }
  bool matchBody(Expr computed);
  bool matchUnrolled(Expr value);
  bool matchSum(Expr value);
  bool matchExpertsChoice(Expr value);

  Formulas &f;
  Expr token, column;
  std::string &why;
  LayerMatch layer;
};
} // namespace

/// The rest of the match: what the picked expert computes, of its index. A
/// number among the weights may be its own.
bool LayerMatcher::matchBody(Expr computed) {
  std::string reason;
  std::optional<ExpertMatch> expert =
      matchExpert(f, computed, token, layer.expert, column, reason);
  double scale = splitCoefficient(layer.weights[0]).first;
  auto isScaled = [&](Expr weight) {
    return splitCoefficient(weight).first == scale;
  };
  if (!expert && scale != 1 && llvm::all_of(layer.weights, isScaled)) {
    std::string ignored;
    expert = matchExpert(f, f.mul(f.number(scale), computed), token,
                         layer.expert, column, ignored);
    for (Expr &weight : layer.weights)
      if (expert)
        weight = f.mul(splitCoefficient(weight).second);
  }
  if (!expert) {
    // Rows of other tokens that a mask lets in.
    Formulas::walk(computed, [&](Expr node) {
      if (node->is(Kind::Sum) && !node->integer &&
          node->args[0] == token->args[0])
        for (Expr factor : Formulas::factors(node->args[1]))
          if (factor->boolean)
            reason = "more than one token may have a place of an expert";
    });
    why = "the part that depends on the expert is no expert: " + reason;
    return false;
  }
  layer.body = std::move(*expert);
  return true;
}

/// A term a pick, each with a weight of its own.
bool LayerMatcher::matchUnrolled(Expr value) {
  if (!value->is(Kind::Add))
    return false;
  Expr computed = nullptr;
  layer.count = value->args.size();
  layer.ranks.assign(layer.count, nullptr);
  layer.weights.assign(layer.count, nullptr);
  for (Expr term : value->args) {
    auto [weight, body] = split(term);
    Expr pick = nullptr;
    for (int64_t rank = 0; rank < layer.count; ++rank)
      for (Expr found : picksOf(body, f.integer(rank))) {
        if (pick)
          return false;
        pick = found;
      }
    if (!pick || !pick->args[0]->is(Kind::Constant))
      return false;
    if (!layer.pick) {
      layer.pick = pick;
      layer.expert = f.variable(pick->args[0]);
    }
    if (pick->args[0] != layer.pick->args[0] ||
        pick->args[1] != layer.pick->args[1])
      return false;
    auto rank = static_cast<size_t>(pick->args[2]->number);
    Expr general = f.substitute(body, pick, layer.expert);
    if (layer.ranks[rank] || (computed && computed != general))
      return false;
    computed = general;
    layer.ranks[rank] = pick->args[2];
    layer.weights[rank] = weight;
  }
  return matchBody(computed);
}

/// One factor is the sum over the picks; the others weigh them all.
bool LayerMatcher::matchSum(Expr value) {
  auto [outside, summed] = split(value);
  layer.ranks = {f.zero()};
  layer.count = 1;
  // It may stand inside another sum: the order of sums is free.
  SmallVector<Expr> around;
  for (Expr inner = summed; inner->is(Kind::Sum);) {
    auto [name, term] = f.open(inner);
    if (name->args[0]->is(Kind::Constant) && picksOf(term, name).size()) {
      layer.ranks = {name};
      layer.count = static_cast<int64_t>(name->args[0]->number);
      for (Expr other : llvm::reverse(around))
        term = f.sum(other, term);
      summed = term;
      break;
    }
    around.push_back(name);
    inner = term;
  }
  auto [inside, computed] = split(summed);
  auto picks = picksOf(computed, layer.ranks[0]);
  if (picks.size() != 1 || !picks.front()->args[0]->is(Kind::Constant))
    return false;
  layer.pick = picks.front();
  layer.expert = f.variable(layer.pick->args[0]);
  Expr weight = f.mul(outside, inside);
  layer.weights = {weight};
  if (matchBody(f.substitute(computed, layer.pick, layer.expert)))
    return true;
  // A weight on the rows that enter is in the activation too; dividing the rows
  // by it leaves an expert of plain rows.
  for (Expr scale : Formulas::factors(weight)) {
    if (!f.positive(scale))
      continue;
    Expr general = f.substitute(scale, layer.pick, layer.expert);
    Expr whole =
        f.substitute(f.mul(weight, computed), layer.pick, layer.expert);
    Expr plain = f.transform(whole, [&](Expr node) -> Expr {
      if (node == general || !node->dependsOn(token))
        return node;
      if (node->is(Kind::Read))
        return f.mul(node, f.reciprocal(general));
      return nullptr;
    });
    std::string reason = why;
    if (matchBody(plain)) {
      layer.weighsRows = true;
      layer.weights = {scale};
      why.clear();
      return true;
    }
    why = reason;
  }
  return false;
}

/// A sum over experts and their picks of [this token is the pick].
bool LayerMatcher::matchExpertsChoice(Expr value) {
  auto [outside, term] = split(value);
  SmallVector<Expr> names, outer;
  while (term->is(Kind::Sum)) {
    auto [name, inner] = f.open(term);
    names.push_back(name);
    term = inner;
  }
  for (Expr factor : Formulas::factors(term)) {
    if (!factor->is(Kind::Equal))
      continue;
    for (unsigned side : {0u, 1u}) {
      Expr pick = factor->args[side];
      if (factor->args[1 - side] != token || !pick->is(Kind::Pick) ||
          pick->args[0] != token->args[0] || pick->dependsOn(token))
        continue;
      Expr rank = nullptr, expert = nullptr;
      for (Expr name : names) {
        if (pick->args[2] == name)
          rank = name;
        else if (pick->dependsOn(name) && !expert)
          expert = name;
        else if (pick->dependsOn(name))
          return false;
        else
          outer.push_back(name);
      }
      if (!rank || !expert || !rank->args[0]->is(Kind::Constant) ||
          !expert->args[0]->is(Kind::Constant))
        return false;
      SmallVector<Expr> others(Formulas::factors(term));
      others.erase(llvm::find(others, factor));
      Expr rest = f.mul(others);
      for (Expr name : llvm::reverse(outer))
        rest = f.sum(name, rest);
      auto [inside, computed] = split(rest);
      Expr weight = f.mul(outside, inside);
      layer.pick = pick;
      layer.expert = expert;
      layer.count = static_cast<int64_t>(rank->args[0]->number);
      layer.ranks = {rank};
      // The token is the pick.
      layer.weights = {f.substitute(weight, token, pick)};
      layer.expertsChoose = true;
      return matchBody(f.substitute(computed, pick, token));
    }
  }
  return false;
}

std::optional<LayerMatch> LayerMatcher::match(Expr value) {
  const LayerMatch fresh = layer;
  auto attempt = [&](bool matched) {
    LayerMatch found = std::exchange(layer, fresh);
    return matched ? std::optional(std::move(found)) : std::nullopt;
  };
  if (auto unrolled = attempt(matchUnrolled(value)))
    return unrolled;
  if (auto chosen = attempt(matchExpertsChoice(value)))
    return chosen;
  if (auto summed = attempt(matchSum(value)))
    return summed;
  // What orders rows by their picks and is still there.
  if (why.empty())
    Formulas::walk(value, [&](Expr node) {
      if (node->is(Kind::Order) || node->is(Kind::Place))
        Formulas::walk(node->args[1], [&](Expr key) {
          if (key->is(Kind::Pick))
            why = "rows in the order of a sort or of a list are not all put "
                  "back";
        });
    });
  return std::nullopt;
}

std::optional<LayerMatch> moe::raise::matchLayer(Formulas &f, Expr value,
                                                 Expr token, Expr column,
                                                 std::string &why) {
  return LayerMatcher(f, token, column, why).match(value);
}

std::optional<std::string> moe::raise::explainMixture(Formulas &f, Expr value,
                                                      Expr token, Expr column) {
  Expr sum = nullptr;
  for (Expr factor : Formulas::factors(value))
    if (factor->is(Kind::Sum) && factor->dependsOn(column))
      sum = factor;
  if (!sum || !sum->args[0]->is(Kind::Constant))
    return std::nullopt;
  auto [expert, body] = f.open(sum);
  SmallVector<Expr> weights, rest;
  for (Expr factor : Formulas::factors(body))
    (factor->dependsOn(column) ? rest : weights).push_back(factor);
  Expr weight = f.mul(weights);
  std::string ignored;
  if (!weight->dependsOn(token) || !weight->dependsOn(expert) ||
      !matchExpert(f, f.mul(rest), token, expert, column, ignored))
    return std::nullopt;
  bool picks = false;
  Formulas::walk(weight, [&](Expr node) {
    picks |= node->is(Kind::Pick) && node->args[0] == sum->args[0];
  });
  return picks ? "the weights of experts that are not picked are not zero"
               : "every expert has a weight: no top-k picks some";
}
