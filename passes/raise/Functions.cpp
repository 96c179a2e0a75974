//===- Functions.cpp - The normal form of functions -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rules of what is neither a sum nor a product: functions of one number,
// comparisons, selections, whole quotients. As in Simplify.cpp, each is an
// identity of real arithmetic under the condition tested beside it.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/Element.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

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
  if (a->integer && b->integer)
    for (auto [low, high] : {std::pair(a, b), std::pair(b, a)})
      if (within(low, add(high, one())))
        return low;
  // No more can be counted than there are.
  for (auto [count, limit] : {std::pair(a, b), std::pair(b, a)}) {
    Expr most = one(), term = count;
    for (; term->is(Kind::Sum); term = term->args[1]) {
      most = mul(most, term->args[0]);
      if (term->args[1]->boolean && most == limit)
        return count;
    }
  }
  Node node{Kind::Min};
  node.args = {a, b};
  node.integer = a->integer && b->integer;
  return make(std::move(node));
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

/// [0 < e] as conditions, for sums of products of conditions and of what is
/// positive; null if it is none.
Expr Formulas::isMore(Expr e) {
  if (e->boolean)
    return e;
  if (positive(e))
    return one();
  SmallVector<Expr> tests;
  switch (e->kind) {
  case Kind::Mul:
    for (Expr factor : e->args) {
      tests.push_back(isMore(factor));
      if (!tests.back())
        return nullptr;
    }
    return mul(tests);
  case Kind::Add:
    // Any of them.
    for (Expr term : e->args) {
      Expr test = isMore(term);
      if (!test)
        return nullptr;
      tests.push_back(negation(test));
    }
    return negation(mul(tests));
  case Kind::Sum: {
    auto [name, term] = open(e);
    Expr test = e->integer ? nullptr : isMore(term);
    return test ? less(zero(), sum(name, test)) : nullptr;
  }
  default:
    return nullptr;
  }
}

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
  for (auto [x, y] : {std::pair(a, b), std::pair(b, a)})
    if (x->isNumber(0) && !y->integer)
      if (Expr test = isMore(y))
        return negation(test);
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
    for (auto [x, y] : {std::pair(a, b), std::pair(b, a)}) {
      // A masked number is not 0 only where the mask is 1.
      if (x->is(Kind::Mul) && (range(y).first > 0 || range(y).second < 0))
        for (Expr mask : x->args)
          if (mask->boolean) {
            SmallVector<Expr> others(factors(x));
            others.erase(llvm::find(others, mask));
            return mul(mask, equal(mul(others), y));
          }
      if (x->is(Kind::Select)) {
        Expr first = equal(x->args[1], y), second = equal(x->args[2], y);
        if (second->isNumber(0))
          return mul(x->args[0], first);
        if (first->isNumber(0))
          return mul(negation(x->args[0]), second);
      }
      // n * c + r == n * d + s, with r and s below n.
      for (Expr term : terms(x))
        for (Expr unit : factors(term)) {
          if (!unit->is(Kind::Size) &&
              !(unit->is(Kind::Constant) && unit->number > 1))
            continue;
          Expr lowX = nullptr, lowY = nullptr;
          auto highX = splitByFactor(x, unit, lowX);
          auto highY = splitByFactor(y, unit, lowY);
          if (within(lowX, unit) && within(lowY, unit))
            return mul(equal(add(*highX), add(*highY)), equal(lowX, lowY));
        }
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
  // Numbers stand on one side.
  if (a->integer && b->integer)
    for (auto [x, y] : {std::pair(a, b), std::pair(b, a)})
      if (x->is(Kind::Constant) && y->is(Kind::Add))
        for (Expr term : y->args)
          if (term->is(Kind::Constant))
            return less(sub(a, term), sub(b, term));
  // Rows of k slots in their order: an earlier row, or in this row an earlier
  // slot.
  if (a->integer && b->integer && lowA >= 0 && lowB >= 0)
    for (Expr x : {a, b})
      for (Expr term : terms(x))
        for (Expr unit : factors(term)) {
          bool isUnit = unit->is(Kind::Size) ||
                        (unit->is(Kind::Constant) && unit->number > 1);
          if (!isUnit || !term->is(Kind::Mul))
            continue;
          auto splits = [&](Expr e) {
            Expr rest = nullptr;
            auto high = splitByFactor(e, unit, rest);
            return e->is(Kind::Variable) || (high && within(rest, unit));
          };
          if (splits(a) && splits(b)) {
            Expr rowA = quotient(a, unit), rowB = quotient(b, unit);
            if (rowA == rowB)
              continue;
            return add(less(rowA, rowB),
                       mul(equal(rowA, rowB),
                           less(remainder(a, unit), remainder(b, unit))));
          }
        }
  // 0 < a for something that is 0 or positive.
  if (a->isNumber(0) && b->boolean)
    return b;
  if (a->isNumber(0) && positive(b))
    return one();
  if (a->isNumber(0))
    if (Expr test = isMore(b))
      return test;
  // A row that is counted is below the count of all, and so is its place.
  if (b->is(Kind::Sum))
    if (auto count = asRunningSum(*this, a);
        count && count->extent == b->args[0] && count->term->boolean &&
        within(count->limit, count->extent)) {
      auto [name, term] = open(b);
      if (substitute(term, name, count->name) == count->term &&
          substitute(term, name, count->limit)->isNumber(1))
        return one();
    }
  if (b->is(Kind::Sum) && a->is(Kind::Place)) {
    Expr name = variable(a->args[0]);
    if (Expr held = heldByList(a, name); held && sum(name, held) == b)
      return substitute(held, name, a->args[2]);
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
  // Whole numbers on both sides of a number.
  if (a->is(Kind::Less) && a->args[0]->integer && a->args[1]->integer) {
    if (a->args[0]->is(Kind::Constant))
      return less(a->args[1], add(a->args[0], one()));
    if (a->args[1]->is(Kind::Constant))
      return less(sub(a->args[1], one()), a->args[0]);
  }
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
  if (condition->is(Kind::Less)) {
    Expr low = condition->args[0], high = condition->args[1];
    if (low == b && high == a)
      return max(a, b);
    if (low == a && high == b)
      return min(a, b);
    // not [low < high] chooses b: as max and min where they are equal.
  }
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
