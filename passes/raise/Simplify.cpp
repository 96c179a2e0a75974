//===- Simplify.cpp - The normal form of formulas -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scalar rules. Each is an identity of real arithmetic under the condition
// tested beside it.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/Element.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

/// 3 * a as (3, a).
static std::pair<double, SmallVector<Expr>> splitCoefficient(Expr term) {
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

/// Drops factors that others imply. True if something changed.
bool Formulas::simplifyGuards(llvm::SmallVectorImpl<Expr> &factors) {
  for (Expr &guard : factors) {
    // [a == c] lets c stand for a, and [a == i] for a name i.
    if (guard->is(Kind::Equal)) {
      for (unsigned side : {0u, 1u}) {
        Expr from = guard->args[side], to = guard->args[1 - side];
        if (!to->is(Kind::Constant) || from->is(Kind::Constant))
          continue;
        bool changed = false;
        for (Expr &other : factors)
          if (&other != &guard && other->boolean && contains(other, from)) {
            Expr next = substitute(other, from, to);
            changed |= next != other;
            other = next;
          }
        if (changed)
          return true;
      }
    }
    // not [a < b] and [a < b + 1] are [a == b].
    if (guard->is(Kind::Not) && guard->args[0]->is(Kind::Less)) {
      Expr a = guard->args[0]->args[0], b = guard->args[0]->args[1];
      for (Expr &other : factors)
        if (other->is(Kind::Less) && other->args[0] == a &&
            other->args[1] == add(b, one()) && a->integer && b->integer) {
          other = equal(a, b);
          guard = one();
          return true;
        }
    }
    // not [v == 0] and v < n times what is 0 there anyway.
    if (guard->is(Kind::Not) && guard->args[0]->is(Kind::Equal)) {
      Expr test = guard->args[0];
      for (unsigned side : {0u, 1u}) {
        Expr name = test->args[side], value = test->args[1 - side];
        if (!name->is(Kind::Variable) || name->id < 0)
          continue;
        for (Expr other : factors)
          if (other != guard && other->dependsOn(name) &&
              substitute(other, name, value)->isNumber(0)) {
            guard = one();
            return true;
          }
      }
      // not [a == c] next to [a == d].
      for (Expr other : factors)
        if (other->is(Kind::Equal))
          for (unsigned side : {0u, 1u})
            for (unsigned otherSide : {0u, 1u})
              if (test->args[side] == other->args[otherSide]) {
                Expr same =
                    equal(test->args[1 - side], other->args[1 - otherSide]);
                if (same->isNumber(0)) {
                  guard = one();
                  return true;
                }
              }
    }
    if (guard->is(Kind::Not))
      for (Expr &other : factors)
        if (other == guard->args[0]) {
          guard = zero();
          return true;
        }
  }
  return false;
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
    if (simplifyGuards(factors)) {
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

Expr Formulas::reciprocal(Expr a) {
  if (a->is(Kind::Constant)) {
    if (std::isinf(a->number))
      return zero();
    int exponent;
    if (a->number != 0 && std::abs(std::frexp(a->number, &exponent)) == 0.5)
      return number(1 / a->number);
  }
  if (a->is(Kind::Reciprocal))
    return a->args[0];
  // 1 / (1 + exp(-x))
  if (a->is(Kind::Add) && a->args.size() == 2)
    for (unsigned side : {0u, 1u})
      if (a->args[side]->isNumber(1) && a->args[1 - side]->is(Kind::Exp))
        return sigmoid(neg(a->args[1 - side]->args[0]));
  Node node{Kind::Reciprocal};
  node.args = {a};
  return make(std::move(node));
}

Expr Formulas::exp(Expr a) {
  if (a->is(Kind::Constant))
    return number(std::exp(a->number));
  if (a->is(Kind::Select) &&
      (a->args[1]->is(Kind::Constant) || a->args[2]->is(Kind::Constant)))
    return select(a->args[0], exp(a->args[1]), exp(a->args[2]));
  Node node{Kind::Exp};
  node.args = {a};
  return make(std::move(node));
}

Expr Formulas::sigmoid(Expr a) {
  if (a->is(Kind::Constant))
    return number(1 / (1 + std::exp(-a->number)));
  if (a->is(Kind::Select) &&
      (a->args[1]->is(Kind::Constant) || a->args[2]->is(Kind::Constant)))
    return select(a->args[0], sigmoid(a->args[1]), sigmoid(a->args[2]));
  Node node{Kind::Sigmoid};
  node.args = {a};
  return make(std::move(node));
}

Expr Formulas::max(Expr a, Expr b) {
  auto [lowA, highA] = range(a);
  auto [lowB, highB] = range(b);
  if (a == b || lowA >= highB)
    return a;
  if (lowB >= highA)
    return b;
  Node node{Kind::Max};
  node.args = {a, b};
  node.integer = a->integer && b->integer;
  return make(std::move(node));
}

Expr Formulas::min(Expr a, Expr b) {
  auto [lowA, highA] = range(a);
  auto [lowB, highB] = range(b);
  if (a == b || highA <= lowB)
    return a;
  if (highB <= lowA)
    return b;
  Node node{Kind::Min};
  node.args = {a, b};
  node.integer = a->integer && b->integer;
  return make(std::move(node));
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

Expr Formulas::equal(Expr a, Expr b) {
  if (a == b)
    return one();
  if (a->boolean && b->is(Kind::Constant))
    return b->number == 1 ? a : b->number == 0 ? negation(a) : zero();
  if (b->boolean && a->is(Kind::Constant))
    return equal(b, a);
  auto [lowA, highA] = range(a);
  auto [lowB, highB] = range(b);
  if (highA < lowB || highB < lowA)
    return zero();
  // The picks of one row differ, as the places of one permutation do.
  if (a->kind == b->kind &&
      (a->is(Kind::Pick) || a->is(Kind::Order) || a->is(Kind::Place)) &&
      a->args[0] == b->args[0] && a->args[1] == b->args[1])
    return equal(a->args[2], b->args[2]);
  if (a->integer && b->integer) {
    Expr difference = sub(a, b);
    if (difference->is(Kind::Constant))
      return difference->number == 0 ? one() : zero();
    // c * d + r == 0 with |r| < c: both are 0.
    if (difference->is(Kind::Add)) {
      for (Expr term : difference->args) {
        auto [coefficient, rest] = splitCoefficient(term);
        double size = std::abs(coefficient);
        if (size <= 1)
          continue;
        SmallVector<Expr> high, low;
        for (Expr other : difference->args) {
          auto [c, unit] = splitCoefficient(other);
          if (std::fmod(c, size) == 0 && !unit.empty())
            high.push_back(mul(number(c / size), mul(unit)));
          else
            low.push_back(other);
        }
        auto [lowR, highR] = range(add(low));
        if (!low.empty() && lowR > -size && highR < size)
          return mul(equal(add(high), zero()), equal(add(low), zero()));
      }
      // Back to two sides without a minus.
      SmallVector<Expr> left, right;
      for (Expr term : difference->args) {
        auto [coefficient, rest] = splitCoefficient(term);
        if (coefficient < 0)
          right.push_back(neg(term));
        else
          left.push_back(term);
      }
      a = add(left);
      b = add(right);
    }
  }
  Node node{Kind::Equal};
  node.args = {a, b};
  node.integer = node.boolean = true;
  return make(std::move(node));
}

Expr Formulas::less(Expr a, Expr b) {
  auto [lowA, highA] = range(a);
  auto [lowB, highB] = range(b);
  if (highA < lowB)
    return one();
  if (lowA >= highB || a == b)
    return zero();
  if (a->integer && within(a, b))
    return one();
  if (b->isNumber(1) && a->integer && lowA >= 0)
    return equal(a, zero());
  // 0 < a for something that is 0 or positive.
  if (a->isNumber(0) && b->boolean)
    return b;
  if (a->isNumber(0) && positive(b))
    return one();
  if (a->isNumber(0) && b->is(Kind::Mul)) {
    SmallVector<Expr> tests;
    for (Expr factor : b->args) {
      if (factor->boolean)
        tests.push_back(factor);
      else if (!positive(factor))
        break;
      else
        tests.push_back(one());
    }
    if (tests.size() == b->args.size())
      return mul(tests);
  }
  if (a->isNumber(0) && b->integer && b->is(Kind::Sum) && range(b).first >= 0)
    return negation(equal(b, zero()));
  // Row r of the rows sorted by key is before the rows of keys >= limit.
  if (b->is(Kind::Sum) && a->integer) {
    SmallVector<Expr> names;
    Expr test = b, count = one();
    while (test->is(Kind::Sum)) {
      auto [name, inner] = open(test);
      names.push_back(name);
      count = mul(count, name->args[0]);
      test = inner;
    }
    if (test->is(Kind::Less) && test->args[0]->integer && within(a, count)) {
      Expr key = test->args[0], limit = test->args[1];
      bool fits = true;
      Expr flat = variable(count), rest = flat;
      for (auto [index, name] : llvm::enumerate(llvm::reverse(names))) {
        fits &= key->dependsOn(name) && !limit->dependsOn(name);
        bool isOutermost = index + 1 == names.size();
        key = substitute(key, name,
                         isOutermost ? rest : remainder(rest, name->args[0]));
        rest = quotient(rest, name->args[0]);
      }
      if (fits)
        return less(substitute(key, flat, order(flat, key, a)), limit);
    }
  }
  Node node{Kind::Less};
  node.args = {a, b};
  node.integer = node.boolean = true;
  return make(std::move(node));
}

Expr Formulas::negation(Expr a) {
  if (a->is(Kind::Constant))
    return a->number == 0 ? one() : zero();
  if (a->is(Kind::Not))
    return a->args[0];
  Node node{Kind::Not};
  node.args = {a};
  node.integer = node.boolean = true;
  return make(std::move(node));
}

Expr Formulas::select(Expr condition, Expr a, Expr b) {
  if (condition->is(Kind::Constant))
    return condition->number != 0 ? a : b;
  if (a == b)
    return a;
  // A broadcast's guard: where the size is 1, the index is 0 anyway.
  if (condition->is(Kind::Equal) && a->isNumber(0))
    for (unsigned side : {0u, 1u})
      if (condition->args[side]->isNumber(1) &&
          within(b, condition->args[1 - side]))
        return b;
  auto finite = [](Expr e) {
    return !e->is(Kind::Constant) || std::isfinite(e->number);
  };
  if (b->isNumber(0) && finite(a))
    return mul(condition, a);
  if (a->isNumber(0) && finite(b))
    return mul(negation(condition), b);
  if (condition->is(Kind::Not))
    return select(condition->args[0], b, a);
  if (condition->is(Kind::Less)) {
    Expr low = condition->args[0], high = condition->args[1];
    if (low == b && high == a)
      return max(a, b);
    if (low == a && high == b)
      return min(a, b);
    // not [low < high] chooses b: as max and min where they are equal.
  }
  // Two values of one function, chosen by its argument.
  if (condition->is(Kind::Equal))
    for (unsigned side : {0u, 1u})
      if (condition->args[side]->isNumber(0) &&
          range(condition->args[1 - side]).second == 1)
        if (Expr function = interpolate({a, b}, condition->args[1 - side]))
          return function;
  // One-hot alternatives add up.
  if (condition->is(Kind::Equal)) {
    bool disjoint = true;
    for (Expr term : terms(b)) {
      Expr body = term;
      if (term->is(Kind::Sum))
        body = open(term).second;
      disjoint &= mul(negation(condition), body) == body;
    }
    if (disjoint)
      return add(mul(condition, a), b);
  }
  Node node{Kind::Select};
  node.args = {condition, a, b};
  node.integer = a->integer && b->integer;
  node.boolean = a->boolean && b->boolean;
  return make(std::move(node));
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Expr Formulas::floor(Expr a) {
  if (a->integer)
    return a;
  // An integer over an integer.
  double scale = 1;
  Expr divisor = nullptr;
  SmallVector<Expr> others;
  for (Expr factor : factors(a)) {
    if (factor->is(Kind::Constant))
      scale *= factor->number;
    else if (factor->is(Kind::Reciprocal) && factor->args[0]->integer &&
             !divisor)
      divisor = factor->args[0];
    else
      others.push_back(factor);
  }
  Expr top = mul(others);
  if (top->integer && range(top).first >= 0) {
    if (divisor && scale == 1)
      return quotient(top, divisor);
    double inverse = 1 / scale;
    if (!divisor && inverse >= 1 && inverse == std::floor(inverse))
      return quotient(top, number(inverse));
  }
  return call("floor", {a}, true);
}

/// The terms of `sum` divided by `unit`, where that leaves integers; the others
/// are `rest`.
std::optional<SmallVector<Expr>> Formulas::splitByFactor(Expr sum, Expr unit,
                                                         Expr &rest) {
  SmallVector<Expr> high, low;
  for (Expr term : terms(sum)) {
    auto [coefficient, parts] = splitCoefficient(term);
    if (unit->is(Kind::Constant)) {
      if (std::fmod(coefficient, unit->number) == 0) {
        parts.push_back(number(coefficient / unit->number));
        high.push_back(mul(parts));
        continue;
      }
    } else {
      // Every factor of the unit must be there.
      SmallVector<Expr> left(factors(term));
      bool all = true;
      for (Expr part : factors(unit)) {
        auto *found = llvm::find(left, part);
        if (found == left.end()) {
          // 6 = 2 * 3 also holds a 3.
          all = false;
          break;
        }
        left.erase(found);
      }
      if (all) {
        high.push_back(mul(left));
        continue;
      }
    }
    low.push_back(term);
  }
  rest = add(low);
  return high;
}

Expr Formulas::quotient(Expr a, Expr b) {
  if (b->isNumber(1))
    return a;
  if (a->is(Kind::Constant) && b->is(Kind::Constant) && a->number >= 0 &&
      b->number > 0)
    return number(std::floor(a->number / b->number));
  if (within(a, b))
    return zero();
  Expr rest = nullptr;
  if (auto high = splitByFactor(a, b, rest); high && !high->empty())
    if (range(rest).first >= 0)
      return add(add(*high), quotient(rest, b));
  if (a->is(Kind::Quotient))
    return quotient(a->args[0], mul(a->args[1], b));
  Node node{Kind::Quotient};
  node.args = {a, b};
  node.integer = true;
  return make(std::move(node));
}

Expr Formulas::remainder(Expr a, Expr b) {
  if (b->isNumber(1))
    return zero();
  if (a->is(Kind::Constant) && b->is(Kind::Constant) && a->number >= 0 &&
      b->number > 0)
    return number(std::fmod(a->number, b->number));
  if (within(a, b))
    return a;
  Expr rest = nullptr;
  if (auto high = splitByFactor(a, b, rest); high && !high->empty())
    if (range(rest).first >= 0)
      return remainder(rest, b);
  Node node{Kind::Remainder};
  node.args = {a, b};
  node.integer = true;
  return make(std::move(node));
}
