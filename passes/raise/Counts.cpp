//===- Counts.cpp - Running counts as places ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Buckets of experts give each row the number of rows before it as its place,
// and lists of what a mask holds do the same. A running count grows at every
// row that it counts, so such a place belongs to one row: that is all that
// makes a bucket the same as its rows, and a list the same as its mask.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/Element.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

std::optional<RunningSum> moe::raise::asRunningSum(Formulas &f, Expr expr) {
  if (!expr->is(Kind::Sum))
    return std::nullopt;
  auto [name, body] = f.open(expr);
  for (Expr factor : Formulas::factors(body)) {
    if (!factor->is(Kind::Less) || factor->args[0] != name ||
        factor->args[1]->dependsOn(name))
      continue;
    SmallVector<Expr> others(Formulas::factors(body));
    others.erase(llvm::find(others, factor));
    return RunningSum{expr->args[0], factor->args[1], name, f.mul(others)};
  }
  return std::nullopt;
}

/// `sum` over all, with the name of another sum over the same; null if it is
/// none.
static Expr termOf(Formulas &f, Expr sum, const RunningSum &like) {
  if (!sum->is(Kind::Sum) || sum->args[0] != like.extent)
    return nullptr;
  auto [name, body] = f.open(sum);
  return f.substitute(body, name, like.name);
}

//===----------------------------------------------------------------------===//
// Proofs
//===----------------------------------------------------------------------===//

bool Formulas::atLeastOne(Expr expr, ArrayRef<Expr> guards) {
  if (llvm::is_contained(guards, expr) || range(expr).first >= 1)
    return true;
  switch (expr->kind) {
  case Kind::Mul:
    return llvm::all_of(expr->args,
                        [&](Expr arg) { return atLeastOne(arg, guards); });
  case Kind::Add:
    return llvm::all_of(expr->args,
                        [&](Expr arg) { return range(arg).first >= 0; }) &&
           llvm::any_of(expr->args,
                        [&](Expr arg) { return atLeastOne(arg, guards); });
  case Kind::Not:
    // Any of several: not all are not.
    return expr->args[0]->is(Kind::Mul) &&
           llvm::any_of(expr->args[0]->args, [&](Expr arg) {
             return atLeastOne(negation(arg), guards);
           });
  case Kind::Sum: {
    if (range(expr->args[1]).first < 0)
      return false;
    // One term is enough: at a rank or an index that the guards speak of.
    auto [name, body] = open(expr);
    llvm::SmallSetVector<Expr, 8> candidates;
    for (Expr guard : guards)
      walk(guard, [&](Expr node) {
        if (node->is(Kind::Pick))
          candidates.insert(node->args[2]);
        else if (node->is(Kind::Variable) && node->id > 0)
          candidates.insert(node);
      });
    return llvm::any_of(candidates, [&](Expr at) {
      // Names of inner binders mean nothing here.
      bool isFree = true;
      walk(at, [&](Expr node) {
        isFree &= !node->is(Kind::Variable) || node->id > 0;
      });
      return isFree && within(at, name->args[0]) &&
             atLeastOne(substitute(body, name, at), guards);
    });
  }
  default:
    return false;
  }
}

/// What [a == b] of two counts says where the guards hold: an equation of what
/// they count up to, 0, or null if nothing is known.
Expr Formulas::equalCounts(Expr equation, ArrayRef<Expr> guards) {
  Expr a = equation->args[0], b = equation->args[1];
  auto holdsCounts = [&](Expr e) {
    return llvm::any_of(terms(e), [](Expr term) {
      return llvm::any_of(factors(term),
                          [](Expr factor) { return factor->is(Kind::Sum); });
    });
  };
  if (!a->integer || !b->integer || (!holdsCounts(a) && !holdsCounts(b)))
    return nullptr;
  // What the guards say is equal is one.
  SmallVector<std::pair<Expr, Expr>> same;
  for (Expr guard : guards)
    if (guard->is(Kind::Equal)) {
      Expr to = guard->args[0], from = guard->args[1];
      if (to->ordinal > from->ordinal || from->is(Kind::Constant))
        std::swap(to, from);
      if (!holdsCounts(from))
        same.push_back({from, to});
    }
  auto unified = [&](Expr e) {
    for (auto [from, to] : same)
      if (contains(e, from) && !contains(to, from))
        e = substitute(e, from, to);
    return e;
  };
  a = unified(a);
  b = unified(b);
  SmallVector<Expr> more, fewer;
  // Of a count of the same row's other picks nothing is left.
  Expr difference = zero();
  for (Expr term : terms(sub(a, b)))
    if (llvm::none_of(same, [&](auto pair) {
          return contains(term, pair.second) &&
                 substitute(term, pair.second, pair.first)->isNumber(0);
        }))
      difference = add(difference, term);
  if (!holdsCounts(difference))
    return equal(a, b);
  for (Expr term : terms(difference)) {
    double coefficient = splitCoefficient(term).first;
    (coefficient < 0 ? fewer : more)
        .push_back(coefficient < 0 ? neg(term) : term);
  }
  SmallVector<Expr> known(guards);
  for (Expr guard : guards)
    known.push_back(unified(guard));
  auto counted = [&](const RunningSum &sum) {
    Expr at = substitute(sum.term, sum.name, sum.limit);
    return range(sum.term).first >= 0 && sum.term->integer &&
           within(sum.limit, sum.extent) &&
           (atLeastOne(at, known) || atLeastOne(unified(at), known));
  };
  // Whether both count the same, and each what it runs up to.
  auto areAlike = [&](Expr x, Expr y, RunningSum &first, RunningSum &second) {
    auto one = asRunningSum(*this, x), other = asRunningSum(*this, y);
    if (!one || !other || one->extent != other->extent ||
        substitute(other->term, other->name, one->name) != one->term)
      return false;
    first = *one;
    second = *other;
    return true;
  };
  RunningSum x, y;
  if (more.size() == 1 && fewer.size() == 1 &&
      areAlike(more[0], fewer[0], x, y) && counted(x) && counted(y))
    return equal(x.limit, y.limit);
  // What runs up to a row that it counts is below the count of all.
  for (auto [low, high] :
       {std::pair(&more, &fewer), std::pair(&fewer, &more)}) {
    if (low->size() != 1 ||
        llvm::any_of(*high, [&](Expr e) { return range(e).first < 0; }))
      continue;
    auto running = asRunningSum(*this, low->front());
    if (running && counted(*running))
      for (Expr total : *high)
        if (termOf(*this, total, *running) == running->term)
          return zero();
  }
  // What they count stays what it is under another name of the rank.
  auto named = [&](Expr e) {
    for (auto [from, to] : same)
      if (!to->is(Kind::Constant) && !to->is(Kind::Variable))
        e = substitute(e, to, call("counted", {integer(to->ordinal)}, true));
    return e;
  };
  // Choices in the order of their ranks: all of the ranks before, and of this
  // one those before.
  if (more.size() == 2 && fewer.size() == 2)
    for (unsigned p : {0u, 1u})
      for (unsigned q : {0u, 1u}) {
        RunningSum ranks, otherRanks;
        auto rows = asRunningSum(*this, more[1 - p]),
             otherRows = asRunningSum(*this, fewer[1 - q]);
        if (!rows || !otherRows ||
            !areAlike(more[p], fewer[q], ranks, otherRanks) ||
            !otherRanks.limit->is(Kind::Variable) ||
            substitute(
                named(substitute(otherRows->term, otherRows->name, rows->name)),
                otherRanks.limit, ranks.limit) != named(rows->term) ||
            !within(ranks.limit, ranks.extent) ||
            !within(otherRanks.limit, ranks.extent))
          continue;
        auto total = [&](Expr rank) {
          return substitute(ranks.term, ranks.name, rank);
        };
        if (sum(rows->name, rows->term) == total(ranks.limit) &&
            sum(otherRows->name, otherRows->term) == total(otherRanks.limit) &&
            rows->extent == otherRows->extent && counted(*rows) &&
            counted(*otherRows) && range(ranks.term).first >= 0)
          return mul(equal(ranks.limit, otherRanks.limit),
                     equal(rows->limit, otherRows->limit));
      }
  return nullptr;
}

/// Whether a place in the order of ranks is below the number of rows: all of
/// the ranks before and those before of its own are no more than one a row.
bool Formulas::isRankMajorPlace(Expr place, Expr numRows) {
  if (!place->is(Kind::Add) || place->args.size() != 2)
    return false;
  for (unsigned side : {0u, 1u}) {
    auto ranks = asRunningSum(*this, place->args[side]);
    auto rows = asRunningSum(*this, place->args[1 - side]);
    if (!ranks || !rows || !within(ranks->limit, ranks->extent) ||
        !within(rows->limit, rows->extent) || !ranks->term->is(Kind::Sum) ||
        rows->extent != numRows || ranks->term->args[0] != numRows ||
        !substitute(rows->term, rows->name, rows->limit)->isNumber(1) ||
        substitute(ranks->term, ranks->name, ranks->limit) !=
            sum(rows->name, rows->term))
      continue;
    auto [row, isOfRank] = open(ranks->term);
    if (isOfRank->boolean && sum(ranks->name, isOfRank)->boolean)
      return true;
  }
  return false;
}

bool Formulas::isInjective(ArrayRef<Expr> names, ArrayRef<Expr> values,
                           Expr condition) {
  // A name that is used in parts is its parts.
  for (auto [index, name] : llvm::enumerate(names)) {
    Expr unit = nullptr, rest = nullptr;
    for (Expr value : values)
      walk(value, [&, name = name](Expr node) {
        if ((node->is(Kind::Quotient) || node->is(Kind::Remainder)) &&
            node->args[0] == name && !unit)
          unit = node->args[1];
      });
    if (!unit)
      continue;
    Expr high = nullptr;
    if (name->args[0]->is(Kind::Constant) && unit->is(Kind::Constant)) {
      double count = name->args[0]->number / unit->number;
      if (count == std::floor(count))
        high = number(count);
    } else if (auto split = splitByFactor(name->args[0], unit, rest);
               split && rest->isNumber(0)) {
      high = add(*split);
    }
    if (!high)
      continue;
    Expr outer = variable(high), inner = variable(unit);
    SmallVector<Expr> parts(names), inParts;
    parts[index] = outer;
    parts.push_back(inner);
    for (Expr value : values)
      inParts.push_back(substitute(value, name, add(mul(unit, outer), inner)));
    return isInjective(
        parts, inParts,
        substitute(condition, name, add(mul(unit, outer), inner)));
  }
  SmallVector<Expr> others;
  for (Expr name : names)
    others.push_back(variable(name->args[0]));
  auto atOthers = [&](Expr value) {
    for (auto [name, fresh] : llvm::zip_equal(names, others))
      value = substitute(value, name, fresh);
    return value;
  };
  SmallVector<Expr> same{condition, atOthers(condition)};
  for (Expr value : values)
    same.push_back(equal(value, atOthers(value)));
  Expr met = mul(same);
  return llvm::all_of(llvm::zip_equal(names, others), [&](auto pair) {
    auto [name, fresh] = pair;
    return name->args[0]->isNumber(1) ||
           mul(met, negation(equal(name, fresh)))->isNumber(0);
  });
}

//===----------------------------------------------------------------------===//
// Sorted rows
//===----------------------------------------------------------------------===//

namespace {
/// #{n < extent : key(n) < limit}, or with equal keys.
struct KeyCount {
  Expr flat = nullptr, key = nullptr, limit = nullptr;
  bool ofEqual = false;
};
} // namespace

/// Sums over parts of an index as one over the index.
static std::optional<KeyCount> asKeyCount(Formulas &f, Expr sum) {
  SmallVector<Expr> names;
  Expr test = sum, count = f.one();
  while (test->is(Kind::Sum)) {
    auto [name, inner] = f.open(test);
    names.push_back(name);
    count = f.mul(count, name->args[0]);
    test = inner;
  }
  if (names.empty() || (!test->is(Kind::Less) && !test->is(Kind::Equal)) ||
      !test->args[0]->integer || !test->args[1]->integer)
    return std::nullopt;
  for (unsigned side : {0u, 1u}) {
    KeyCount result{f.variable(count), test->args[side], test->args[1 - side],
                    test->is(Kind::Equal)};
    if (llvm::any_of(names, [&](Expr name) {
          return !result.key->dependsOn(name) || result.limit->dependsOn(name);
        }))
      continue;
    Expr rest = result.flat;
    for (auto [index, name] : llvm::enumerate(llvm::reverse(names))) {
      bool isOutermost = index + 1 == names.size();
      result.key =
          f.substitute(result.key, name,
                       isOutermost ? rest : f.remainder(rest, name->args[0]));
      rest = f.quotient(rest, name->args[0]);
    }
    if (side == 0 || result.ofEqual)
      return result;
  }
  return std::nullopt;
}

/// Two terms of an integer sum as one, with the others, or null:
/// - keys below l + 1, less those equal to l, are the keys below l;
/// - the row v of the rows sorted by key, less the keys below its own, is how
///   many rows of its key come before it.
Expr Formulas::foldCounts(ArrayRef<Expr> terms) {
  for (Expr below : terms) {
    auto [sign, rest] = splitCoefficient(below);
    if (std::abs(sign) != 1 || rest.size() != 1 || !rest[0]->is(Kind::Sum))
      continue;
    auto count = asKeyCount(*this, rest[0]);
    if (!count || count->ofEqual)
      continue;
    for (Expr term : terms) {
      auto [otherSign, others] = splitCoefficient(term);
      if (otherSign != -sign || term == below)
        continue;
      Expr folded = nullptr, other = mul(others);
      auto equals = asKeyCount(*this, other);
      if (equals && equals->ofEqual &&
          substitute(equals->key, equals->flat, count->flat) == count->key &&
          add(equals->limit, one()) == count->limit)
        folded = sum(count->flat, less(count->key, equals->limit));
      if (sign == -1 && within(other, count->flat->args[0])) {
        auto sorted = [&](Expr at) {
          return substitute(count->key, count->flat,
                            order(count->flat, count->key, at));
        };
        if (sorted(other) == count->limit) {
          Expr before = variable(count->flat->args[0]);
          folded = neg(sum(before, mul(less(before, other),
                                       equal(sorted(before), count->limit))));
        }
      }
      if (!folded)
        continue;
      SmallVector<Expr> left{mul(number(sign), folded)};
      for (Expr kept : terms)
        if (kept != below && kept != term)
          left.push_back(kept);
      return add(left);
    }
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

Expr Formulas::orderOfList(Expr variable, Expr held, Expr at) {
  return order(variable, add(mul(variable->args[0], negation(held)), variable),
               at);
}

Expr Formulas::heldByList(Expr list, Expr name) {
  auto [variable, key] = open(list);
  Expr rest = nullptr;
  auto high = splitByFactor(sub(key, variable), variable->args[0], rest);
  if (!high || high->empty() || !rest->isNumber(0))
    return nullptr;
  Expr dropped = add(*high);
  return dropped->boolean ? substitute(negation(dropped), variable, name)
                          : nullptr;
}

/// `factors` without those of `held`; nothing if one is not there.
static std::optional<SmallVector<Expr>> withoutMask(ArrayRef<Expr> factors,
                                                    Expr held) {
  SmallVector<Expr> rest(factors);
  for (Expr part : Formulas::factors(held)) {
    auto *found = llvm::find(rest, part);
    if (found == rest.end())
      return std::nullopt;
    rest.erase(found);
  }
  return rest;
}

/// A sum over v of [v is held] * [those held before v == p] * term(v) is the
/// term at the p-th that is held, if there are so many. An index of rows and
/// slots is one index.
Expr Formulas::sumOfRunningCount(Expr variable, Expr body) {
  Expr slot = nullptr, product = body;
  if (body->is(Kind::Sum)) {
    std::tie(slot, product) = open(body);
    if (!slot->args[0]->is(Kind::Constant))
      return nullptr;
  }
  auto runsTo = [&](Expr sum, Expr limit) -> std::optional<RunningSum> {
    auto count = asRunningSum(*this, sum);
    if (!count || count->limit != limit || !count->term->boolean ||
        count->extent != limit->args[0] || count->term->dependsOn(limit))
      return std::nullopt;
    return count;
  };
  for (Expr factor : factors(product)) {
    if (!factor->is(Kind::Equal))
      continue;
    for (unsigned side : {0u, 1u}) {
      Expr count = factor->args[side], place = factor->args[1 - side];
      if (place->dependsOn(variable) || !place->integer ||
          range(place).first < 0 || (slot && place->dependsOn(slot)))
        continue;
      // What is held, at the variable (and the slot).
      Expr held = nullptr;
      if (!slot) {
        if (auto rows = runsTo(count, variable))
          held = substitute(rows->term, rows->name, variable);
      } else if (count->is(Kind::Add) && count->args.size() == 2) {
        for (unsigned part : {0u, 1u}) {
          auto rows = runsTo(count->args[part], variable);
          auto slots = runsTo(count->args[1 - part], slot);
          if (rows && slots &&
              substitute(sum(slots->name, slots->term), variable, rows->name) ==
                  rows->term)
            held = substitute(slots->term, slots->name, slot);
        }
      }
      SmallVector<Expr> others(factors(product));
      others.erase(llvm::find(others, factor));
      auto rest = held ? withoutMask(others, held) : std::nullopt;
      if (!rest)
        continue;
      Expr unit = slot ? slot->args[0] : one();
      Expr flat = this->variable(mul(variable->args[0], unit));
      auto at = [&](Expr e, Expr index) {
        e = substitute(e, variable, quotient(index, unit));
        return slot ? substitute(e, slot, remainder(index, unit)) : e;
      };
      Expr listed = orderOfList(flat, at(held, flat), place);
      return mul(less(place, sum(flat, at(held, flat))),
                 at(mul(*rest), listed));
    }
  }
  return nullptr;
}
