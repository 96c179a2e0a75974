//===- ActivationTest.cpp - The table of expert activations -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each row against its formula written out once more, in long double and in
// another form where there is one. tools/mutate.sh counts on every constant of
// the table being seen here.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/Activation.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

using namespace moe::semantics;

namespace {

using Real = long double;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Real normalCdf(Real x) {
  return std::erfc(-x / std::numbers::sqrt2_v<Real>) / 2;
}
Real geluOf(Real x) { return x * normalCdf(x); }
Real geluTanhOf(Real x) {
  Real inner = std::sqrt(2 / std::numbers::pi_v<Real>) *
               (x + Real(0.044715L) * std::pow(x, Real(3)));
  return x * (1 + std::tanh(inner)) / 2;
}
Real siluOf(Real x) { return x / (1 + std::exp(-x)); }
Real reluOf(Real x) { return x > 0 ? x : 0; }

struct Want {
  Activation id;
  std::string name;
  unsigned arity;
  std::vector<std::string> params;
  std::function<Real(Real x, Real up, const std::vector<double> &p)> formula;
};

const std::vector<Want> &wants() {
  using P = const std::vector<double> &;
  static const std::vector<Want> list = {
      {Activation::Identity,
       "identity",
       1,
       {},
       [](Real x, Real, P) { return x; }},
      {Activation::Silu,
       "silu",
       1,
       {},
       [](Real x, Real, P) { return siluOf(x); }},
      {Activation::Gelu,
       "gelu",
       1,
       {},
       [](Real x, Real, P) { return geluOf(x); }},
      {Activation::GeluTanh,
       "gelu_tanh",
       1,
       {},
       [](Real x, Real, P) { return geluTanhOf(x); }},
      {Activation::Relu,
       "relu",
       1,
       {},
       [](Real x, Real, P) { return reluOf(x); }},
      {Activation::Relu2,
       "relu2",
       1,
       {},
       [](Real x, Real, P) { return reluOf(x) * reluOf(x); }},
      {Activation::SwiGLU,
       "swiglu",
       2,
       {"alpha", "beta"},
       [](Real x, Real u, P p) {
         return x / (1 + std::exp(-Real(p[0]) * x)) * (u + p[1]);
       }},
      {Activation::GeGLU,
       "geglu",
       2,
       {},
       [](Real x, Real u, P) { return geluOf(x) * u; }},
      {Activation::GeGLUTanh,
       "geglu_tanh",
       2,
       {},
       [](Real x, Real u, P) { return geluTanhOf(x) * u; }},
      {Activation::ReGLU,
       "reglu",
       2,
       {},
       [](Real x, Real u, P) { return reluOf(x) * u; }},
      {Activation::ClampGLU,
       "clamp_glu",
       2,
       {"alpha", "beta", "limit"},
       [](Real x, Real u, P p) {
         if (x > p[2])
           x = p[2];
         if (u > p[2])
           u = p[2];
         if (u < -p[2])
           u = -p[2];
         return x / (1 + std::exp(-Real(p[0]) * x)) * (u + p[1]);
       }},
      {Activation::QuickGelu,
       "quick_gelu",
       1,
       {},
       [](Real x, Real, P) { return x / (1 + std::exp(-1.702L * x)); }},
      {Activation::SwiGLUClamp,
       "swiglu_clamp",
       2,
       {"limit"},
       [](Real x, Real u, P p) {
         Real gate = x / (1 + std::exp(-x)), limit = p[0];
         gate = gate > limit ? limit : gate;
         return gate * (u > limit ? limit : u < -limit ? -limit : u);
       }},
      {Activation::SiTU,
       "situ",
       2,
       {"alpha", "beta"},
       [](Real x, Real u, P p) {
         return p[0] * std::tanh(x / p[0]) / (1 + std::exp(-x)) * p[1] *
                std::tanh(u / p[1]);
       }},
  };
  return list;
}

double eval(Activation id, double x, double up = 0,
            std::vector<double> params = {}) {
  double inputs[] = {x, up};
  return lookup(id).formula.evaluate(inputs, params);
}

/// Points on both sides of every kink, and a crowd around zero.
std::vector<double> points() {
  std::vector<double> list = {0, 1e-9, -1e-9, 1, -1, 2.5, -2.5, 7, 8, -7, -8};
  std::mt19937 random(1);
  std::normal_distribution<double> normal(0, 4);
  for (int i = 0; i < 200; ++i)
    list.push_back(normal(random));
  return list;
}

TEST(Activation, TheTableFollowsTheEnum) {
  ASSERT_EQ(activations().size(), wants().size());
  for (size_t i = 0; i < wants().size(); ++i) {
    const ActivationRow &row = activations()[i];
    const Want &want = wants()[i];
    EXPECT_EQ(static_cast<size_t>(row.id), i);
    EXPECT_EQ(row.id, want.id);
    EXPECT_EQ(row.name, want.name);
    EXPECT_EQ(row.arity, want.arity);
    EXPECT_FALSE(row.source.empty());
    std::vector<std::string> names;
    for (const ActivationParam &param : row.params)
      names.emplace_back(param.name);
    EXPECT_EQ(names, want.params);
    EXPECT_EQ(&lookup(want.id), &row);
    EXPECT_EQ(activationFromName(want.name), want.id);
  }
  EXPECT_EQ(activationFromName("swish"), std::nullopt);
  EXPECT_EQ(activationFromName(""), std::nullopt);
}

TEST(Activation, DefaultsAreWhereImplementationsAgree) {
  auto swiglu = lookup(Activation::SwiGLU).params;
  EXPECT_FALSE(swiglu[0].required);
  EXPECT_EQ(swiglu[0].defaultValue, 1.0);
  EXPECT_FALSE(swiglu[1].required);
  EXPECT_EQ(swiglu[1].defaultValue, 0.0);
  for (Activation id :
       {Activation::ClampGLU, Activation::SwiGLUClamp, Activation::SiTU})
    for (const ActivationParam &param : lookup(id).params) {
      EXPECT_TRUE(param.required);
      EXPECT_TRUE(std::isnan(param.defaultValue));
    }
}

TEST(Activation, EveryRowIsItsFormula) {
  const std::vector<std::vector<double>> paramSets = {
      {1, 0, 7}, {1.702, 1, 7}, {1.702, 1, 2.5}, {0.5, -0.25, 1}};
  for (const Want &want : wants()) {
    Evaluator evaluator(lookup(want.id).formula);
    for (const std::vector<double> &params : paramSets) {
      // What is bent to stay within 0 has no formula.
      if (want.id == Activation::SiTU && params[1] == 0)
        continue;
      for (double x : points())
        for (double up : {-9.0, -7.0, -1.5, 0.0, 0.75, 3.0, 7.0, 9.0}) {
          double inputs[] = {x, up};
          double got = evaluator(inputs, params);
          Real expected = want.formula(x, up, params);
          // A few roundings of numbers as large as the operands; gelu's sum
          // 1 + erf cancels for negative x.
          double bound =
              1e-15 * (std::abs(x) + std::abs(x * x)) * (1 + std::abs(up));
          EXPECT_NEAR(got, double(expected), bound)
              << want.name << " x " << x << " up " << up;
        }
    }
  }
}

TEST(Activation, FarOutNothingBecomesNaN) {
  for (const Want &want : wants())
    for (double x : {-1e300, -1000.0, 1000.0, 1e100})
      for (double up : {-1000.0, 1000.0}) {
        double value = eval(want.id, x, up, {1.702, 1, 7});
        EXPECT_FALSE(std::isnan(value)) << want.name << " " << x << " " << up;
      }
  double zero = eval(Activation::Silu, -1000);
  EXPECT_EQ(zero, 0);
  EXPECT_TRUE(std::signbit(zero));
  EXPECT_EQ(eval(Activation::Silu, 1000), 1000);
  EXPECT_EQ(eval(Activation::Silu, infinity), infinity);
  EXPECT_EQ(eval(Activation::GeluTanh, -1000), 0);
  EXPECT_EQ(eval(Activation::Gelu, 1000), 1000);
}

TEST(Activation, NaNStaysNaN) {
  for (const Want &want : wants()) {
    EXPECT_TRUE(std::isnan(eval(want.id, nan, 1, {1, 0, 7}))) << want.name;
    if (want.arity == 2) {
      EXPECT_TRUE(std::isnan(eval(want.id, 1, nan, {1, 0, 7}))) << want.name;
    }
  }
}

TEST(Activation, TextOfAFormula) {
  EXPECT_EQ(lookup(Activation::Silu).formula.str(), "x0 / (1 + exp(-x0))");
  EXPECT_EQ(lookup(Activation::ClampGLU).formula.str(),
            "min(x0, p2) / (1 + exp(-(p0 * min(x0, p2)))) * "
            "(min(max(x1, -p2), p2) + p1)");
}

} // namespace
