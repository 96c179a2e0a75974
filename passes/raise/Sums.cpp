//===- Sums.cpp - Sums, picks and permutations in normal form -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What makes a mask, a scatter and a gather one formula: a sum over an index
// that a one-hot fixes is a substitution.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/Element.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Expr Formulas::solve(Expr variable, Expr equation, Expr &condition) {
  if (!equation->is(Kind::Equal))
    return nullptr;
  Expr extent = variable->args[0];
  condition = one();
  for (unsigned side : {0u, 1u}) {
    Expr a = equation->args[side], b = equation->args[1 - side];
    if (b->dependsOn(variable) || !b->integer)
      continue;
    Expr value = nullptr;
    if (a == variable)
      value = b;
    // A permutation at the variable.
    else if ((a->is(Kind::Order) || a->is(Kind::Place)) &&
             a->args[2] == variable && !a->args[1]->dependsOn(variable)) {
      if (!within(b, a->args[0]))
        continue;
      auto [name, key] = open(a);
      value = a->is(Kind::Order) ? place(name, key, b) : order(name, key, b);
    } else if (a->is(Kind::Add) && a->integer &&
               llvm::is_contained(a->args, variable)) {
      Expr rest = sub(a, variable);
      if (!rest->dependsOn(variable))
        value = sub(b, rest);
    }
    if (value && within(value, extent))
      return value;
    // A pick runs over its own experts: a sum over fewer is one that still
    // grows, of a loop that was unrolled.
    if (value && !value->is(Kind::Pick) && range(value).first >= 0) {
      condition = less(value, extent);
      return value;
    }
  }
  return nullptr;
}

/// A factor [variable == a] makes the sum one term.
Expr Formulas::sumOfDelta(Expr variable, Expr body) {
  Expr condition = nullptr;
  for (Expr factor : factors(body))
    if (Expr value = solve(variable, factor, condition))
      return mul(condition, substitute(body, variable, value));
  return nullptr;
}

/// Whether `part`, without sums, or summed over other names, holds a factor
/// that fixes the variable.
static bool fixes(Formulas &f, Expr part, Expr variable,
                  llvm::function_ref<Expr(Expr, Expr)> solve) {
  if (!part->dependsOn(variable))
    return false;
  if (part->is(Kind::Sum))
    return fixes(f, f.open(part).second, variable, solve);
  return llvm::any_of(Formulas::factors(part), [&](Expr factor) {
    return solve(variable, factor) ||
           (factor->is(Kind::Sum) && fixes(f, factor, variable, solve));
  });
}

/// Sums of products in which other sums fix the variable change places with
/// them.
Expr Formulas::sumOfParts(Expr variable, Expr body) {
  auto solver = [this](Expr v, Expr e) {
    Expr condition = nullptr;
    return solve(v, e, condition);
  };
  auto isFixed = [&](Expr part) {
    return fixes(*this, part, variable, solver);
  };
  if (body->is(Kind::Add)) {
    if (!llvm::all_of(body->args, isFixed))
      return nullptr;
    SmallVector<Expr> sums;
    for (Expr term : body->args)
      sums.push_back(sum(variable, term));
    return add(sums);
  }
  for (Expr factor : factors(body)) {
    SmallVector<Expr> others(factors(body));
    others.erase(llvm::find(others, factor));
    if (factor->is(Kind::Add) && llvm::all_of(factor->args, isFixed)) {
      SmallVector<Expr> sums;
      for (Expr term : factor->args) {
        others.push_back(term);
        sums.push_back(sum(variable, mul(others)));
        others.pop_back();
      }
      return add(sums);
    }
    if (factor->is(Kind::Sum) && isFixed(factor)) {
      auto [name, inner] = open(factor);
      others.push_back(inner);
      return sum(name, sum(variable, mul(others)));
    }
  }
  return nullptr;
}

/// Where the body is 0 unless the variable is one of the picks of a row, the
/// sum runs over the picks: masks anywhere in the body, not only as factors.
Expr Formulas::sumOfSupport(Expr variable, Expr body) {
  Expr pickOf = nullptr;
  Expr rankExtent = nullptr;
  llvm::SmallSetVector<Expr, 4> ranks;
  bool fits = true;
  walk(body, [&](Expr node) {
    if (!node->is(Kind::Equal))
      return;
    for (unsigned side : {0u, 1u}) {
      Expr pick = node->args[1 - side];
      if (node->args[side] != variable || !pick->is(Kind::Pick) ||
          pick->dependsOn(variable) || pick->args[0] != variable->args[0])
        continue;
      if (!pickOf)
        pickOf = pick;
      fits &= pick->args[1] == pickOf->args[1];
      Expr rank = pick->args[2];
      if (rank->is(Kind::Variable) && rank->id < 0) {
        fits &= !rankExtent || rankExtent == rank->args[0];
        rankExtent = rank->args[0];
      } else {
        ranks.insert(rank);
      }
    }
  });
  if (!pickOf || !fits)
    return nullptr;
  if (rankExtent)
    for (Expr rank : ranks)
      if (!within(rank, rankExtent))
        return nullptr;
  Expr off = transform(body, [&](Expr node) -> Expr {
    if (node->is(Kind::Equal))
      for (unsigned side : {0u, 1u})
        if (node->args[side] == variable &&
            node->args[1 - side]->is(Kind::Pick) &&
            node->args[1 - side]->args[1] == pickOf->args[1])
          return zero();
    return node->dependsOn(variable) || node->binds() ? nullptr : node;
  });
  if (!off->isNumber(0))
    return nullptr;
  auto [name, row] = open(pickOf);
  if (rankExtent) {
    Expr rank = this->variable(rankExtent);
    return sum(rank, substitute(body, variable, pick(name, row, rank)));
  }
  // Ranks that are names may be equal.
  if (ranks.size() > 1 &&
      llvm::any_of(ranks, [](Expr rank) { return !rank->is(Kind::Constant); }))
    return nullptr;
  SmallVector<Expr> terms;
  for (Expr rank : ranks)
    terms.push_back(substitute(body, variable, pick(name, row, rank)));
  return add(terms);
}

Expr Formulas::sum(Expr variable, Expr body) {
  Expr extent = variable->args[0];
  if (extent->isNumber(0) || body->isNumber(0))
    return zero();
  if (extent->isNumber(1))
    return substitute(body, variable, zero());
  if (!body->dependsOn(variable))
    return mul(extent, body);
  if (exhausted())
    return makeBinder(Kind::Sum, variable, body, nullptr);

  SmallVector<Expr> outside, inside;
  for (Expr factor : factors(body))
    (factor->dependsOn(variable) ? inside : outside).push_back(factor);
  if (!outside.empty()) {
    outside.push_back(sum(variable, mul(inside)));
    return mul(outside);
  }
  if (Expr fixed = sumOfDelta(variable, body))
    return fixed;
  if (Expr listed = sumOfRunningCount(variable, body))
    return listed;
  // Of a count over two indices, what only one of them decides stands outside.
  if (body->is(Kind::Sum) && body->integer) {
    auto [name, term] = open(body);
    SmallVector<Expr> apart, rest;
    for (Expr factor : factors(term))
      (factor->dependsOn(variable) ? rest : apart).push_back(factor);
    if (!apart.empty()) {
      apart.push_back(sum(variable, mul(rest)));
      return sum(name, mul(apart));
    }
  }
  // Counts of alternatives are counts of each.
  if (body->integer)
    for (Expr factor : factors(body)) {
      // Either of two that exclude each other.
      if (factor->is(Kind::Not) && factor->args[0]->is(Kind::Mul) &&
          factor->args[0]->args.size() == 2) {
        Expr a = negation(factor->args[0]->args[0]);
        Expr b = negation(factor->args[0]->args[1]);
        SmallVector<Expr> others(factors(body));
        others.erase(llvm::find(others, factor));
        Expr rest = mul(others);
        if (mul(a, b)->isNumber(0))
          return add(sum(variable, mul(rest, a)), sum(variable, mul(rest, b)));
      }
      if (!factor->is(Kind::Add) ||
          (factor != body && !llvm::all_of(factor->args, [](Expr term) {
             return term->boolean;
           })))
        continue;
      SmallVector<Expr> others(factors(body)), sums;
      others.erase(llvm::find(others, factor));
      for (Expr term : factor->args) {
        others.push_back(term);
        sums.push_back(sum(variable, mul(others)));
        others.pop_back();
      }
      return add(sums);
    }
  // #{v : v < a} and #{v : v + 1 <= a} are a, if a is no more than the extent.
  {
    Expr limit = nullptr;
    if (body->is(Kind::Less) && body->args[0] == variable)
      limit = body->args[1];
    else if (body->is(Kind::Not) && body->args[0]->is(Kind::Less) &&
             body->args[0]->args[1] == add(variable, one()))
      limit = body->args[0]->args[0];
    if (limit && limit->integer && !limit->dependsOn(variable) &&
        range(limit).first >= 0 &&
        (within(limit, extent) || range(limit).second <= range(extent).first))
      return limit;
  }

  // An index that is only used in two parts is two indices; a permuted one is
  // as good as the plain one, and the first of a list are those it lists.
  Expr unit = nullptr, permuted = nullptr;
  auto divides = [&](Expr part) {
    Expr rest = nullptr;
    if (extent->is(Kind::Constant) && part->is(Kind::Constant))
      return std::fmod(extent->number, part->number) == 0;
    return splitByFactor(extent, part, rest) && rest->isNumber(0);
  };
  walk(body, [&](Expr node) {
    bool isPart = node->is(Kind::Quotient) || node->is(Kind::Remainder);
    if (isPart && node->args[0] == variable && !unit && divides(node->args[1]))
      unit = node->args[1];
    if ((node->is(Kind::Order) || node->is(Kind::Place)) &&
        node->args[2] == variable && !permuted)
      permuted = node;
  });
  if (unit) {
    Expr rest = nullptr;
    Expr outer = this->variable(add(*splitByFactor(extent, unit, rest)));
    Expr inner = this->variable(unit);
    Expr whole = add(mul(unit, outer), inner);
    return sum(outer, sum(inner, substitute(body, variable, whole)));
  }
  if (permuted && !permuted->args[1]->dependsOn(variable)) {
    Expr plain = this->variable(permuted->args[0]);
    Expr replaced = substitute(body, permuted, plain);
    if (!replaced->dependsOn(variable)) {
      if (plain->args[0] == extent)
        return sum(plain, replaced);
      if (Expr held = heldByList(permuted, plain);
          held && permuted->is(Kind::Order) && sum(plain, held) == extent)
        return sum(plain, mul(held, replaced));
    }
  }
  if (Expr parts = sumOfParts(variable, body))
    return parts;
  if (Expr picked = sumOfSupport(variable, body))
    return picked;
  // A count up to and with a row is that of the rows before, and this one.
  for (Expr factor : factors(body)) {
    Expr last = nullptr;
    if (!body->boolean)
      break;
    if (factor->is(Kind::Not) && factor->args[0]->is(Kind::Less) &&
        factor->args[0]->args[1] == variable)
      last = factor->args[0]->args[0];
    else if (factor->is(Kind::Less) && factor->args[0] == variable &&
             factor->args[1]->is(Kind::Add))
      last = sub(factor->args[1], one());
    if (!last || !last->integer || last->dependsOn(variable) ||
        !within(last, extent))
      continue;
    SmallVector<Expr> others(factors(body));
    others.erase(llvm::find(others, factor));
    Expr rest = mul(others);
    return add(sum(variable, mul(less(variable, last), rest)),
               substitute(rest, variable, last));
  }
  return makeBinder(Kind::Sum, variable, body, nullptr);
}

//===----------------------------------------------------------------------===//
// Picks, softmax, permutations
//===----------------------------------------------------------------------===//

/// A number that no score of a router reaches.
static bool isNever(Expr e) {
  return e->is(Kind::Constant) && e->number <= -1e30;
}

Expr Formulas::pick(Expr variable, Expr score, Expr rank) {
  // The largest but for earlier picks is the next pick.
  Expr base = score;
  SmallVector<Expr> masks;
  for (bool changed = true; changed;) {
    changed = false;
    if (base->is(Kind::Select) && isNever(base->args[1])) {
      masks.push_back(base->args[0]);
      base = base->args[2];
      changed = true;
    } else if (base->is(Kind::Mul)) {
      SmallVector<Expr> others;
      for (Expr factor : base->args)
        if (factor->is(Kind::Not))
          masks.push_back(factor->args[0]);
        else
          others.push_back(factor);
      Expr rest = mul(others);
      changed = others.size() < base->args.size() && positive(rest);
      if (!changed && others.size() < base->args.size())
        break;
      base = rest;
    }
  }
  if (!masks.empty() && base->dependsOn(variable)) {
    Expr first = makeBinder(Kind::Pick, variable, base, zero());
    SmallVector<bool> taken(masks.size(), false);
    bool fits = true;
    for (Expr mask : masks) {
      bool found = false;
      if (mask->is(Kind::Equal))
        for (unsigned side : {0u, 1u}) {
          Expr other = mask->args[1 - side];
          if (mask->args[side] == variable && other->is(Kind::Pick) &&
              other->args[0] == first->args[0] &&
              other->args[1] == first->args[1] &&
              other->args[2]->is(Kind::Constant) &&
              other->args[2]->number < taken.size()) {
            taken[static_cast<size_t>(other->args[2]->number)] = true;
            found = true;
          }
        }
      fits &= found;
    }
    if (fits && llvm::all_of(taken, [](bool t) { return t; }))
      return makeBinder(Kind::Pick, variable, base,
                        add(rank, integer(masks.size())));
  }
  return makeBinder(Kind::Pick, variable, score, rank);
}

Expr Formulas::softmax(Expr variable, Expr logit, Expr at) {
  SmallVector<Expr> kept;
  for (Expr term : terms(logit))
    if (term->dependsOn(variable))
      kept.push_back(term);
  return makeBinder(Kind::Softmax, variable, add(kept), at);
}

Expr Formulas::order(Expr variable, Expr key, Expr at) {
  // The order of a permutation is its inverse.
  if ((key->is(Kind::Order) || key->is(Kind::Place)) &&
      key->args[2] == variable && key->args[0] == variable->args[0] &&
      !key->args[1]->dependsOn(variable)) {
    auto [name, inner] = open(key);
    return key->is(Kind::Order) ? place(name, inner, at)
                                : order(name, inner, at);
  }
  if (key == variable)
    return at;
  Expr result = makeBinder(Kind::Order, variable, key, at);
  // The place of what is held among what is held.
  if (auto count = asRunningSum(*this, at);
      count && count->extent == variable->args[0] &&
      within(count->limit, count->extent) &&
      substitute(count->term, count->name, count->limit)->isNumber(1) &&
      heldByList(result, count->name) == count->term)
    return count->limit;
  if (at->is(Kind::Place) && at->args[0] == result->args[0] &&
      at->args[1] == result->args[1])
    return at->args[2];
  return result;
}

Expr Formulas::place(Expr variable, Expr key, Expr at) {
  Expr result = makeBinder(Kind::Place, variable, key, at);
  if (at->is(Kind::Order) && at->args[0] == result->args[0] &&
      at->args[1] == result->args[1])
    return at->args[2];
  return result;
}

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Whether `expr` is `pattern` with one formula, the binding, for the variable.
bool Formulas::unify(Expr pattern, Expr variable, Expr expr, Expr &binding) {
  llvm::SmallSetVector<Expr, 8> candidates;
  walk(expr, [&](Expr node) {
    if (node->integer && !node->is(Kind::Size) &&
        !(node->is(Kind::Variable) && node->id < 0))
      candidates.insert(node);
  });
  for (Expr candidate : candidates)
    if (substitute(pattern, variable, candidate) == expr) {
      binding = candidate;
      return true;
    }
  return false;
}
