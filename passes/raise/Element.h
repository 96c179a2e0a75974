//===- Element.h - Tensors as formulas of one element -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Front ends spell one layer in many ways: another order of dimensions, a mask
// instead of a gather, a loop instead of a sum. What they agree on is the value
// of each element of the result. An Expr is that value as a formula over index
// variables, in a normal form that forgets the spelling: transposes and
// reshapes become index arithmetic, a one-hot times a sum becomes a
// substitution, a sort becomes a permutation. Two tensors with the same formula
// hold the same real numbers.
//
// Formulas are real arithmetic: rounding to f32 is not part of them, 0 * x is 0
// and comparisons know no NaN. Narrower roundings stay as nodes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_ELEMENT_H
#define MOE_PASSES_RAISE_ELEMENT_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <deque>
#include <optional>
#include <string>

namespace moe::raise {

enum class Kind {
  Constant, ///< number
  Variable, ///< id: free if positive, bound if negative; args: extent
  Size,     ///< a dynamic dimension: value, id = dimension
  Read,     ///< element args of the tensor value
  Add,
  Mul,
  Reciprocal,
  Exp,
  Sigmoid,
  Call, ///< name(args): a function about which nothing is known
  Max,
  Min,
  Equal,     ///< 1 or 0
  Less,      ///< 1 or 0
  Not,       ///< 1 - a, of a formula that is 1 or 0
  Select,    ///< args[0] ? args[1] : args[2]
  Quotient,  ///< of integers >= 0
  Remainder, ///< of integers >= 0
  // These bind a variable in args[1], which runs over [0, args[0]).
  Sum,
  Pick,    ///< index of the args[2]-th largest args[1], ties to the lowest
  Softmax, ///< exp(args[1]) at args[2], over the sum of all
  Order,   ///< index of the args[2]-th smallest args[1]: a permutation
  Place,   ///< the inverse of Order
};

struct Node;
using Expr = const Node *;

/// One node of a formula; equal formulas are one node.
struct Node {
  explicit Node(Kind kind) : kind(kind) {}

  Kind kind;
  double number = 0;
  int64_t id = 0;
  mlir::Value value;
  std::string name;
  llvm::SmallVector<Expr, 3> args;

  /// The order of creation: how commutative operands are sorted.
  unsigned ordinal = 0;
  /// Nesting of binders below; a bound variable's name is -height of its
  /// binder, so that formulas equal up to names are one node.
  unsigned height = 0;
  /// Free variables, sorted.
  llvm::SmallVector<int64_t, 4> free;
  bool integer = false;
  /// Always 0 or 1.
  bool boolean = false;

  bool is(Kind k) const { return kind == k; }
  bool binds() const { return kind >= Kind::Sum; }
  bool isNumber(double n) const {
    return kind == Kind::Constant && number == n;
  }
  bool dependsOn(Expr variable) const;
};

/// Owns formulas and builds them in normal form.
class Formulas {
public:
  Expr number(double value, bool integer = false);
  Expr integer(int64_t value) { return number(value, true); }
  Expr zero() { return integer(0); }
  Expr one() { return integer(1); }
  /// A new free variable in [0, extent).
  Expr variable(Expr extent);
  Expr size(mlir::Value tensor, unsigned dimension);
  Expr read(mlir::Value tensor, llvm::ArrayRef<Expr> indices, bool integer);
  Expr call(llvm::StringRef name, llvm::ArrayRef<Expr> args, bool integer);

  Expr add(llvm::ArrayRef<Expr> terms);
  Expr add(Expr a, Expr b) { return add({a, b}); }
  Expr sub(Expr a, Expr b) { return add({a, neg(b)}); }
  Expr neg(Expr a) { return mul(integer(-1), a); }
  Expr mul(llvm::ArrayRef<Expr> factors);
  Expr mul(Expr a, Expr b) { return mul({a, b}); }
  Expr reciprocal(Expr a);
  Expr exp(Expr a);
  Expr sigmoid(Expr a);
  Expr max(Expr a, Expr b);
  Expr min(Expr a, Expr b);
  Expr equal(Expr a, Expr b);
  Expr less(Expr a, Expr b);
  Expr negation(Expr a);
  Expr select(Expr condition, Expr a, Expr b);
  Expr floor(Expr a);
  Expr quotient(Expr a, Expr b);
  Expr remainder(Expr a, Expr b);
  Expr sum(Expr variable, Expr body);
  Expr pick(Expr variable, Expr score, Expr rank);
  Expr softmax(Expr variable, Expr logit, Expr at);
  Expr order(Expr variable, Expr key, Expr at);
  Expr place(Expr variable, Expr key, Expr at);

  /// The body of a binder over a new free variable.
  std::pair<Expr, Expr> open(Expr binder);
  /// `expr` with `to` for every `from`, a free variable or a whole formula, in
  /// normal form again.
  Expr substitute(Expr expr, Expr from, Expr to);
  /// Rebuilds `expr` with what `change` returns for a node instead of that
  /// node; null keeps it.
  Expr transform(Expr expr, llvm::function_ref<Expr(Expr)> change);
  /// f(index) for a function f with f(0), f(1), ... these values, or null.
  Expr interpolate(llvm::ArrayRef<Expr> values, Expr index);
  /// A node of this kind over other operands, in normal form; no binder.
  Expr rebuild(Expr node, llvm::ArrayRef<Expr> args);
  /// The factors of a product, or the formula itself.
  static llvm::ArrayRef<Expr> factors(Expr const &expr);
  static llvm::ArrayRef<Expr> terms(Expr const &expr);
  /// Calls `visit` on every node once, binders' bodies as they are stored.
  static void walk(Expr expr, llvm::function_ref<void(Expr)> visit);
  static bool contains(Expr expr, Expr part);

  /// Bounds of a formula, infinite where unknown.
  std::pair<double, double> range(Expr expr);
  /// Whether 0 <= expr < bound is proved.
  bool within(Expr expr, Expr bound);
  /// Whether expr > 0 is proved, over the reals.
  bool positive(Expr expr);
  /// Whether an integer is proved to be 1 or more where the guards are 1.
  bool atLeastOne(Expr expr, llvm::ArrayRef<Expr> guards);
  /// Whether no two choices of the names, both with the condition, give these
  /// formulas equal values.
  bool isInjective(llvm::ArrayRef<Expr> names, llvm::ArrayRef<Expr> values,
                   Expr condition);

  /// Formulas grow without bound only where nothing simplifies; then all is
  /// given up.
  bool exhausted() const { return nodes.size() > kMostNodes; }

  std::string text(Expr expr);

private:
  static constexpr size_t kMostNodes = 3000000;

  Expr make(Node node);
  Expr makeBinder(Kind kind, Expr variable, Expr body, Expr at);
  Expr rename(Expr expr, Expr from, Expr to);
  Expr foldTerms(Expr a, Expr b);
  std::optional<llvm::SmallVector<Expr>> splitByFactor(Expr sum, Expr unit,
                                                       Expr &rest);
  Expr sumOfDelta(Expr variable, Expr body);
  Expr sumOfSupport(Expr variable, Expr body);
  Expr sumOfParts(Expr variable, Expr body);
  /// The value of `variable` where a is b, if there is one at all, or null; it
  /// is one where `condition` holds.
  Expr solve(Expr variable, Expr equation, Expr &condition);
  Expr isMore(Expr e);
  /// The index of the at-th row that is held, and then of those that are not:
  /// the order of a key that no two rows share.
  Expr orderOfList(Expr variable, Expr held, Expr at);
  /// What such a list (an Order or a Place) holds, at `name`; or null.
  Expr heldByList(Expr list, Expr name);
  Expr sumOfRunningCount(Expr variable, Expr body);
  bool isRankMajorPlace(Expr place, Expr numRows);
  Expr foldCounts(llvm::ArrayRef<Expr> terms);
  Expr equalCounts(Expr equation, llvm::ArrayRef<Expr> guards);
  bool simplifyBounded(llvm::SmallVectorImpl<Expr> &factors);
  bool simplifyEquals(llvm::SmallVectorImpl<Expr> &factors);
  bool unify(Expr pattern, Expr variable, Expr expr, Expr &binding);
  Expr fuseSoftmax(llvm::SmallVectorImpl<Expr> &factors);
  bool simplifyGuards(llvm::SmallVectorImpl<Expr> &factors);

  std::deque<Node> nodes;
  llvm::DenseMap<uint64_t, llvm::SmallVector<Expr, 1>> unique;
  int64_t lastVariable = 0;
};

/// The sum of term(i) over i < limit, i in [0, extent): a running count where
/// the terms are counts.
struct RunningSum {
  Expr extent = nullptr, limit = nullptr;
  /// The index, a free variable, and the term.
  Expr name = nullptr, term = nullptr;
};
std::optional<RunningSum> asRunningSum(Formulas &f, Expr expr);

/// 3 * a as (3, a): the number of a product, and its other factors.
std::pair<double, llvm::SmallVector<Expr>> splitCoefficient(Expr term);

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_ELEMENT_H
