//===- ExprTest.cpp - Scalar formulas of the semantics tables ---*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every executor reads formulas through Expr, so a kind that computes the wrong
// thing here is wrong everywhere and agrees with itself.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/Expr.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <vector>

using namespace moe::semantics;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const Expr x0 = Expr::input(0), x1 = Expr::input(1), x2 = Expr::input(2),
           x3 = Expr::input(3);

double eval(const Expr &expr, std::vector<double> inputs,
            std::vector<double> params = {}) {
  return expr.evaluate(inputs, params);
}

void expectZero(double value, bool negative) {
  EXPECT_EQ(value, 0.0);
  EXPECT_EQ(std::signbit(value), negative);
}

TEST(Expr, LeavesReadTheirIndex) {
  EXPECT_EQ(eval(x1, {3, 5, 7}), 5);
  EXPECT_EQ(eval(Expr::param(2), {}, {3, 5, 7}), 7);
  EXPECT_EQ(eval(Expr::constant(-0.25), {}), -0.25);
}

TEST(Expr, UnaryKinds) {
  for (double v : {-2.5, -1e-12, 0.0, 1e-12, 0.3, 1.0, 4.0}) {
    EXPECT_EQ(eval(-x0, {v}), -v);
    EXPECT_EQ(eval(exp(x0), {v}), std::exp(v));
    EXPECT_EQ(eval(tanh(x0), {v}), std::tanh(v));
    EXPECT_EQ(eval(erf(x0), {v}), std::erf(v));
  }
  for (double v : {0.0, 1e-30, 1e-12, 0.3, 4.0, infinity}) {
    EXPECT_EQ(eval(sqrt(x0), {v}), std::sqrt(v));
    EXPECT_EQ(eval(log1p(x0), {v}), std::log1p(v));
    EXPECT_EQ(eval(log(exp(x0)), {v}), std::log(std::exp(v)));
  }
  EXPECT_TRUE(std::isnan(eval(sqrt(x0), {-1})));
}

TEST(Expr, BinaryKindsKeepTheirOrder) {
  EXPECT_EQ(eval(x0 + x1, {3, 5}), 8);
  EXPECT_EQ(eval(x0 - x1, {3, 5}), -2);
  EXPECT_EQ(eval(x0 * x1, {3, 5}), 15);
  EXPECT_EQ(eval(x0 / x1, {3, 5}), 0.6);
  EXPECT_EQ(eval(x0 + 4.0, {3}), 7);
  EXPECT_EQ(eval(4.0 + x0, {3}), 7);
  EXPECT_EQ(eval(4.0 - x0, {3}), 1);
  EXPECT_EQ(eval(x0 * 4.0, {3}), 12);
  EXPECT_EQ(eval(4.0 * x0, {3}), 12);
  EXPECT_EQ(eval(4.0 / x0, {8}), 0.5);
  EXPECT_EQ((x0 + 4.0).str(), "x0 + 4");
  EXPECT_EQ((4.0 + x0).str(), "4 + x0");
  EXPECT_EQ((x0 * 4.0).str(), "x0 * 4");
  EXPECT_EQ((4.0 * x0).str(), "4 * x0");
}

TEST(Expr, MinAndMaxAreThoseOfIeee754) {
  EXPECT_EQ(eval(min(x0, x1), {3, 5}), 3);
  EXPECT_EQ(eval(min(x0, x1), {5, 3}), 3);
  EXPECT_EQ(eval(max(x0, x1), {3, 5}), 5);
  EXPECT_EQ(eval(max(x0, x1), {5, 3}), 5);
  EXPECT_EQ(eval(min(x0, x1), {-infinity, 3}), -infinity);
  EXPECT_EQ(eval(max(x0, x1), {infinity, 3}), infinity);
  for (double other : {-1.0, 0.0, 1.0, infinity}) {
    EXPECT_TRUE(std::isnan(eval(min(x0, x1), {nan, other})));
    EXPECT_TRUE(std::isnan(eval(min(x0, x1), {other, nan})));
    EXPECT_TRUE(std::isnan(eval(max(x0, x1), {nan, other})));
    EXPECT_TRUE(std::isnan(eval(max(x0, x1), {other, nan})));
  }
  expectZero(eval(min(x0, x1), {-0.0, 0.0}), true);
  expectZero(eval(min(x0, x1), {0.0, -0.0}), true);
  expectZero(eval(max(x0, x1), {-0.0, 0.0}), false);
  expectZero(eval(max(x0, x1), {0.0, -0.0}), false);
  expectZero(eval(max(x0, x1), {-0.0, -0.0}), true);
}

TEST(Expr, SelectGtTakesTheOtherSideOnEqualAndNaN) {
  Expr select = Expr::selectGt(x0, x1, x2, x3);
  EXPECT_EQ(eval(select, {2, 1, 30, 40}), 30);
  EXPECT_EQ(eval(select, {1, 2, 30, 40}), 40);
  EXPECT_EQ(eval(select, {1, 1, 30, 40}), 40);
  EXPECT_EQ(eval(select, {nan, 1, 30, 40}), 40);
  EXPECT_EQ(eval(select, {1, nan, 30, 40}), 40);
  // The side that is not taken may be anything.
  EXPECT_EQ(eval(select, {2, 1, 30, nan}), 30);
}

TEST(Expr, SigmoidIsSaneEverywhere) {
  for (double v : {-30.0, -1.0, 0.0, 0.5, 3.0, 30.0}) {
    EXPECT_EQ(eval(sigmoid(x0), {v}), 1 / (1 + std::exp(-v)));
    EXPECT_EQ(eval(timesSigmoid(x0, x1), {7, v}), 7 / (1 + std::exp(-v)));
  }
  EXPECT_EQ(eval(sigmoid(x0), {-1000}), 0);
  EXPECT_EQ(eval(sigmoid(x0), {1000}), 1);
  EXPECT_EQ(eval(sigmoid(x0), {-infinity}), 0);
  EXPECT_EQ(eval(sigmoid(x0), {infinity}), 1);
  EXPECT_TRUE(std::isnan(eval(sigmoid(x0), {nan})));
  expectZero(eval(timesSigmoid(x0, x0), {-1000}), true);
  expectZero(eval(timesSigmoid(x0, x1), {5, -1000}), false);
  EXPECT_EQ(eval(timesSigmoid(x0, x0), {1000}), 1000);
}

TEST(Expr, SharedTermsAreVisitedOnce) {
  // 2^60 terms if they were not.
  Expr doubled = x0;
  for (int i = 0; i < 60; ++i)
    doubled = doubled + doubled;
  EXPECT_EQ(eval(doubled, {3}), std::ldexp(3, 60));
  Expr copy = x0;
  EXPECT_EQ(copy.id(), x0.id());
  EXPECT_NE(Expr::input(0).id(), x0.id());
}

TEST(Expr, AnEvaluatorIsUsedManyTimes) {
  Evaluator evaluator(x0 * Expr::param(1) - x1 * Expr::param(0));
  for (double a : {1.0, 2.0, 3.0})
    for (double p : {4.0, 5.0}) {
      double inputs[] = {a, 7}, params[] = {p, p + 1};
      EXPECT_EQ(evaluator(inputs, params), a * (p + 1) - 7 * p);
    }
}

TEST(Expr, Text) {
  EXPECT_EQ((x0 / (1.0 + exp(-x0))).str(), "x0 / (1 + exp(-x0))");
  EXPECT_EQ(((x0 + x1) + x2).str(), "x0 + x1 + x2");
  EXPECT_EQ((x0 + (x1 + x2)).str(), "x0 + (x1 + x2)");
  EXPECT_EQ((x0 - (x1 - x2)).str(), "x0 - (x1 - x2)");
  EXPECT_EQ(((x0 - x1) - x2).str(), "x0 - x1 - x2");
  EXPECT_EQ(((x0 * x1) / x2).str(), "x0 * x1 / x2");
  EXPECT_EQ((x0 / (x1 * x2)).str(), "x0 / (x1 * x2)");
  EXPECT_EQ(((x0 + x1) * x2).str(), "(x0 + x1) * x2");
  EXPECT_EQ((x0 * x1 + x2).str(), "x0 * x1 + x2");
  EXPECT_EQ((-(x0 * x1)).str(), "-(x0 * x1)");
  EXPECT_EQ((-(-x0)).str(), "-(-x0)");
  EXPECT_EQ((x0 * -x1).str(), "x0 * -x1");
  EXPECT_EQ((x0 - Expr::constant(-1.5)).str(), "x0 - -1.5");
  EXPECT_EQ((-Expr::constant(-1.5)).str(), "-(-1.5)");
  EXPECT_EQ((-Expr::constant(1.5)).str(), "-1.5");
  EXPECT_EQ(min(x0 + x1, max(Expr::param(0), tanh(x2))).str(),
            "min(x0 + x1, max(p0, tanh(x2)))");
  EXPECT_EQ(log(x0).str(), "log(x0)");
  EXPECT_EQ((erf(x0) + log1p(x1) + sqrt(x2)).str(),
            "erf(x0) + log1p(x1) + sqrt(x2)");
  EXPECT_EQ(Expr::selectGt(x0, Expr::constant(20), sqrt(x0), x1 + x2).str(),
            "x0 > 20 ? sqrt(x0) : x1 + x2");
  Expr select = Expr::selectGt(x0, x1, x2, x3);
  EXPECT_EQ((select + 1.0).str(), "(x0 > x1 ? x2 : x3) + 1");
  EXPECT_EQ(Expr::selectGt(select, select, select, select).str(),
            "(x0 > x1 ? x2 : x3) > (x0 > x1 ? x2 : x3) ? "
            "(x0 > x1 ? x2 : x3) : (x0 > x1 ? x2 : x3)");
}

TEST(Expr, DecimalTextReadsBack) {
  EXPECT_EQ(decimalText(1e-20), "1e-20");
  EXPECT_EQ(decimalText(2.5), "2.5");
  EXPECT_EQ(decimalText(1), "1");
  EXPECT_EQ(decimalText(infinity), "inf");
  // The longest text that a double has.
  EXPECT_EQ(decimalText(-2.2250738585072014e-308), "-2.2250738585072014e-308");
}

} // namespace
