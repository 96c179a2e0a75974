//===- Guards.cpp - What factors that are 0 or 1 say about the others -----===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product is 0 unless its conditions hold, so the other factors may assume
// them: masks that were applied twice, positions of what a mask keeps, picks of
// one token that differ.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/Element.h"

#include "llvm/ADT/STLExtras.h"

using namespace moe::raise;
using llvm::SmallVector;

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

/// Whether all terms of `part` are among those of `sum`.
static bool holdsTerms(Expr sum, Expr part) {
  return llvm::all_of(Formulas::terms(part), [&](Expr term) {
    return llvm::is_contained(Formulas::terms(sum), term);
  });
}

/// `expr` with a name for `part`, also where it is a part of longer sums.
static Expr nameTerms(Formulas &f, Expr expr, Expr part, Expr name) {
  return f.transform(expr, [&](Expr node) -> Expr {
    if (node == part)
      return name;
    if (!node->is(Kind::Add) || !part->is(Kind::Add) || !holdsTerms(node, part))
      return nullptr;
    SmallVector<Expr> rest{name};
    for (Expr term : node->args)
      if (!llvm::is_contained(part->args, term))
        rest.push_back(nameTerms(f, term, part, name));
    return f.add(rest);
  });
}

/// Below a number by a guard: in the other factors it is like a name below
/// that, which no clamp changes and which no multiple of the number mixes with.
/// True if something changed.
bool Formulas::simplifyBounded(llvm::SmallVectorImpl<Expr> &factors) {
  SmallVector<std::pair<Expr, Expr>> bounded; // guard, name
  for (Expr guard : factors)
    if (guard->is(Kind::Less) && guard->args[1]->is(Kind::Constant) &&
        guard->args[0]->integer && range(guard->args[0]).first >= 0)
      bounded.push_back({guard, variable(guard->args[1])});
  for (Expr &other : factors) {
    bool matters = false;
    for (auto [guard, name] : bounded) {
      Expr low = guard->args[0];
      if (guard == other || other->ordinal < low->ordinal ||
          !llvm::includes(other->free, low->free))
        continue;
      walk(other, [&](Expr node) {
        matters |= (node->is(Kind::Min) || node->is(Kind::Quotient) ||
                    node->is(Kind::Remainder) || node->is(Kind::Equal)) &&
                   llvm::any_of(node->args, [&, low = low](Expr arg) {
                     return holdsTerms(arg, low);
                   });
      });
    }
    if (!matters)
      continue;
    Expr settled = other;
    for (auto [guard, name] : bounded)
      if (guard != other)
        settled = nameTerms(*this, settled, guard->args[0], name);
    for (auto [guard, name] : bounded)
      if (guard != other)
        settled = substitute(settled, name, guard->args[0]);
    if (settled == other)
      continue;
    other = settled;
    return true;
  }
  return false;
}

/// Uses conditions as facts in the other factors. True if something changed.
bool Formulas::simplifyEquals(llvm::SmallVectorImpl<Expr> &factors) {
  for (Expr &guard : factors) {
    if (!guard->boolean || guard->is(Kind::Constant))
      continue;
    // Where it stands in another factor, it is 1.
    for (Expr &other : factors)
      if (&other != &guard && other->ordinal > guard->ordinal &&
          llvm::includes(other->free, guard->free) && contains(other, guard)) {
        other = substitute(other, guard, one());
        return true;
      }
    // And what says the opposite is 0.
    if (Expr opposite = negation(guard); !opposite->is(Kind::Not))
      for (Expr &other : factors)
        if (&other != &guard && llvm::includes(other->free, opposite->free) &&
            contains(other, opposite)) {
          other = substitute(other, opposite, zero());
          return true;
        }
    if (!guard->is(Kind::Equal))
      continue;
    // Equal names are one.
    Expr first = guard->args[0], second = guard->args[1];
    if (first->is(Kind::Variable) && second->is(Kind::Variable) &&
        first->id > 0 && second->id > 0) {
      if (first->id > second->id)
        std::swap(first, second);
      for (Expr &other : factors)
        if (&other != &guard && other->boolean && other->dependsOn(second)) {
          other = substitute(other, second, first);
          return true;
        }
    }
    for (unsigned side : {0u, 1u}) {
      Expr shared = guard->args[side], value = guard->args[1 - side];
      for (Expr &other : factors) {
        if (&other == &guard)
          continue;
        // [v == a] next to [v == b], where a and b differ.
        if (other->is(Kind::Equal))
          for (unsigned otherSide : {0u, 1u})
            if (other->args[otherSide] == shared &&
                equal(value, other->args[1 - otherSide])->isNumber(0)) {
              guard = zero();
              return true;
            }
        // [a < b] next to [a == b].
        if (other->is(Kind::Less) && llvm::is_contained(other->args, shared) &&
            llvm::is_contained(other->args, value)) {
          guard = zero();
          return true;
        }
        // [v == a] next to [a < c], which every v holds.
        if (other->is(Kind::Less) && shared->is(Kind::Variable) &&
            shared->id > 0 && other->args[0] == value &&
            within(shared, other->args[1])) {
          other = one();
          return true;
        }
      }
    }
  }
  // Equal counts are equal rows.
  for (Expr &equation : factors) {
    if (!equation->is(Kind::Equal))
      continue;
    SmallVector<Expr> guards;
    for (Expr other : factors)
      if (other != equation && other->boolean)
        guards.push_back(other);
    if (guards.empty())
      continue;
    if (Expr settled = equalCounts(equation, guards)) {
      if (settled == equation)
        continue;
      equation = settled;
      return true;
    }
  }
  return false;
}
