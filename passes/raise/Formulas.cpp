//===- Formulas.cpp - Formula nodes, variables and substitution -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/Element.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>

using namespace moe::raise;
using llvm::ArrayRef;
using llvm::SmallVector;

bool Node::dependsOn(Expr variable) const {
  return std::binary_search(free.begin(), free.end(), variable->id);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

static bool isCommutative(Kind kind) {
  return kind == Kind::Add || kind == Kind::Mul || kind == Kind::Max ||
         kind == Kind::Min || kind == Kind::Equal;
}

Expr Formulas::make(Node node) {
  if (isCommutative(node.kind))
    llvm::sort(node.args,
               [](Expr a, Expr b) { return a->ordinal < b->ordinal; });
  auto hash = static_cast<uint64_t>(llvm::hash_combine(
      static_cast<int>(node.kind), llvm::bit_cast<uint64_t>(node.number),
      node.id, node.value.getAsOpaquePointer(), llvm::StringRef(node.name),
      llvm::hash_combine_range(node.args.begin(), node.args.end())));
  hash &= ~uint64_t(3); // not one of the map's own keys
  SmallVector<Expr, 1> &same = unique[hash];
  for (Expr other : same)
    if (other->kind == node.kind && other->number == node.number &&
        other->id == node.id && other->value == node.value &&
        other->name == node.name && other->args == node.args)
      return other;
  node.ordinal = nodes.size();
  for (Expr arg : node.args) {
    node.height = std::max(node.height, arg->height);
    node.free.append(arg->free.begin(), arg->free.end());
  }
  if (node.is(Kind::Variable) && node.id > 0)
    node.free.push_back(node.id);
  llvm::sort(node.free);
  node.free.erase(std::unique(node.free.begin(), node.free.end()),
                  node.free.end());
  nodes.push_back(std::move(node));
  same.push_back(&nodes.back());
  return &nodes.back();
}

Expr Formulas::number(double value, bool integer) {
  Node node{Kind::Constant};
  node.number = value == 0 ? 0 : value;
  // One node a number: 1 and 1.0 are the same.
  node.integer = std::isfinite(value) && value == std::floor(value);
  node.boolean = value == 0 || value == 1;
  return make(std::move(node));
}

Expr Formulas::variable(Expr extent) {
  Node node{Kind::Variable};
  node.id = ++lastVariable;
  node.args = {extent};
  node.integer = true;
  return make(std::move(node));
}

Expr Formulas::size(mlir::Value tensor, unsigned dimension) {
  Node node{Kind::Size};
  node.value = tensor;
  node.id = dimension;
  node.integer = true;
  return make(std::move(node));
}

Expr Formulas::read(mlir::Value tensor, ArrayRef<Expr> indices, bool integer) {
  Node node{Kind::Read};
  node.value = tensor;
  node.args.assign(indices.begin(), indices.end());
  node.integer = integer;
  return make(std::move(node));
}

Expr Formulas::call(llvm::StringRef name, ArrayRef<Expr> args, bool integer) {
  Node node{Kind::Call};
  node.name = name.str();
  node.args.assign(args.begin(), args.end());
  node.integer = integer;
  return make(std::move(node));
}

//===----------------------------------------------------------------------===//
// Binders
//===----------------------------------------------------------------------===//

Expr Formulas::makeBinder(Kind kind, Expr variable, Expr body, Expr at) {
  Node bound{Kind::Variable};
  bound.id = -static_cast<int64_t>(body->height) - 1;
  bound.args = variable->args;
  bound.integer = true;
  Expr name = make(std::move(bound));
  Node node{kind};
  node.height = body->height + 1;
  node.integer = kind == Kind::Pick || kind == Kind::Order ||
                 kind == Kind::Place || (kind == Kind::Sum && body->integer);
  node.args = {variable->args[0], rename(body, variable, name)};
  if (at)
    node.args.push_back(at);
  // A sum of one-hots of distinct indices is 0 or 1.
  if (kind == Kind::Sum && body->boolean) {
    Expr stored = node.args[1];
    for (Expr factor : factors(stored))
      if (factor->is(Kind::Equal))
        for (unsigned side : {0u, 1u}) {
          Expr a = factor->args[side], b = factor->args[1 - side];
          bool hasName = false;
          walk(b, [&](Expr part) { hasName |= part == name; });
          node.boolean |= a->is(Kind::Pick) && a->args[2] == name && !hasName &&
                          a->args[1]->kind != Kind::Variable;
        }
  }
  return make(std::move(node));
}

/// Puts one name for another without any rewriting: the formula stays in
/// normal form because its structure stays.
Expr Formulas::rename(Expr expr, Expr from, Expr to) {
  llvm::DenseMap<Expr, Expr> done;
  auto visit = [&](auto &&self, Expr node) -> Expr {
    if (node == from)
      return to;
    if (from->id > 0 && !node->dependsOn(from))
      return node;
    auto found = done.find(node);
    if (found != done.end())
      return found->second;
    Node copy{node->kind};
    copy.number = node->number;
    copy.id = node->id;
    copy.value = node->value;
    copy.name = node->name;
    copy.integer = node->integer;
    copy.boolean = node->boolean;
    copy.height = node->height;
    for (Expr arg : node->args)
      copy.args.push_back(self(self, arg));
    Expr result = copy.args == node->args ? node : make(std::move(copy));
    done[node] = result;
    return result;
  };
  return visit(visit, expr);
}

std::pair<Expr, Expr> Formulas::open(Expr binder) {
  Expr fresh = variable(binder->args[0]);
  Node bound{Kind::Variable};
  // The binder's own height may come from its other arguments; its body says
  // which name it binds.
  bound.id = -static_cast<int64_t>(binder->args[1]->height) - 1;
  bound.args = {binder->args[0]};
  bound.integer = true;
  return {fresh, rename(binder->args[1], make(std::move(bound)), fresh)};
}

//===----------------------------------------------------------------------===//
// Transformation
//===----------------------------------------------------------------------===//

Expr Formulas::rebuild(Expr node, ArrayRef<Expr> args) {
  switch (node->kind) {
  case Kind::Constant:
  case Kind::Variable:
  case Kind::Size:
    return node;
  case Kind::Read:
    return read(node->value, args, node->integer);
  case Kind::Call:
    return call(node->name, args, node->integer);
  case Kind::Add:
    return add(args);
  case Kind::Mul:
    return mul(args);
  case Kind::Reciprocal:
    return reciprocal(args[0]);
  case Kind::Exp:
    return exp(args[0]);
  case Kind::Sigmoid:
    return sigmoid(args[0]);
  case Kind::Max:
    return max(args[0], args[1]);
  case Kind::Min:
    return min(args[0], args[1]);
  case Kind::Equal:
    return equal(args[0], args[1]);
  case Kind::Less:
    return less(args[0], args[1]);
  case Kind::Not:
    return negation(args[0]);
  case Kind::Select:
    return select(args[0], args[1], args[2]);
  case Kind::Quotient:
    return quotient(args[0], args[1]);
  case Kind::Remainder:
    return remainder(args[0], args[1]);
  default:
    return node;
  }
}

Expr Formulas::transform(Expr expr, llvm::function_ref<Expr(Expr)> change) {
  llvm::DenseMap<Expr, Expr> done;
  auto visit = [&](auto &&self, Expr node) -> Expr {
    if (exhausted())
      return node;
    auto found = done.find(node);
    if (found != done.end())
      return found->second;
    Expr result = change(node);
    if (!result && node->binds()) {
      auto [name, body] = open(node);
      Expr newBody = self(self, body);
      Expr at = node->args.size() > 2 ? self(self, node->args[2]) : nullptr;
      if (newBody == body && (!at || at == node->args[2]))
        result = node;
      else if (node->is(Kind::Sum))
        result = sum(name, newBody);
      else if (node->is(Kind::Pick))
        result = pick(name, newBody, at);
      else if (node->is(Kind::Softmax))
        result = softmax(name, newBody, at);
      else if (node->is(Kind::Order))
        result = order(name, newBody, at);
      else
        result = place(name, newBody, at);
    } else if (!result) {
      SmallVector<Expr> args;
      for (Expr arg : node->args)
        args.push_back(self(self, arg));
      result = ArrayRef<Expr>(args) == ArrayRef<Expr>(node->args)
                   ? node
                   : rebuild(node, args);
    }
    done[node] = result;
    return result;
  };
  return visit(visit, expr);
}

Expr Formulas::substitute(Expr expr, Expr from, Expr to) {
  if (from == to)
    return expr;
  bool isVariable = from->is(Kind::Variable);
  return transform(expr, [&](Expr node) -> Expr {
    if (node == from)
      return to;
    if (isVariable && !node->dependsOn(from))
      return node;
    return nullptr;
  });
}

ArrayRef<Expr> Formulas::factors(Expr const &expr) {
  return expr->is(Kind::Mul) ? ArrayRef<Expr>(expr->args) : ArrayRef(expr);
}

ArrayRef<Expr> Formulas::terms(Expr const &expr) {
  return expr->is(Kind::Add) ? ArrayRef<Expr>(expr->args) : ArrayRef(expr);
}

void Formulas::walk(Expr expr, llvm::function_ref<void(Expr)> visit) {
  llvm::DenseSet<Expr> seen;
  SmallVector<Expr> pending{expr};
  while (!pending.empty()) {
    Expr node = pending.pop_back_val();
    if (!seen.insert(node).second)
      continue;
    visit(node);
    pending.append(node->args.begin(), node->args.end());
  }
}

bool Formulas::contains(Expr expr, Expr part) {
  bool found = false;
  walk(expr, [&](Expr node) { found |= node == part; });
  return found;
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

std::pair<double, double> Formulas::range(Expr expr) {
  const double kInf = std::numeric_limits<double>::infinity();
  if (expr->boolean && !expr->is(Kind::Constant))
    return {0, 1};
  switch (expr->kind) {
  case Kind::Constant:
    return {expr->number, expr->number};
  case Kind::Size:
    // Where a dimension is empty there is no element to speak of.
    return {1, kInf};
  case Kind::Variable:
  case Kind::Pick:
  case Kind::Order:
  case Kind::Place:
    return {0, expr->args[0]->is(Kind::Constant) ? expr->args[0]->number - 1
                                                 : kInf};
  case Kind::Add: {
    std::pair<double, double> sum{0, 0};
    for (Expr term : expr->args) {
      auto [low, high] = range(term);
      sum.first += low;
      sum.second += high;
    }
    return sum;
  }
  case Kind::Mul: {
    std::pair<double, double> product{1, 1};
    for (Expr factor : expr->args) {
      auto [low, high] = range(factor);
      double corners[] = {product.first * low, product.first * high,
                          product.second * low, product.second * high};
      for (double &corner : corners)
        if (std::isnan(corner)) // 0 * inf
          corner = 0;
      product = {*std::min_element(corners, corners + 4),
                 *std::max_element(corners, corners + 4)};
    }
    return product;
  }
  case Kind::Sum: {
    auto [low, high] = range(expr->args[1]);
    auto [few, many] = range(expr->args[0]);
    auto times = [](double count, double value) {
      return count == 0 || value == 0 ? 0 : count * value;
    };
    // Those before a limit are no more than it; the limit names no index of
    // this sum, as it would not be a bound.
    for (Expr factor : factors(expr->args[1]))
      if (factor->is(Kind::Less) && factor->args[0]->is(Kind::Variable) &&
          factor->args[0]->id ==
              -static_cast<int64_t>(expr->args[1]->height) - 1)
        many = std::min(many, std::max(0.0, range(factor->args[1]).second));
    return {low >= 0 ? 0 : times(many, low), high <= 0 ? 0 : times(many, high)};
  }
  case Kind::Quotient: {
    auto [low, high] = range(expr->args[0]);
    auto [few, many] = range(expr->args[1]);
    if (low < 0 || few < 1)
      return {-kInf, kInf};
    return {0, std::floor(high / few)};
  }
  case Kind::Remainder: {
    auto [few, many] = range(expr->args[1]);
    return {0, many - 1};
  }
  case Kind::Exp:
    return {0, kInf};
  case Kind::Sigmoid:
  case Kind::Softmax:
    return {0, 1};
  case Kind::Reciprocal:
    if (positive(expr->args[0]))
      return {0, kInf};
    return {-kInf, kInf};
  case Kind::Max: {
    auto [a, b] = range(expr->args[0]);
    auto [c, d] = range(expr->args[1]);
    return {std::max(a, c), std::max(b, d)};
  }
  case Kind::Min: {
    auto [a, b] = range(expr->args[0]);
    auto [c, d] = range(expr->args[1]);
    return {std::min(a, c), std::min(b, d)};
  }
  case Kind::Select: {
    auto [a, b] = range(expr->args[1]);
    auto [c, d] = range(expr->args[2]);
    return {std::min(a, c), std::max(b, d)};
  }
  default:
    return {-kInf, kInf};
  }
}

bool Formulas::within(Expr expr, Expr bound) {
  auto [low, high] = range(expr);
  if (low < 0 || !expr->integer)
    return false;
  if (bound->is(Kind::Constant) && high < bound->number)
    return true;
  if (expr->is(Kind::Variable) || expr->is(Kind::Pick) ||
      expr->is(Kind::Order) || expr->is(Kind::Place))
    if (expr->args[0] == bound)
      return true;
  // A running count that counts the row that it runs up to is below the count
  // of all.
  if (expr->is(Kind::Sum))
    if (auto count = asRunningSum(*this, expr);
        count && count->term->boolean && within(count->limit, count->extent) &&
        substitute(count->term, count->name, count->limit)->isNumber(1)) {
      Expr all = sum(count->name, count->term);
      if (range(all).second <= range(bound).first ||
          (all->is(Kind::Sum) && all->args[1]->boolean &&
           all->args[0] == bound))
        return true;
    }
  if (isRankMajorPlace(expr, bound))
    return true;
  if (expr->is(Kind::Quotient))
    return within(expr->args[0], mul(expr->args[1], bound));
  if (expr->is(Kind::Remainder) && expr->args[1] == bound)
    return true;
  if (expr->is(Kind::Mul) || expr->is(Kind::Sum)) {
    // A one-hot times something in bounds, or a count of fewer.
    bool allOthers = true, inside = false;
    for (Expr factor : factors(expr))
      if (expr->is(Kind::Mul) && !factor->boolean) {
        allOthers &= !inside;
        inside |= within(factor, bound);
      }
    if (expr->is(Kind::Mul) && allOthers && inside)
      return true;
    if (expr->is(Kind::Sum) && expr->args[1]->boolean) {
      // #{s : s < v, ...} with v < bound.
      for (Expr factor : factors(expr->args[1]))
        if (factor->is(Kind::Less) && factor->args[0]->is(Kind::Variable) &&
            factor->args[0]->id < 0 && within(factor->args[1], bound))
          return true;
    }
  }
  // c * a + b with b < c and a < bound / c.
  if (expr->is(Kind::Add) && expr->args.size() == 2 && bound->is(Kind::Mul))
    for (unsigned high : {0u, 1u}) {
      Expr scaled = expr->args[high], rest = expr->args[1 - high];
      for (Expr unit : bound->args) {
        SmallVector<Expr> others(factors(bound));
        others.erase(llvm::find(others, unit));
        SmallVector<Expr> outer(factors(scaled));
        auto *found = llvm::find(outer, unit);
        if (found == outer.end())
          continue;
        outer.erase(found);
        if (within(rest, unit) && within(mul(outer), mul(others)))
          return true;
      }
    }
  return false;
}

bool Formulas::positive(Expr expr) {
  switch (expr->kind) {
  case Kind::Constant:
    return expr->number > 0;
  case Kind::Exp:
  case Kind::Sigmoid:
  case Kind::Softmax:
    return true;
  case Kind::Mul:
    return llvm::all_of(expr->args, [&](Expr arg) { return positive(arg); });
  case Kind::Reciprocal:
    return positive(expr->args[0]);
  case Kind::Add: {
    bool some = false;
    for (Expr arg : expr->args) {
      if (!positive(arg) && range(arg).first < 0)
        return false;
      some |= positive(arg);
    }
    return some;
  }
  case Kind::Max:
    return positive(expr->args[0]) || positive(expr->args[1]);
  case Kind::Sum:
    return expr->args[0]->is(Kind::Constant) && expr->args[0]->number > 0 &&
           positive(expr->args[1]);
  case Kind::Select:
    return positive(expr->args[1]) && positive(expr->args[2]);
  default:
    return false;
  }
}

std::string Formulas::text(Expr expr) {
  std::string out;
  llvm::raw_string_ostream os(out);
  static const char *const names[] = {
      "const", "v",   "size", "read", "add",     "mul",   "recip", "exp",
      "sigm",  "",    "max",  "min",  "eq",      "lt",    "not",   "select",
      "div",   "mod", "sum",  "pick", "softmax", "order", "place"};
  unsigned budget = 4000;
  auto print = [&](auto &&self, Expr node) -> void {
    if (budget == 0) {
      os << "...";
      return;
    }
    --budget;
    if (node->is(Kind::Constant)) {
      os << node->number;
      return;
    }
    os << names[static_cast<int>(node->kind)] << node->name;
    if (node->is(Kind::Variable)) {
      os << node->id;
      return;
    }
    if (node->value) {
      if (auto arg = mlir::dyn_cast<mlir::BlockArgument>(node->value))
        os << "#arg" << arg.getArgNumber();
      else
        os << "#" << node->value.getDefiningOp()->getName();
      if (node->is(Kind::Size))
        os << node->id;
    }
    os << "(";
    llvm::interleave(
        node->args, [&](Expr arg) { self(self, arg); }, [&] { os << ", "; });
    os << ")";
  };
  print(print, expr);
  return out;
}
