//===- Expr.h - Scalar formulas of the semantics tables ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A table row (an activation, a score function) spells its formula once, as an
// Expr. Everything else is a visitor over it: evaluation in double for the
// reference, emission as arith/math for code generators. A formula that is
// written twice can differ; one that is written once cannot.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SEMANTICS_EXPR_H
#define MOE_DIALECT_SEMANTICS_EXPR_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace moe::semantics {

/// An immutable scalar formula over inputs (x0, x1, ...) and named parameters
/// (p0, p1, ...). Copies share nodes; equal subterms that are built once are
/// emitted once.
class Expr {
public:
  enum class Kind : uint8_t {
    Input,    ///< operand `index` of the row
    Param,    ///< parameter `index` of the row (alpha, beta, limit, ...)
    Constant, ///< `value`
    Neg,
    Exp,
    Log,
    Log1p, ///< log(1 + a), accurate for small a
    Sqrt,
    Tanh,
    Erf,
    Add,
    Sub,
    Mul,
    Div,
    Min, ///< propagates NaN, -0 < +0: torch.clamp, IEEE-754 minimum
    Max, ///< propagates NaN, -0 < +0
    /// a > b ? c : d; a NaN comparison takes d. Both sides are computed, so
    /// the one that is not taken may overflow.
    SelectGt,
  };

  struct Node {
    Kind kind;
    unsigned index = 0;
    double value = 0;
    std::vector<Expr> operands = {};
  };

  static Expr input(unsigned index);
  static Expr param(unsigned index);
  static Expr constant(double value);
  static Expr unary(Kind kind, Expr a);
  static Expr binary(Kind kind, Expr a, Expr b);
  static Expr selectGt(Expr a, Expr b, Expr ifGreater, Expr otherwise);

  const Node &node() const { return *ptr; }
  /// Identity of the node: visitors key their memo by it, so that a shared
  /// subterm is visited once.
  const Node *id() const { return ptr.get(); }

  /// The value in IEEE double, operation by operation. `inputs` and `params`
  /// must cover every index that the formula names. For many values of one
  /// formula make an Evaluator.
  double evaluate(std::span<const double> inputs,
                  std::span<const double> params = {}) const;

  /// The formula as text, for documentation: "x0 / (1 + exp(-x0))".
  std::string str() const;

private:
  explicit Expr(Node node);
  std::shared_ptr<const Node> ptr;
};

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator+(Expr a, double b);
Expr operator+(double a, Expr b);
Expr operator-(double a, Expr b);
Expr operator*(Expr a, double b);
Expr operator*(double a, Expr b);
Expr operator/(double a, Expr b);
Expr exp(Expr a);
Expr log(Expr a);
Expr log1p(Expr a);
Expr sqrt(Expr a);
Expr tanh(Expr a);
Expr erf(Expr a);
Expr min(Expr a, Expr b);
Expr max(Expr a, Expr b);
/// 1 / (1 + exp(-a)). Sane for every a without a case distinction: where exp
/// overflows to infinity the quotient is 0, its limit.
Expr sigmoid(Expr a);
/// a / (1 + exp(-slope)): a times the sigmoid of slope, in one division. For
/// large negative slopes the value is a zero with the sign of a, not a NaN.
Expr timesSigmoid(Expr a, Expr slope);

/// A formula laid out for repeated evaluation: its nodes in the order of their
/// dependencies, a shared one once. It holds the nodes' values, so each thread
/// makes its own.
class Evaluator {
public:
  explicit Evaluator(Expr formula);

  /// As Expr::evaluate.
  double operator()(std::span<const double> inputs,
                    std::span<const double> params = {});

private:
  struct Step {
    const Expr::Node *node;
    std::array<size_t, 4> operands; ///< indices into `values`
  };
  Expr formula; ///< keeps the nodes alive
  std::vector<Step> steps;
  std::vector<double> values; ///< of the steps
};

/// The shortest decimal text that reads back as the same double.
std::string decimalText(double value);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_EXPR_H
