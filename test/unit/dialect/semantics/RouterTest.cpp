//===- RouterTest.cpp - What a router computes ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The score functions against formulas written out here, and every rule of a
// router with its text, on both sides of its bound.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/Router.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace moe::semantics;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double eval(ScoreFn fn, double x) {
  return lookup(fn).formula.evaluate({&x, 1});
}

TEST(Router, ScoreTable) {
  struct {
    ScoreFn id;
    const char *name;
    bool rowWise;
  } wants[] = {{ScoreFn::Identity, "identity", false},
               {ScoreFn::Softmax, "softmax", true},
               {ScoreFn::Sigmoid, "sigmoid", false},
               {ScoreFn::SqrtSoftplus, "sqrtsoftplus", false},
               {ScoreFn::Relu, "relu", false}};
  ASSERT_EQ(scoreFns().size(), std::size(wants));
  for (size_t i = 0; i < std::size(wants); ++i) {
    EXPECT_EQ(scoreFns()[i].id, wants[i].id);
    EXPECT_EQ(static_cast<size_t>(wants[i].id), i);
    EXPECT_EQ(scoreFns()[i].name, wants[i].name);
    EXPECT_EQ(scoreFns()[i].rowWise, wants[i].rowWise);
    EXPECT_EQ(&lookup(wants[i].id), &scoreFns()[i]);
    EXPECT_EQ(scoreFnFromName(wants[i].name), wants[i].id);
  }
  EXPECT_EQ(scoreFnFromName("sqrt_softplus"), std::nullopt);
}

TEST(Router, NormTable) {
  struct {
    NormKind id;
    const char *name;
  } wants[] = {{NormKind::Softmax, "softmax"},
               {NormKind::Sigmoid, "sigmoid"},
               {NormKind::L1, "l1"}};
  ASSERT_EQ(normKinds().size(), std::size(wants));
  for (size_t i = 0; i < std::size(wants); ++i) {
    EXPECT_EQ(normKinds()[i].id, wants[i].id);
    EXPECT_EQ(normKinds()[i].name, wants[i].name);
    EXPECT_EQ(&lookup(wants[i].id), &normKinds()[i]);
    EXPECT_EQ(normKindFromName(wants[i].name), wants[i].id);
  }
  EXPECT_EQ(normKindFromName("l2"), std::nullopt);
}

TEST(Router, ScoresAreTheirFormulas) {
  for (double x : {-40.0, -20.0, -3.0, -1e-3, 0.0, 0.25, 1.0, 17.0, 19.9}) {
    EXPECT_EQ(eval(ScoreFn::Identity, x), x);
    EXPECT_DOUBLE_EQ(eval(ScoreFn::Softmax, x), std::exp(x));
    EXPECT_DOUBLE_EQ(eval(ScoreFn::Sigmoid, x),
                     x < 0 ? std::exp(x) / (1 + std::exp(x))
                           : 1 / (1 + std::exp(-x)));
    EXPECT_DOUBLE_EQ(eval(ScoreFn::SqrtSoftplus, x),
                     std::sqrt(std::log1p(std::exp(x))));
    EXPECT_EQ(eval(ScoreFn::Relu, x), x > 0 ? x : 0);
  }
  for (ScoreFn fn : {ScoreFn::Identity, ScoreFn::Softmax, ScoreFn::Sigmoid,
                     ScoreFn::SqrtSoftplus, ScoreFn::Relu})
    EXPECT_TRUE(std::isnan(eval(fn, nan)));
  EXPECT_EQ(eval(ScoreFn::Sigmoid, -1000), 0);
  EXPECT_EQ(eval(ScoreFn::Sigmoid, 1000), 1);
}

TEST(Router, SqrtSoftplusSwitchesAbove20) {
  // The two sides differ by 5e-11 there, a million roundings.
  double above = std::nextafter(20.0, 21.0);
  EXPECT_EQ(eval(ScoreFn::SqrtSoftplus, above), std::sqrt(above));
  EXPECT_DOUBLE_EQ(eval(ScoreFn::SqrtSoftplus, 20),
                   std::sqrt(std::log1p(std::exp(20))));
  EXPECT_GT(eval(ScoreFn::SqrtSoftplus, 20) / std::sqrt(20.0) - 1, 4e-11);
  EXPECT_EQ(eval(ScoreFn::SqrtSoftplus, 1000), std::sqrt(1000.0));
  // Far below, exp(x) would vanish in 1 + exp(x), and experts would tie.
  EXPECT_DOUBLE_EQ(eval(ScoreFn::SqrtSoftplus, -80), std::exp(-40));
}

std::string groupsText(const GroupLimit &groups, int64_t numExperts,
                       int64_t topK) {
  return verifyGroups(groups, numExperts, topK).value_or("");
}

TEST(Router, GroupsDivideTheExperts) {
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 2}, 16, 4), "");
  EXPECT_EQ(groupsText({.numGroups = 1, .keep = 1}, 16, 4), "");
  EXPECT_EQ(groupsText({.numGroups = 16, .keep = 4}, 16, 4), "");
  EXPECT_EQ(groupsText({.numGroups = 5, .keep = 2}, 16, 4),
            "expects a number of groups that divides the number of experts, "
            "got 5 groups for 16 experts");
  EXPECT_EQ(groupsText({.numGroups = 0, .keep = 2}, 16, 4),
            "expects a number of groups that divides the number of experts, "
            "got 0 groups for 16 experts");
  EXPECT_EQ(groupsText({.numGroups = 32, .keep = 2}, 16, 4),
            "expects a number of groups that divides the number of experts, "
            "got 32 groups for 16 experts");
  EXPECT_EQ(groupsText({.numGroups = -4, .keep = 2}, 16, 4),
            "expects a number of groups that divides the number of experts, "
            "got -4 groups for 16 experts");
}

TEST(Router, KeepIsWithinTheGroups) {
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 1}, 16, 4), "");
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 4}, 16, 4), "");
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 0}, 16, 4),
            "expects 1 <= keep <= number of groups, got keep 0 of 4 groups");
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 5}, 16, 4),
            "expects 1 <= keep <= number of groups, got keep 5 of 4 groups");
}

TEST(Router, GroupScoreIsWithinAGroup) {
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 2, .topSum = 1}, 16, 4), "");
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 2, .topSum = 4}, 16, 4), "");
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 2, .topSum = 5}, 16, 4),
            "expects a group score over 1 to 4 experts, the size of a group, "
            "got top5_sum");
  EXPECT_EQ(groupsText({.numGroups = 4, .keep = 2, .topSum = 0}, 16, 4),
            "expects a group score over 1 to 4 experts, the size of a group, "
            "got top0_sum");
}

TEST(Router, FillDecidesHowManyCanBePicked) {
  GroupLimit groups{.numGroups = 4, .keep = 2, .fill = GroupFill::NegInf};
  EXPECT_EQ(groupsText(groups, 16, 8), "");
  EXPECT_EQ(groupsText(groups, 16, 9),
            "expects k <= 8, the number of experts in the kept groups, with "
            "fill -inf, got k = 9");
  groups.fill = GroupFill::Zero;
  EXPECT_EQ(groupsText(groups, 16, 9), "");
  EXPECT_EQ(groupsText(groups, 16, 16), "");
}

std::string routerText(const RouterSpec &spec, int64_t numExperts = 16) {
  return verifyRouter(spec, numExperts).value_or("");
}

TEST(Router, PicksAreWithinTheExperts) {
  EXPECT_EQ(routerText({.topK = 1}), "");
  EXPECT_EQ(routerText({.topK = 16}), "");
  EXPECT_EQ(routerText({.topK = 1}, 1), "");
  EXPECT_EQ(routerText({.topK = 0}),
            "expects 1 <= k <= number of experts, got k = 0 with 16 experts");
  EXPECT_EQ(routerText({.topK = 17}),
            "expects 1 <= k <= number of experts, got k = 17 with 16 experts");
  EXPECT_EQ(routerText({.topK = 1}, 0),
            "expects 1 <= k <= number of experts, got k = 1 with 0 experts");
}

TEST(Router, GroupsAreChecked) {
  RouterSpec spec{.groups = GroupLimit{.numGroups = 5, .keep = 2}, .topK = 4};
  EXPECT_EQ(routerText(spec), groupsText(*spec.groups, 16, 4));
  EXPECT_NE(routerText(spec), "");
  spec.groups = GroupLimit{.numGroups = 4, .keep = 2};
  EXPECT_EQ(routerText(spec), "");
  spec.topK = 9;
  EXPECT_EQ(routerText(spec), groupsText(*spec.groups, 16, 9));
}

TEST(Router, SoftmaxAndSigmoidNormalizeLogits) {
  for (NormKind kind : {NormKind::Softmax, NormKind::Sigmoid})
    EXPECT_EQ(routerText({.normalize = {{.kind = kind}}}), "");
  EXPECT_EQ(routerText({.score = ScoreFn::Sigmoid,
                        .normalize = {{.kind = NormKind::L1}}}),
            "");
  EXPECT_EQ(routerText({.score = ScoreFn::Sigmoid,
                        .normalize = {{.kind = NormKind::Softmax}}}),
            "expects no score clause with normalize softmax, which takes "
            "logits, got score sigmoid");
  // Every step is looked at.
  EXPECT_EQ(routerText({.score = ScoreFn::Softmax,
                        .normalize = {{.kind = NormKind::L1},
                                      {.kind = NormKind::Sigmoid}}}),
            "expects no score clause with normalize sigmoid, which takes "
            "logits, got score softmax");
}

std::string epsText(NormKind kind, double eps, EpsMode mode) {
  return routerText({.normalize = {{kind, eps, mode}}});
}

TEST(Router, EpsComesWithAModeAndOnlyInL1) {
  EXPECT_EQ(epsText(NormKind::L1, 0, EpsMode::None), "");
  EXPECT_EQ(epsText(NormKind::L1, 1e-20, EpsMode::Add), "");
  EXPECT_EQ(epsText(NormKind::L1, 1e-12, EpsMode::Max), "");
  EXPECT_EQ(epsText(NormKind::L1, 1e-20, EpsMode::None),
            "expects a mode, add or max, for the eps of normalize l1, got "
            "1e-20 without one");
  EXPECT_EQ(epsText(NormKind::Softmax, 1e-20, EpsMode::Add),
            "expects no eps for normalize softmax: only l1 divides by a sum");
  EXPECT_EQ(epsText(NormKind::Sigmoid, 1e-20, EpsMode::Max),
            "expects no eps for normalize sigmoid: only l1 divides by a sum");
  for (EpsMode mode : {EpsMode::Add, EpsMode::Max}) {
    EXPECT_EQ(epsText(NormKind::L1, 0, mode),
              "expects a positive, finite eps for normalize l1, got 0");
    EXPECT_EQ(epsText(NormKind::L1, -1e-20, mode),
              "expects a positive, finite eps for normalize l1, got -1e-20");
    EXPECT_EQ(epsText(NormKind::L1, infinity, mode),
              "expects a positive, finite eps for normalize l1, got inf");
    EXPECT_EQ(epsText(NormKind::L1, nan, mode),
              "expects a positive, finite eps for normalize l1, got nan");
  }
}

TEST(Router, ScaleIsFinite) {
  EXPECT_EQ(routerText({.scale = -2.5}), "");
  EXPECT_EQ(routerText({.scale = 0}), "");
  EXPECT_EQ(routerText({.scale = infinity}), "expects a finite scale, got inf");
  EXPECT_EQ(routerText({.scale = nan}), "expects a finite scale, got nan");
}

TEST(Router, ASpecStartsAsTheIdentity) {
  RouterSpec spec;
  EXPECT_EQ(spec.score, ScoreFn::Identity);
  EXPECT_FALSE(spec.hasBias);
  EXPECT_FALSE(spec.groups.has_value());
  EXPECT_TRUE(spec.normalize.empty());
  EXPECT_EQ(spec.scale, 1.0);
}

} // namespace
