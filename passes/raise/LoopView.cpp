//===- LoopView.cpp - The formula of linalg ops and loops -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/ElementView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace moe::raise;

//===----------------------------------------------------------------------===//
// linalg
//===----------------------------------------------------------------------===//

Expr ElementView::ofLinalg(linalg::LinalgOp op, unsigned result,
                           ArrayRef<Expr> indices) {
  if (!op.hasPureTensorSemantics() || op->getNumRegions() != 1 ||
      !op->getRegion(0).hasOneBlock())
    return nullptr;
  Block &body = op->getRegion(0).front();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  unsigned numInputs = op.getNumDpsInputs();
  if (body.getNumArguments() != op->getNumOperands())
    return nullptr;

  // The loops' indices: from the result's, or new ones to reduce over.
  SmallVector<Expr> loops(kinds.size(), nullptr);
  AffineMap out = maps[numInputs + result];
  for (auto [expr, index] : llvm::zip_equal(out.getResults(), indices)) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = index;
    else if (!isa<AffineConstantExpr>(expr))
      return nullptr;
  }
  SmallVector<Expr> reduced;
  for (auto [position, loop] : llvm::enumerate(loops)) {
    if (loop)
      continue;
    // The size of the loop is that of a dimension that it walks.
    Expr extent = nullptr;
    for (auto [operand, map] : llvm::zip_equal(op->getOperands(), maps))
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (auto d = dyn_cast<AffineDimExpr>(expr);
            d && d.getPosition() == position && !extent &&
            isa<RankedTensorType>(operand.getType()))
          extent = size(operand, dim);
    if (!extent)
      return nullptr;
    if (kinds[position] != utils::IteratorType::reduction) {
      // A result that does not move along a parallel loop has one element
      // there, if it has any meaning.
      if (!extent->isNumber(1))
        return nullptr;
      loop = f.zero();
      continue;
    }
    loop = f.variable(extent);
    reduced.push_back(loop);
  }

  Scope scope;
  SmallVector<Expr> inits;
  for (auto [index, operand, map] : llvm::enumerate(op->getOperands(), maps)) {
    BlockArgument argument = body.getArgument(index);
    SmallVector<Expr> at;
    for (AffineExpr expr : map.getResults())
      at.push_back(affine(expr, loops, {}));
    bool isOut = index >= numInputs;
    if (!isOut && argument.use_empty())
      continue;
    Expr value = nullptr;
    if (!isa<RankedTensorType>(operand.getType()))
      value = scalar(operand);
    else if (!isOut || !reduced.empty() || !argument.use_empty())
      value = element(operand, at);
    if (isOut)
      inits.push_back(value);
    if (value && (!isOut || reduced.empty()))
      scope[argument] = value;
  }
  body.walk([&](linalg::IndexOp index) {
    scope[index.getResult()] = loops[index.getDim()];
  });
  if (reduced.empty())
    return scalar(body.getTerminator()->getOperand(result), scope);
  return ofReduction(op, result, scope, loops, reduced, inits);
}

namespace {
/// Evaluates a formula over a few named numbers; nothing if it holds more.
struct Sample {
  llvm::DenseMap<Expr, double> values;

  std::optional<double> of(Expr e) const {
    if (auto found = values.find(e); found != values.end())
      return found->second;
    if (e->is(Kind::Constant))
      return e->number;
    SmallVector<double> args;
    for (Expr arg : e->args) {
      std::optional<double> value = of(arg);
      if (!value)
        return std::nullopt;
      args.push_back(*value);
    }
    switch (e->kind) {
    case Kind::Mul: {
      double product = 1;
      for (double arg : args)
        product *= arg;
      return product;
    }
    case Kind::Add: {
      double sum = 0;
      for (double arg : args)
        sum += arg;
      return sum;
    }
    case Kind::Max:
      return std::max(args[0], args[1]);
    case Kind::Min:
      return std::min(args[0], args[1]);
    case Kind::Equal:
      return args[0] == args[1];
    case Kind::Less:
      return args[0] < args[1];
    case Kind::Not:
      return 1 - args[0];
    case Kind::Select:
      return args[0] != 0 ? args[1] : args[2];
    default:
      return std::nullopt;
    }
  }
};
} // namespace

/// What a reduction's body does with (value, index) and what it has is the
/// maximum and its first index, for every order of the values and indices: the
/// bodies only compare, so six cases decide.
static bool isArgMax(Expr max, Expr index, Expr value, Expr at, Expr best,
                     Expr bestAt) {
  for (double v : {1.0, 2.0, 3.0})
    for (double i : {4.0, 6.0}) {
      Sample sample;
      sample.values = {{value, v}, {at, i}, {best, 2.0}, {bestAt, 5.0}};
      bool before = v == 2.0 && i < 5.0;
      std::optional<double> gotMax = sample.of(max),
                            gotIndex = sample.of(index);
      if (!gotMax || !gotIndex || *gotMax != std::max(v, 2.0))
        return false;
      // The loop runs upwards: a tie never comes with a lower index.
      if (before)
        continue;
      if (*gotIndex != (v > 2.0 ? i : 5.0))
        return false;
    }
  return true;
}

Expr ElementView::ofReduction(linalg::LinalgOp op, unsigned result,
                              Scope &scope, ArrayRef<Expr> loops,
                              ArrayRef<Expr> reduced, ArrayRef<Expr> inits) {
  Block &body = op->getRegion(0).front();
  unsigned numInputs = op.getNumDpsInputs();
  // What the outputs hold so far, as names.
  SmallVector<Expr> so;
  for (unsigned out = 0; out < inits.size(); ++out) {
    Expr name = f.variable(f.integer(std::numeric_limits<int32_t>::max()));
    bool isInteger =
        !isa<FloatType>(getElementTypeOrSelf(op.getDpsInits()[out].getType()));
    // A float is no index: a read of nothing is a fresh unknown.
    if (!isInteger)
      name = f.read(body.getArgument(numInputs + out), {name}, false);
    so.push_back(name);
    scope[body.getArgument(numInputs + out)] = name;
  }
  SmallVector<Expr> next;
  for (Value yielded : body.getTerminator()->getOperands())
    next.push_back(scalar(yielded, scope));
  auto holds = [&](Expr e) {
    return llvm::any_of(so, [&](Expr name) { return f.contains(e, name); });
  };
  Expr mine = next[result], name = so[result];

  // Sums, and "any".
  if (mine->is(Kind::Add) && llvm::is_contained(mine->args, name)) {
    Expr term = f.sub(mine, name);
    if (holds(term))
      return nullptr;
    for (Expr loop : llvm::reverse(reduced))
      term = f.sum(loop, term);
    return f.add(inits[result], term);
  }
  // not (not a and not so far): whether any is.
  if (mine->is(Kind::Not) && mine->args[0]->is(Kind::Mul) &&
      inits[result]->isNumber(0)) {
    SmallVector<Expr> tests;
    for (Expr factor : mine->args[0]->args)
      if (factor != f.negation(name))
        tests.push_back(factor);
    Expr any = f.negation(f.mul(tests));
    if (tests.size() == mine->args[0]->args.size() || holds(any) ||
        !any->boolean)
      return nullptr;
    for (Expr loop : llvm::reverse(reduced))
      any = f.sum(loop, any);
    return f.less(f.zero(), any);
  }
  if (reduced.size() != 1)
    return nullptr;
  Expr loop = reduced[0];
  if (mine->is(Kind::Max) && llvm::is_contained(mine->args, name)) {
    Expr value = mine->args[0] == name ? mine->args[1] : mine->args[0];
    if (holds(value) || !inits[result]->is(Kind::Constant) ||
        inits[result]->number > std::max(-1e30, f.range(value).first))
      return nullptr;
    // The largest of a one-hot's values, which are 0 but for one.
    auto fixes = [&](Expr factor) {
      return factor->is(Kind::Equal) && llvm::is_contained(factor->args, loop);
    };
    if (f.range(value).first >= 0 &&
        llvm::any_of(Formulas::factors(value), fixes))
      return f.sum(loop, value);
    return f.substitute(value, loop, f.pick(loop, value, f.zero()));
  }
  // The index of the maximum: two outputs, this one the second.
  for (unsigned other = 0; other < next.size(); ++other) {
    for (unsigned mask = 0; mask < 2; ++mask) {
      unsigned top = mask ? result : other, index = mask ? other : result;
      if (other == result || so[top]->integer || !so[index]->integer)
        continue;
      // The value and the index that come in: what the two yields hold.
      Expr value = nullptr;
      f.walk(next[top], [&](Expr node) {
        if ((node->is(Kind::Max) || node->is(Kind::Less)) &&
            llvm::is_contained(node->args, so[top]))
          value = node->args[0] == so[top] ? node->args[1] : node->args[0];
      });
      if (!value || holds(value) || !inits[top]->is(Kind::Constant) ||
          inits[top]->number > -1e30 ||
          !isArgMax(next[top], next[index], value, loop, so[top], so[index]))
        continue;
      Expr picked = f.pick(loop, value, f.zero());
      return top == result ? f.substitute(value, loop, picked) : picked;
    }
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// scf.for
//===----------------------------------------------------------------------===//

/// A loop that adds to its tensor what no step before it changes is a sum; one
/// that writes row i in step i is a function of i.
Expr ElementView::ofLoop(scf::ForOp op, unsigned result,
                         ArrayRef<Expr> indices) {
  Expr low = scalar(op.getLowerBound()), high = scalar(op.getUpperBound());
  Expr step = scalar(op.getStep());
  if (!low->isNumber(0) || !step->isNumber(1) || !high->integer)
    return nullptr;
  Expr counter = f.variable(high);
  bind(op.getInductionVar(), counter);
  auto yield = cast<scf::YieldOp>(op.getBody()->getTerminator());
  BlockArgument carried = op.getRegionIterArgs()[result];
  if (!isa<RankedTensorType>(carried.getType()))
    return nullptr;
  Expr before = f.read(carried, indices, false);
  Expr after = element(yield.getResults()[result], indices);
  auto holdsCarried = [&](Expr e) {
    bool found = false;
    f.walk(e, [&](Expr node) {
      for (BlockArgument arg : op.getRegionIterArgs())
        found |= node->value == arg;
    });
    return found;
  };
  if (after->is(Kind::Add) && llvm::is_contained(after->args, before)) {
    Expr term = f.sub(after, before);
    if (holdsCarried(term))
      return nullptr;
    return f.add(element(op.getInits()[result], indices), f.sum(counter, term));
  }
  // A row a step: select([index == counter], row, before).
  Expr row = nullptr, condition = nullptr;
  if (after->is(Kind::Select) && after->args[2] == before) {
    condition = after->args[0];
    row = after->args[1];
  }
  if (!row || holdsCarried(row) || !condition->is(Kind::Equal))
    return nullptr;
  for (unsigned side : {0u, 1u})
    if (condition->args[side] == counter &&
        f.within(condition->args[1 - side], high))
      return f.substitute(row, counter, condition->args[1 - side]);
  return nullptr;
}
