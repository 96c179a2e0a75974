//===- ExpertMatch.cpp - One expert's computation in formulas -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/ExpertMatch.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

#include <cassert>
#include <cmath>

using namespace moe;
using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {
class ExpertMatcher {
public:
  ExpertMatcher(Formulas &f, Expr token, Expr expert, std::string &why)
      : f(f), token(token), expert(expert), why(why) {}

  std::optional<ExpertMatch> match(Expr body, Expr column);

private:
  /// The step that computes `value`, a formula of the column; -1 for the rows,
  /// nothing if it is no part of an expert.
  std::optional<int> step(Expr value, Expr column);
  std::optional<int> linear(Expr product, double scale, Expr bias, Expr column);
  std::optional<int> activation(Expr value, ArrayRef<Expr> leaves,
                                ArrayRef<int> operands);
  Expr ofRow(const semantics::Expr &formula, ArrayRef<Expr> inputs,
             ArrayRef<double> params);
  std::nullopt_t fail(llvm::StringRef reason) {
    if (why.empty())
      why = reason.str();
    return std::nullopt;
  }
  bool isProduct(Expr e, Expr column) {
    return e->is(Kind::Sum) && e->dependsOn(column) && e->dependsOn(token);
  }
  /// A number and a product, or a product alone. A number before a product of
  /// what the expert computed was let out of its sum: it stays with it.
  std::optional<std::pair<double, Expr>> asProduct(Expr e, Expr column) {
    auto [scale, factors] = splitCoefficient(e);
    if (factors.size() != 1 || !isProduct(factors[0], column))
      return std::nullopt;
    Expr body = f.open(factors[0]).second;
    bool isOfExpert = llvm::any_of(Formulas::factors(body), [&](Expr factor) {
      return factor->dependsOn(token) && factor->dependsOn(expert);
    });
    return isOfExpert ? std::pair(1.0, e) : std::pair(scale, factors[0]);
  }
  Formulas &f;
  Expr token, expert;
  std::string &why;
  ExpertMatch result;
};
} // namespace

/// A row of the activation table over formulas.
Expr ExpertMatcher::ofRow(const semantics::Expr &formula, ArrayRef<Expr> inputs,
                          ArrayRef<double> params) {
  using SK = semantics::Expr::Kind;
  const semantics::Expr::Node &node = formula.node();
  SmallVector<Expr> args;
  for (const semantics::Expr &operand : node.operands)
    args.push_back(ofRow(operand, inputs, params));
  switch (node.kind) {
  case SK::Input:
    return inputs[node.index];
  case SK::Param:
    return f.number(params[node.index]);
  case SK::Constant:
    return f.number(node.value);
  case SK::Neg:
    return f.neg(args[0]);
  case SK::Exp:
    return f.exp(args[0]);
  case SK::Log1p:
    return f.call("math.log1p{}f32", args, false);
  case SK::Sqrt:
    return f.call("math.sqrt{}f32", args, false);
  case SK::Tanh:
    return f.call("math.tanh{}f32", args, false);
  case SK::Erf:
    return f.call("math.erf{}f32", args, false);
  case SK::Add:
    return f.add(args[0], args[1]);
  case SK::Sub:
    return f.sub(args[0], args[1]);
  case SK::Mul:
    return f.mul(args[0], args[1]);
  case SK::Div:
    return f.mul(args[0], f.reciprocal(args[1]));
  case SK::Min:
    return f.min(args[0], args[1]);
  case SK::Max:
    return f.max(args[0], args[1]);
  case SK::SelectGt:
    return f.select(f.less(args[1], args[0]), args[2], args[3]);
  }
  return f.zero();
}

/// Numbers that two programs wrote for one: sqrt(1/2) in f32 and in f64.
static bool isSame(Formulas &f, Expr a, Expr b) {
  if (a == b)
    return true;
  if (a->is(Kind::Constant) && b->is(Kind::Constant))
    return std::abs(a->number - b->number) <=
           1e-6 * std::max(std::abs(a->number), std::abs(b->number));
  if (a->kind != b->kind || a->args.size() != b->args.size() ||
      a->value != b->value || a->name != b->name || a->args.empty() ||
      a->binds())
    return false;
  SmallVector<Expr> left(b->args.begin(), b->args.end());
  bool ordered = !a->is(Kind::Add) && !a->is(Kind::Mul) && !a->is(Kind::Max) &&
                 !a->is(Kind::Min);
  for (auto [index, arg] : llvm::enumerate(a->args)) {
    auto *found = ordered ? llvm::find_if(left, [&](Expr) { return true; })
                          : llvm::find_if(left, [&, arg = arg](Expr other) {
                              return isSame(f, arg, other);
                            });
    if (found == left.end() || !isSame(f, arg, *found))
      return false;
    left.erase(found);
  }
  return true;
}

/// x * (c + c * y) as c * x * (1 + y), for powers of two: a half of either.
static Expr settleHalves(Formulas &f, Expr e) {
  if (e->args.empty() || e->binds())
    return e;
  SmallVector<Expr> args;
  for (Expr arg : e->args)
    args.push_back(settleHalves(f, arg));
  e = f.rebuild(e, args);
  if (!e->is(Kind::Mul))
    return e;
  SmallVector<Expr> factors(e->args.begin(), e->args.end());
  for (Expr &factor : factors) {
    if (!factor->is(Kind::Add))
      continue;
    for (Expr term : factor->args) {
      int exponent;
      if (!term->is(Kind::Constant) || term->number == 1 ||
          std::abs(std::frexp(term->number, &exponent)) != 0.5)
        continue;
      factors.push_back(term);
      factor = f.mul(f.number(1 / term->number), factor);
      return f.mul(factors);
    }
  }
  return e;
}

std::optional<int> ExpertMatcher::activation(Expr value, ArrayRef<Expr> leaves,
                                             ArrayRef<int> operands) {
  if (leaves.size() == 1 && value == leaves[0])
    return operands[0];
  value = settleHalves(f, value);
  // Parameters are among the numbers of the formula.
  SmallVector<double> numbers{0.0, 1.0};
  auto note = [&](double number) {
    if (!llvm::is_contained(numbers, number))
      numbers.push_back(number);
  };
  Formulas::walk(value, [&](Expr node) {
    if (node->is(Kind::Constant) && std::abs(node->number) < 1e6) {
      note(node->number);
      note(std::abs(node->number));
    }
  });
  if (numbers.size() > 8)
    return fail("its activation is none that moe.activate knows");
  for (const semantics::ActivationRow &row : semantics::activations()) {
    if (row.arity != leaves.size())
      continue;
    SmallVector<SmallVector<double>> choices{{}};
    for (size_t param = 0; param < row.params.size(); ++param) {
      SmallVector<SmallVector<double>> longer;
      for (const SmallVector<double> &choice : choices)
        for (double number : numbers) {
          longer.push_back(choice);
          longer.back().push_back(number);
        }
      choices = std::move(longer);
    }
    for (bool swapped : {false, true}) {
      if (swapped && leaves.size() != 2)
        continue;
      SmallVector<Expr> inputs(leaves);
      SmallVector<int, 2> from(operands);
      if (swapped) {
        std::swap(inputs[0], inputs[1]);
        std::swap(from[0], from[1]);
      }
      for (const SmallVector<double> &params : choices)
        if (isSame(f, settleHalves(f, ofRow(row.formula, inputs, params)),
                   value)) {
          ExpertStep step;
          step.activation = row.id;
          step.params.assign(params.begin(), params.end());
          step.operands = from;
          result.steps.push_back(std::move(step));
          return result.steps.size() - 1;
        }
    }
  }
  return fail("its activation is none that moe.activate knows");
}

std::optional<int> ExpertMatcher::linear(Expr product, double scale, Expr bias,
                                         Expr column) {
  auto [in, body] = f.open(product);
  SmallVector<Expr> ofRows, ofWeight;
  for (Expr factor : Formulas::factors(body))
    (factor->dependsOn(token) ? ofRows : ofWeight).push_back(factor);
  ofRows.push_back(f.number(scale));
  Expr rows = f.mul(ofRows), weight = f.mul(ofWeight);
  if (rows->dependsOn(column) || !weight->dependsOn(column) ||
      !weight->dependsOn(in) || !rows->dependsOn(in))
    return fail("a sum in it is not a product of rows and a weight");
  ExpertStep step;
  step.weight = weight;
  step.bias = bias;
  step.out = column;
  step.in = in;
  if (!rows->dependsOn(expert)) {
    if (!result.rows) {
      result.rows = rows;
      result.feature = in;
    } else if (f.substitute(rows, in, result.feature) != result.rows) {
      return fail("it reads two kinds of rows");
    }
    step.operands = {-1};
  } else {
    std::optional<int> inner = this->step(rows, in);
    if (!inner)
      return std::nullopt;
    step.operands = {*inner};
  }
  result.steps.push_back(std::move(step));
  return result.steps.size() - 1;
}

std::optional<int> ExpertMatcher::step(Expr value, Expr column) {
  // The products in it, each with the bias that is added to it, become names.
  SmallVector<Expr> leaves;
  llvm::MapVector<Expr, std::pair<Expr, Expr>> products; // whole -> sum, bias
  auto nameOf = [&](Expr whole, Expr product, Expr bias) {
    auto [entry, isNew] = products.insert({whole, {product, bias}});
    if (isNew)
      leaves.push_back(
          f.call("leaf" + std::to_string(products.size()), {column}, false));
    return leaves[entry - products.begin()];
  };
  llvm::DenseMap<Expr, Expr> done;
  auto withNames = [&](auto &&self, Expr node) -> Expr {
    if (!node->dependsOn(token) || (node->binds() && !isProduct(node, column)))
      return node;
    if (auto found = done.find(node); found != done.end())
      return found->second;
    SmallVector<Expr> args;
    Expr result = nullptr;
    if (auto product = asProduct(node, column)) {
      result = f.mul(f.number(product->first),
                     nameOf(product->second, product->second, nullptr));
    } else if (node->is(Kind::Add)) {
      std::optional<std::pair<double, Expr>> added;
      SmallVector<Expr> bias;
      for (Expr term : node->args) {
        auto product = asProduct(term, column);
        if (product && !added)
          added = product;
        else if (!term->dependsOn(token) &&
                 (term->dependsOn(column) || term->dependsOn(expert)))
          bias.push_back(term);
        else
          args.push_back(term);
      }
      if (added && !bias.empty()) {
        auto [scale, product] = *added;
        Expr total = f.zero();
        for (Expr term : bias) {
          auto [coefficient, factors] = splitCoefficient(term);
          factors.push_back(f.number(coefficient / scale));
          total = f.add(total, f.mul(factors));
        }
        for (Expr &arg : args)
          arg = self(self, arg);
        args.push_back(f.mul(f.number(scale),
                             nameOf(f.add(product, total), product, total)));
        result = f.add(args);
      }
      args.clear();
    }
    if (!result) {
      for (Expr arg : node->args)
        args.push_back(self(self, arg));
      result = f.rebuild(node, args);
    }
    done[node] = result;
    return result;
  };
  Expr outer = withNames(withNames, value);
  if (products.empty())
    return fail("it holds no product of rows and a weight");
  if (outer->dependsOn(token) || outer->dependsOn(expert))
    return fail("it reads more of the token than the rows");
  SmallVector<int> operands;
  for (auto &[whole, parts] : products) {
    auto [scale, product] = splitCoefficient(parts.first);
    std::optional<int> made = linear(product[0], scale, parts.second, column);
    if (!made)
      return std::nullopt;
    operands.push_back(*made);
  }
  return activation(outer, leaves, operands);
}

std::optional<ExpertMatch> ExpertMatcher::match(Expr body, Expr column) {
  std::optional<int> last = step(body, column);
  if (!last)
    return std::nullopt;
  assert(result.rows && "the first product multiplies rows");
  return std::move(result);
}

std::optional<ExpertMatch> raise::matchExpert(Formulas &f, Expr body,
                                              Expr token, Expr expert,
                                              Expr column, std::string &why) {
  return ExpertMatcher(f, token, expert, why).match(body, column);
}
