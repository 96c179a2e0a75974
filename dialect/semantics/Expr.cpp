//===- Expr.cpp - Scalar formulas of the semantics tables -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Building, evaluating and printing formulas. Evaluation flattens the formula
// first: the tables' formulas share subterms (x0 * x0 * x0, a clamped gate),
// and the reference evaluates each of them some hundred thousand times.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/Expr.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

using namespace moe::semantics;

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

Expr::Expr(Node node) : ptr(std::make_shared<const Node>(std::move(node))) {}

Expr Expr::input(unsigned index) {
  return Expr(Node{.kind = Kind::Input, .index = index});
}
Expr Expr::param(unsigned index) {
  return Expr(Node{.kind = Kind::Param, .index = index});
}
Expr Expr::constant(double value) {
  return Expr(Node{.kind = Kind::Constant, .value = value});
}
Expr Expr::unary(Kind kind, Expr a) {
  return Expr(Node{.kind = kind, .operands = {std::move(a)}});
}
Expr Expr::binary(Kind kind, Expr a, Expr b) {
  return Expr(Node{.kind = kind, .operands = {std::move(a), std::move(b)}});
}
Expr Expr::selectGt(Expr a, Expr b, Expr ifGreater, Expr otherwise) {
  return Expr(Node{.kind = Kind::SelectGt,
                   .operands = {std::move(a), std::move(b),
                                std::move(ifGreater), std::move(otherwise)}});
}

namespace moe::semantics {

Expr operator+(Expr a, Expr b) {
  return Expr::binary(Expr::Kind::Add, std::move(a), std::move(b));
}
Expr operator-(Expr a, Expr b) {
  return Expr::binary(Expr::Kind::Sub, std::move(a), std::move(b));
}
Expr operator*(Expr a, Expr b) {
  return Expr::binary(Expr::Kind::Mul, std::move(a), std::move(b));
}
Expr operator/(Expr a, Expr b) {
  return Expr::binary(Expr::Kind::Div, std::move(a), std::move(b));
}
Expr operator-(Expr a) { return Expr::unary(Expr::Kind::Neg, std::move(a)); }

Expr operator+(Expr a, double b) { return std::move(a) + Expr::constant(b); }
Expr operator+(double a, Expr b) { return Expr::constant(a) + std::move(b); }
Expr operator-(double a, Expr b) { return Expr::constant(a) - std::move(b); }
Expr operator*(Expr a, double b) { return std::move(a) * Expr::constant(b); }
Expr operator*(double a, Expr b) { return Expr::constant(a) * std::move(b); }
Expr operator/(double a, Expr b) { return Expr::constant(a) / std::move(b); }

Expr exp(Expr a) { return Expr::unary(Expr::Kind::Exp, std::move(a)); }
Expr log(Expr a) { return Expr::unary(Expr::Kind::Log, std::move(a)); }
Expr log1p(Expr a) { return Expr::unary(Expr::Kind::Log1p, std::move(a)); }
Expr sqrt(Expr a) { return Expr::unary(Expr::Kind::Sqrt, std::move(a)); }
Expr tanh(Expr a) { return Expr::unary(Expr::Kind::Tanh, std::move(a)); }
Expr erf(Expr a) { return Expr::unary(Expr::Kind::Erf, std::move(a)); }
Expr min(Expr a, Expr b) {
  return Expr::binary(Expr::Kind::Min, std::move(a), std::move(b));
}
Expr max(Expr a, Expr b) {
  return Expr::binary(Expr::Kind::Max, std::move(a), std::move(b));
}
Expr sigmoid(Expr a) { return timesSigmoid(Expr::constant(1.0), std::move(a)); }
Expr timesSigmoid(Expr a, Expr slope) {
  return std::move(a) / (1.0 + exp(-std::move(slope)));
}

} // namespace moe::semantics

//===----------------------------------------------------------------------===//
// Evaluating
//===----------------------------------------------------------------------===//

/// IEEE-754 minimum: unlike std::fmin a NaN wins, and -0 is below +0.
static double minimum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  if (a == b)
    return std::signbit(a) ? a : b;
  return std::min(a, b);
}

static double maximum(double a, double b) { return -minimum(-a, -b); }

/// The value of a node from those of its operands.
static double valueOf(const Expr::Node &node, const double (&operand)[4],
                      std::span<const double> inputs,
                      std::span<const double> params) {
  switch (node.kind) {
  case Expr::Kind::Input:
    assert(node.index < inputs.size() && "the formula names an absent input");
    return inputs[node.index];
  case Expr::Kind::Param:
    assert(node.index < params.size() && "the formula names an absent param");
    return params[node.index];
  case Expr::Kind::Constant:
    return node.value;
  case Expr::Kind::Neg:
    return -operand[0];
  case Expr::Kind::Exp:
    return std::exp(operand[0]);
  case Expr::Kind::Log:
    return std::log(operand[0]);
  case Expr::Kind::Log1p:
    return std::log1p(operand[0]);
  case Expr::Kind::Sqrt:
    return std::sqrt(operand[0]);
  case Expr::Kind::Tanh:
    return std::tanh(operand[0]);
  case Expr::Kind::Erf:
    return std::erf(operand[0]);
  case Expr::Kind::Add:
    return operand[0] + operand[1];
  case Expr::Kind::Sub:
    return operand[0] - operand[1];
  case Expr::Kind::Mul:
    return operand[0] * operand[1];
  case Expr::Kind::Div:
    return operand[0] / operand[1];
  case Expr::Kind::Min:
    return minimum(operand[0], operand[1]);
  case Expr::Kind::Max:
    return maximum(operand[0], operand[1]);
  case Expr::Kind::SelectGt:
    return operand[0] > operand[1] ? operand[2] : operand[3];
  }
  assert(false && "a kind without a value");
  return std::numeric_limits<double>::quiet_NaN();
}

Evaluator::Evaluator(Expr root) : formula(std::move(root)) {
  std::unordered_map<const Expr::Node *, size_t> stepOf;
  auto visit = [&](auto &&self, const Expr &expr) -> size_t {
    if (auto known = stepOf.find(expr.id()); known != stepOf.end())
      return known->second;
    Step step{.node = expr.id(), .operands = {}};
    for (size_t i = 0; i < expr.node().operands.size(); ++i)
      step.operands[i] = self(self, expr.node().operands[i]);
    steps.push_back(step);
    return stepOf[expr.id()] = steps.size() - 1;
  };
  visit(visit, formula);
  values.resize(steps.size());
}

double Evaluator::operator()(std::span<const double> inputs,
                             std::span<const double> params) {
  for (size_t i = 0; i < steps.size(); ++i) {
    double operands[4] = {};
    for (size_t j = 0; j < steps[i].node->operands.size(); ++j)
      operands[j] = values[steps[i].operands[j]];
    values[i] = valueOf(*steps[i].node, operands, inputs, params);
  }
  return values.back();
}

double Expr::evaluate(std::span<const double> inputs,
                      std::span<const double> params) const {
  return Evaluator(*this)(inputs, params);
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

std::string moe::semantics::decimalText(double value) {
  char buffer[32]; // the longest text of a double has 24
  return {buffer, std::to_chars(buffer, std::end(buffer), value).ptr};
}

namespace {
/// How strongly the outermost operator of a term binds.
enum Binding { Ternary, Sum, Product, Sign, Atom };

struct Text {
  std::string text;
  Binding binding;

  /// The term as an operand that must bind at least as strongly as `least`.
  std::string within(Binding least) const {
    return binding < least ? "(" + text + ")" : text;
  }
};
} // namespace

static Text textOf(const Expr &expr) {
  const Expr::Node &node = expr.node();
  auto operand = [&](size_t i) { return textOf(node.operands[i]); };
  auto call = [&](std::string name) {
    name += "(";
    for (size_t i = 0; i < node.operands.size(); ++i)
      name += (i ? ", " : "") + operand(i).text;
    return Text{name + ")", Atom};
  };
  // Sums and products associate to the left: the right operand has to bind one
  // step more strongly to go without parentheses.
  auto infix = [&](const char *op, Binding binding) {
    return Text{operand(0).within(binding) + op +
                    operand(1).within(static_cast<Binding>(binding + 1)),
                binding};
  };
  switch (node.kind) {
  case Expr::Kind::Input:
    return {"x" + std::to_string(node.index), Atom};
  case Expr::Kind::Param:
    return {"p" + std::to_string(node.index), Atom};
  case Expr::Kind::Constant:
    return {decimalText(node.value), std::signbit(node.value) ? Sign : Atom};
  case Expr::Kind::Neg:
    return {"-" + operand(0).within(Atom), Sign};
  case Expr::Kind::Exp:
    return call("exp");
  case Expr::Kind::Log:
    return call("log");
  case Expr::Kind::Log1p:
    return call("log1p");
  case Expr::Kind::Sqrt:
    return call("sqrt");
  case Expr::Kind::Tanh:
    return call("tanh");
  case Expr::Kind::Erf:
    return call("erf");
  case Expr::Kind::Add:
    return infix(" + ", Sum);
  case Expr::Kind::Sub:
    return infix(" - ", Sum);
  case Expr::Kind::Mul:
    return infix(" * ", Product);
  case Expr::Kind::Div:
    return infix(" / ", Product);
  case Expr::Kind::Min:
    return call("min");
  case Expr::Kind::Max:
    return call("max");
  case Expr::Kind::SelectGt:
    return {operand(0).within(Sum) + " > " + operand(1).within(Sum) + " ? " +
                operand(2).within(Sum) + " : " + operand(3).within(Sum),
            Ternary};
  }
  assert(false && "a kind without a text");
  return {};
}

std::string Expr::str() const { return textOf(*this).text; }
