//===- Simplify.cpp - The normal form of formulas -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rules of sums and products. Each is an identity of real arithmetic under the
// condition tested beside it.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/Element.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

std::pair<double, SmallVector<Expr>> moe::raise::splitCoefficient(Expr term) {
  std::pair<double, SmallVector<Expr>> split{1, {}};
  for (Expr factor : Formulas::factors(term)) {
    if (factor->is(Kind::Constant))
      split.first *= factor->number;
    else
      split.second.push_back(factor);
  }
  return split;
}

//===----------------------------------------------------------------------===//
// Sums and products
//===----------------------------------------------------------------------===//

/// A formula of `name` that is a where the name is 0 and, it seems, b where it
/// is 1; null if there is none. The caller checks.
static Expr generalize(Formulas &f, Expr a, Expr b, Expr name,
                       unsigned &budget) {
  if (a == b)
    return a;
  if (budget == 0 || --budget == 0)
    return nullptr;
  if (a->integer && b->integer) {
    // Counting starts at 0.
    bool starts = llvm::all_of(Formulas::terms(a), [](Expr term) {
      return !term->is(Kind::Constant) || term->number == 0;
    });
    Expr step = f.sub(b, a);
    if (step->is(Kind::Constant) && starts)
      return f.add(a, f.mul(step, name));
  }
  if (a->kind != b->kind || a->args.size() != b->args.size() ||
      a->value != b->value || a->name != b->name || a->binds())
    if (!(a->is(Kind::Pick) && b->is(Kind::Pick)) && !a->is(Kind::Sum))
      return nullptr;
  if (a->kind != b->kind || a->args.size() != b->args.size())
    return nullptr;
  if (a->is(Kind::Constant) || a->is(Kind::Variable) || a->is(Kind::Size))
    return nullptr;
  if (a->is(Kind::Pick)) {
    if (a->args[0] != b->args[0] || a->args[1] != b->args[1])
      return nullptr;
    Expr rank = generalize(f, a->args[2], b->args[2], name, budget);
    auto [inner, row] = f.open(a);
    return rank ? f.pick(inner, row, rank) : nullptr;
  }
  if (a->is(Kind::Sum)) {
    if (a->args[0] != b->args[0])
      return nullptr;
    auto [inner, bodyA] = f.open(a);
    auto [other, bodyB] = f.open(b);
    Expr body =
        generalize(f, bodyA, f.substitute(bodyB, other, inner), name, budget);
    return body ? f.sum(inner, body) : nullptr;
  }
  // Operands of sums and products have no order of their own.
  llvm::SmallVector<Expr> args, left(b->args.begin(), b->args.end());
  bool ordered = !a->is(Kind::Add) && !a->is(Kind::Mul) && !a->is(Kind::Equal);
  for (auto [index, arg] : llvm::enumerate(a->args)) {
    Expr general = nullptr;
    if (ordered) {
      general = generalize(f, arg, b->args[index], name, budget);
    } else {
      llvm::SmallVector<Expr> order(left);
      llvm::stable_sort(order, [&, arg = arg](Expr x, Expr y) {
        return (x == arg) > (y == arg);
      });
      for (Expr candidate : order) {
        general = generalize(f, arg, candidate, name, budget);
        if (general) {
          left.erase(llvm::find(left, candidate));
          break;
        }
      }
    }
    if (!general)
      return nullptr;
    args.push_back(general);
  }
  return f.rebuild(a, args);
}

/// a and b as the terms of one sum over an index that counts them: f(0) + f(1),
/// or the sum of n and f(n). Null if they are not.
Expr Formulas::foldTerms(Expr a, Expr b) {
  for (Expr factor : factors(a)) {
    if (!factor->is(Kind::Sum) || !factor->args[0]->is(Kind::Constant))
      continue;
    SmallVector<Expr> others(factors(a));
    others.erase(llvm::find(others, factor));
    auto [name, body] = open(factor);
    others.push_back(body);
    Expr term = mul(others);
    if (substitute(term, name, factor->args[0]) == b) {
      Expr longer =
          variable(integer(static_cast<int64_t>(factor->args[0]->number + 1)));
      return sum(longer, substitute(term, name, longer));
    }
  }
  Expr name = variable(integer(2));
  unsigned budget = 2000;
  Expr body = generalize(*this, a, b, name, budget);
  if (!body || !body->dependsOn(name) || substitute(body, name, zero()) != a ||
      substitute(body, name, one()) != b)
    return nullptr;
  return sum(name, body);
}

Expr Formulas::interpolate(ArrayRef<Expr> values, Expr index) {
  if (values.size() < 2)
    return nullptr;
  Expr name = variable(integer(values.size()));
  unsigned budget = 2000;
  Expr body = generalize(*this, values[0], values[1], name, budget);
  for (unsigned n = 0; body && n < values.size(); ++n)
    if (substitute(body, name, integer(n)) != values[n])
      body = nullptr;
  return body ? substitute(body, name, index) : nullptr;
}

Expr Formulas::add(ArrayRef<Expr> all) {
  double constant = 0;
  llvm::MapVector<Expr, double> coefficients;
  SmallVector<Expr> pending(llvm::reverse(all));
  while (!pending.empty()) {
    Expr term = pending.pop_back_val();
    if (term->is(Kind::Add)) {
      pending.append(term->args.rbegin(), term->args.rend());
      continue;
    }
    if (term->is(Kind::Constant)) {
      constant += term->number;
      continue;
    }
    auto [coefficient, rest] = splitCoefficient(term);
    if (coefficient == 1)
      coefficients[term] += 1;
    else
      coefficients[mul(rest)] += coefficient;
  }
  if (!std::isfinite(constant))
    return number(constant);
  SmallVector<Expr> terms;
  for (auto [term, coefficient] : coefficients)
    if (coefficient != 0)
      terms.push_back(coefficient == 1 ? term : mul(number(coefficient), term));
  // q * (a / q) + a % q
  for (Expr term : terms)
    if (term->is(Kind::Remainder)) {
      Expr whole = mul(term->args[1], quotient(term->args[0], term->args[1]));
      if (auto *found = llvm::find(terms, whole); found != terms.end()) {
        SmallVector<Expr> shorter{term->args[0], number(constant)};
        for (Expr other : terms)
          if (other != term && other != whole)
            shorter.push_back(other);
        return add(shorter);
      }
    }
  if (terms.size() == 1 && constant == 1) {
    auto [coefficient, rest] = splitCoefficient(terms[0]);
    Expr unit = mul(rest);
    if (coefficient == -1 && unit->boolean)
      return negation(unit);
  }
  if (terms.size() > 1 &&
      llvm::all_of(terms, [](Expr t) { return t->integer; }))
    if (Expr folded = foldCounts(terms))
      return add(folded, number(constant));
  // A sum grows by the term that follows its last; integers are no such sums.
  for (Expr a : terms)
    if (!a->integer && terms.size() <= 16)
      for (Expr b : terms)
        if (a != b && !b->integer)
          if (Expr folded = foldTerms(a, b)) {
            SmallVector<Expr> shorter{folded, number(constant)};
            for (Expr other : terms)
              if (other != a && other != b)
                shorter.push_back(other);
            return add(shorter);
          }
  if (constant != 0)
    terms.push_back(number(constant));
  if (terms.empty())
    return zero();
  if (terms.size() == 1)
    return terms[0];
  Node node{Kind::Add};
  node.args.assign(terms.begin(), terms.end());
  node.integer = llvm::all_of(terms, [](Expr t) { return t->integer; });
  return make(std::move(node));
}

/// exp(a(i)) * (1 / sum of exp(a)) as a softmax at i.
Expr Formulas::fuseSoftmax(llvm::SmallVectorImpl<Expr> &factors) {
  for (Expr &recip : factors) {
    if (!recip->is(Kind::Reciprocal) || !recip->args[0]->is(Kind::Sum) ||
        !recip->args[0]->args[1]->is(Kind::Exp))
      continue;
    auto [name, body] = open(recip->args[0]);
    for (Expr &top : factors) {
      Expr at = nullptr;
      if (!top->is(Kind::Exp) || !unify(body, name, top, at) || !at)
        continue;
      Expr fused = softmax(name, body->args[0], at);
      Expr first = top, second = recip;
      llvm::erase_if(factors,
                     [&](Expr f) { return f == first || f == second; });
      return fused;
    }
  }
  return nullptr;
}

Expr Formulas::mul(ArrayRef<Expr> all) {
  double constant = 1;
  SmallVector<Expr> factors;
  SmallVector<Expr> pending(llvm::reverse(all));
  while (!pending.empty()) {
    Expr factor = pending.pop_back_val();
    if (factor->is(Kind::Mul))
      pending.append(factor->args.rbegin(), factor->args.rend());
    else if (factor->is(Kind::Constant))
      constant *= factor->number;
    else if (!(factor->boolean && llvm::is_contained(factors, factor)))
      factors.push_back(factor);
  }
  if (constant == 0)
    return zero();
  if (factors.size() > 1 && !exhausted()) {
    if (simplifyGuards(factors) || simplifyEquals(factors) ||
        simplifyBounded(factors)) {
      factors.push_back(number(constant));
      return mul(factors);
    }
    if (Expr fused = fuseSoftmax(factors)) {
      factors.push_back(fused);
      factors.push_back(number(constant));
      return mul(factors);
    }
    // x * (1 / x)
    for (Expr factor : factors)
      if (factor->is(Kind::Reciprocal) &&
          llvm::is_contained(factors, factor->args[0]) &&
          positive(factor->args[0])) {
        SmallVector<Expr> rest(factors);
        Expr divided = factor->args[0];
        rest.erase(llvm::find(rest, factor));
        rest.erase(llvm::find(rest, divided));
        rest.push_back(number(constant));
        return mul(rest);
      }
  }
  if (factors.empty())
    return number(constant);
  // A number goes into a sum, so that differences cancel.
  if (constant != 1 && factors.size() == 1 && factors[0]->is(Kind::Add)) {
    SmallVector<Expr> terms;
    for (Expr term : factors[0]->args)
      terms.push_back(mul(number(constant), term));
    return add(terms);
  }
  if (constant != 1)
    factors.push_back(number(constant));
  if (factors.size() == 1)
    return factors[0];
  Node node{Kind::Mul};
  node.args.assign(factors.begin(), factors.end());
  node.integer = llvm::all_of(factors, [](Expr f) { return f->integer; });
  node.boolean = llvm::all_of(factors, [](Expr f) { return f->boolean; });
  return make(std::move(node));
}
