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

#include <algorithm>
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
    bool ofLogits, divides;
    const char *param;
  } wants[] = {{NormKind::Softmax, "softmax", true, false, ""},
               {NormKind::Sigmoid, "sigmoid", true, false, ""},
               {NormKind::L1, "l1", false, true, ""},
               {NormKind::MaskedSoftmax, "masked_softmax", true, false, "eps"},
               {NormKind::Lp, "lp", false, true, "p"}};
  ASSERT_EQ(normKinds().size(), std::size(wants));
  for (size_t i = 0; i < std::size(wants); ++i) {
    EXPECT_EQ(normKinds()[i].id, wants[i].id);
    EXPECT_EQ(static_cast<size_t>(wants[i].id), i);
    EXPECT_EQ(normKinds()[i].name, wants[i].name);
    EXPECT_EQ(normKinds()[i].ofLogits, wants[i].ofLogits);
    EXPECT_EQ(normKinds()[i].divides, wants[i].divides);
    EXPECT_EQ(normKinds()[i].param, wants[i].param);
    EXPECT_EQ(&lookup(wants[i].id), &normKinds()[i]);
    EXPECT_EQ(normKindFromName(wants[i].name), wants[i].id);
  }
  EXPECT_EQ(normKindFromName("l2"), std::nullopt);
}

TEST(Router, SelectTable) {
  struct {
    SelectKind id;
    const char *name;
    bool byScore;
    const char *bound;
  } wants[] = {{SelectKind::TopK, "top_k", true, ""},
               {SelectKind::TopP, "top_p", true, "p"},
               {SelectKind::Threshold, "threshold", true, "tau"},
               {SelectKind::All, "all", false, ""},
               {SelectKind::Table, "table", false, ""},
               {SelectKind::Extern, "extern", false, ""},
               {SelectKind::ExpertTopK, "expert_top_k", false, ""}};
  ASSERT_EQ(selectKinds().size(), std::size(wants));
  for (size_t i = 0; i < std::size(wants); ++i) {
    EXPECT_EQ(selectKinds()[i].id, wants[i].id);
    EXPECT_EQ(static_cast<size_t>(wants[i].id), i);
    EXPECT_EQ(selectKinds()[i].name, wants[i].name);
    EXPECT_EQ(selectKinds()[i].byScore, wants[i].byScore);
    EXPECT_EQ(selectKinds()[i].bound, wants[i].bound);
    EXPECT_EQ(&lookup(wants[i].id), &selectKinds()[i]);
    EXPECT_EQ(selectKindFromName(wants[i].name), wants[i].id);
  }
  EXPECT_EQ(selectKindFromName("bottom_k"), std::nullopt);
}

TEST(Router, NoiseTable) {
  struct {
    NoiseKind id;
    const char *name;
  } wants[] = {{NoiseKind::Gumbel, "gumbel"},
               {NoiseKind::SecondGumbel, "second_gumbel"},
               {NoiseKind::SecondBernoulli, "second_bernoulli"}};
  ASSERT_EQ(noiseKinds().size(), std::size(wants));
  for (size_t i = 0; i < std::size(wants); ++i) {
    EXPECT_EQ(noiseKinds()[i].id, wants[i].id);
    EXPECT_EQ(static_cast<size_t>(wants[i].id), i + 1);
    EXPECT_EQ(nameOf(wants[i].id), wants[i].name);
    EXPECT_EQ(noiseKindFromName(wants[i].name), wants[i].id);
  }
  EXPECT_EQ(nameOf(NoiseKind::None), "");
  EXPECT_EQ(noiseKindFromName(""), std::nullopt);
}

TEST(Router, NormsAreTheirFormulas) {
  auto norm = [](const NormStep &step, std::initializer_list<double> values) {
    NormFormulas formulas = normFormulas(step);
    double sum = 0;
    for (double value : values)
      sum += formulas.term.evaluate({&value, 1});
    return formulas.root.evaluate({&sum, 1});
  };
  auto lp = [](double p) { return NormStep{.kind = NormKind::Lp, .param = p}; };
  EXPECT_EQ(norm({.kind = NormKind::L1}, {1, -3, 0.5}), -1.5);
  EXPECT_EQ(norm(lp(1), {1, -3, 0.5}), 4.5);
  EXPECT_EQ(norm(lp(2), {3, -4}), 5);
  EXPECT_DOUBLE_EQ(norm(lp(3), {3, -4, 0}), std::cbrt(27.0 + 64.0));
  EXPECT_DOUBLE_EQ(norm(lp(0.5), {4, -9}), 25);
  // One and two are exact: no logarithm is in them.
  EXPECT_EQ(normFormulas(lp(1)).root.str(), "x0");
  EXPECT_EQ(normFormulas(lp(2)).root.str(), "sqrt(x0)");
}

TEST(Router, CapacitiesAreWholeNumbers) {
  // Three tokens of four, rounded three ways.
  auto share = [](Rounding rounding, int64_t n, int64_t d, int64_t minimum = 0,
                  int64_t multipleOf = 1) {
    return CapacityLimit{rounding, n, d, minimum, multipleOf};
  };
  for (int64_t tokens = 0; tokens < 60; ++tokens)
    for (int64_t n : {1, 2, 3, 10})
      for (int64_t d : {1, 2, 3, 7, 32}) {
        const long double exact = (long double)(tokens * n) / d;
        EXPECT_EQ(capacityOf(share(Rounding::Floor, n, d), tokens),
                  int64_t(std::floor(exact)));
        EXPECT_EQ(capacityOf(share(Rounding::Ceil, n, d), tokens),
                  int64_t(std::ceil(exact)));
        EXPECT_EQ(capacityOf(share(Rounding::Nearest, n, d), tokens),
                  int64_t(std::floor(exact + 0.5L)));
        EXPECT_EQ(capacityOf(share(Rounding::Floor, n, d, 5), tokens),
                  std::max<int64_t>(5, int64_t(std::floor(exact))));
        EXPECT_EQ(capacityOf(share(Rounding::Floor, n, d, 5, 4), tokens),
                  (std::max<int64_t>(5, int64_t(std::floor(exact))) + 3) / 4 *
                      4);
      }
  EXPECT_EQ(capacityOf({.minimum = 64}, 1000), 64);
  EXPECT_TRUE((CapacityLimit{.minimum = 64}).isNumber());
  EXPECT_FALSE(share(Rounding::Ceil, 1, 1).isNumber());
  CapacityLimit start;
  EXPECT_EQ(start.rounding, Rounding::Floor);
  EXPECT_EQ(start.numerator, 0);
  EXPECT_EQ(start.denominator, 1);
  EXPECT_EQ(start.minimum, 0);
  EXPECT_EQ(start.multipleOf, 1);
}

TEST(Router, RoundingsHaveNames) {
  EXPECT_EQ(nameOf(Rounding::Floor), "floor");
  EXPECT_EQ(nameOf(Rounding::Ceil), "ceil");
  EXPECT_EQ(nameOf(Rounding::Nearest), "nearest");
  for (Rounding rounding : {Rounding::Floor, Rounding::Ceil, Rounding::Nearest})
    EXPECT_EQ(roundingFromName(nameOf(rounding)), rounding);
  EXPECT_EQ(roundingFromName("round"), std::nullopt);
  EXPECT_EQ(static_cast<int>(Rounding::Floor), 0);
  EXPECT_EQ(static_cast<int>(Rounding::Ceil), 1);
  EXPECT_EQ(static_cast<int>(Rounding::Nearest), 2);
}

std::string limitText(const CapacityLimit &limit) {
  return verifyLimit(limit).value_or("");
}

TEST(Router, CapacitiesAreWithinBounds) {
  constexpr int64_t most = int64_t(1) << 30;
  const std::string upTo = " to 1073741824, got ";
  EXPECT_EQ(limitText({.minimum = 1}), "");
  EXPECT_EQ(limitText({.minimum = std::numeric_limits<int64_t>::max()}), "");
  EXPECT_EQ(limitText({.minimum = 0}), "expects cap >= 1, got cap = 0");
  EXPECT_EQ(limitText({.minimum = -4}), "expects cap >= 1, got cap = -4");
  EXPECT_EQ(limitText({.numerator = 1}), "");
  EXPECT_EQ(limitText({.numerator = most,
                       .denominator = most,
                       .minimum = most,
                       .multipleOf = most}),
            "");
  EXPECT_EQ(limitText({.numerator = -1}),
            "expects a numerator of 1" + upTo + "-1");
  EXPECT_EQ(limitText({.numerator = most + 1}),
            "expects a numerator of 1" + upTo + "1073741825");
  EXPECT_EQ(limitText({.numerator = 1, .denominator = 0}),
            "expects a denominator of 1" + upTo + "0");
  EXPECT_EQ(limitText({.numerator = 1, .denominator = most + 1}),
            "expects a denominator of 1" + upTo + "1073741825");
  EXPECT_EQ(limitText({.numerator = 1, .minimum = -1}),
            "expects a minimum of 0" + upTo + "-1");
  EXPECT_EQ(limitText({.numerator = 1, .minimum = most + 1}),
            "expects a minimum of 0" + upTo + "1073741825");
  EXPECT_EQ(limitText({.numerator = 1, .multipleOf = 0}),
            "expects a multiple_of of 1" + upTo + "0");
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

TEST(Router, SelectionsBringTheirOwnNumbers) {
  // The ids of a table and of a caller are as many as there are.
  for (SelectKind kind : {SelectKind::Table, SelectKind::Extern})
    EXPECT_EQ(routerText({.topK = 20, .select = {.kind = kind}}), "");
  EXPECT_EQ(
      routerText({.topK = 20, .select = {.kind = SelectKind::ExpertTopK}}), "");
  EXPECT_EQ(routerText({.topK = 0, .select = {.kind = SelectKind::Extern}}),
            "expects 1 <= k <= number of experts, got k = 0 with 16 experts");
  EXPECT_EQ(routerText({.topK = 17, .select = {SelectKind::Threshold, 0.5}}),
            "expects 1 <= k <= number of experts, got k = 17 with 16 experts");
}

TEST(Router, BoundsAreFinite) {
  auto text = [](SelectKind kind, double bound) {
    return routerText({.topK = 2, .select = {kind, bound}});
  };
  EXPECT_EQ(text(SelectKind::TopP, 1e-9), "");
  EXPECT_EQ(text(SelectKind::TopP, 0),
            "expects a positive, finite p for top_p, got 0");
  EXPECT_EQ(text(SelectKind::TopP, -1),
            "expects a positive, finite p for top_p, got -1");
  EXPECT_EQ(text(SelectKind::TopP, nan),
            "expects a positive, finite p for top_p, got nan");
  EXPECT_EQ(text(SelectKind::Threshold, 0), "");
  EXPECT_EQ(text(SelectKind::Threshold, -3), "");
  EXPECT_EQ(text(SelectKind::Threshold, infinity),
            "expects a finite tau for threshold, got inf");
  EXPECT_EQ(text(SelectKind::TopK, nan), ""); // not read
}

TEST(Router, AlwaysLeavesCandidates) {
  auto text = [](int64_t k, int64_t always, SelectKind kind) {
    return routerText(
        {.topK = k, .select = {.kind = kind, .bound = 1, .always = always}});
  };
  for (SelectKind kind :
       {SelectKind::TopK, SelectKind::TopP, SelectKind::Threshold}) {
    EXPECT_EQ(text(14, 2, kind), "");
    EXPECT_EQ(text(15, 2, kind),
              "expects 1 <= k <= number of experts, got k = 15 with 14 "
              "experts");
    EXPECT_EQ(text(1, 15, kind), "");
    EXPECT_EQ(text(1, 16, kind),
              "expects fewer always-on experts than there are, got 16 of 16");
    EXPECT_EQ(text(1, -1, kind),
              "expects fewer always-on experts than there are, got -1 of 16");
  }
  for (SelectKind kind : {SelectKind::All, SelectKind::Table,
                          SelectKind::Extern, SelectKind::ExpertTopK})
    EXPECT_EQ(text(1, 2, kind), "expects no always clause with " +
                                    std::string(lookup(kind).name) +
                                    ", which does not pick by score");
  EXPECT_EQ(routerText({.select = {.always = 1}}, 1),
            "expects fewer always-on experts than there are, got 1 of 1");
  // Groups are of the candidates.
  RouterSpec spec{.groups = GroupLimit{.numGroups = 7, .keep = 2},
                  .topK = 4,
                  .select = {.always = 2}};
  EXPECT_EQ(routerText(spec), "");
  EXPECT_EQ(spec.slots(), 6);
}

TEST(Router, OnlySelectionsByScoreTakeBiasGroupsAndNoise) {
  GroupLimit groups{.numGroups = 4, .keep = 2, .fill = GroupFill::Zero};
  for (const SelectRow &row : selectKinds()) {
    const std::string name(row.name);
    auto spec = [&] {
      return RouterSpec{.topK = 2, .select = {.kind = row.id, .bound = 1}};
    };
    RouterSpec biased = spec(), grouped = spec(), noisy = spec();
    biased.hasBias = true;
    EXPECT_EQ(routerText(biased), row.byScore
                                      ? ""
                                      : "expects no bias with " + name +
                                            ", which does not pick by score");
    grouped.groups = groups;
    EXPECT_EQ(routerText(grouped), row.id == SelectKind::TopK
                                       ? ""
                                       : "expects no groups with " + name +
                                             "; only top_k picks from groups");
    noisy.select.noise = NoiseKind::Gumbel;
    EXPECT_EQ(routerText(noisy), row.byScore
                                     ? ""
                                     : "expects no noise with " + name +
                                           ", which does not pick by score");
  }
}

TEST(Router, NoiseOfTheSecondPick) {
  auto spec = [](int64_t k, NoiseKind noise) {
    return RouterSpec{.topK = k, .select = {.noise = noise}};
  };
  EXPECT_EQ(routerText(spec(2, NoiseKind::SecondBernoulli)), "");
  EXPECT_EQ(routerText(spec(3, NoiseKind::SecondGumbel)), "");
  EXPECT_EQ(routerText(spec(3, NoiseKind::SecondBernoulli)),
            "expects k = 2 with noise second_bernoulli, got k = 3");
  EXPECT_EQ(routerText(spec(1, NoiseKind::SecondBernoulli)),
            "expects k = 2 with noise second_bernoulli, got k = 1");
  for (NoiseKind noise :
       {NoiseKind::SecondBernoulli, NoiseKind::SecondGumbel}) {
    RouterSpec other = spec(2, noise);
    other.select.kind = SelectKind::TopP;
    other.select.bound = 1;
    EXPECT_EQ(routerText(other), "expects top_k with noise " +
                                     std::string(nameOf(noise)) +
                                     ", got top_p");
  }
  GroupLimit groups{.numGroups = 4, .keep = 2};
  RouterSpec grouped = spec(2, NoiseKind::SecondBernoulli);
  grouped.groups = groups;
  EXPECT_EQ(routerText(grouped), "");
  grouped.select.noise = NoiseKind::Gumbel;
  EXPECT_EQ(routerText(grouped), "");
  grouped.select.noise = NoiseKind::SecondGumbel;
  EXPECT_EQ(routerText(grouped),
            "expects no groups with noise second_gumbel, which picks the first "
            "expert without it");
}

TEST(Router, ParametersOfNormsArePositive) {
  auto text = [](NormKind kind, double param) {
    return routerText({.normalize = {{.kind = kind, .param = param}}});
  };
  EXPECT_EQ(text(NormKind::Lp, 0.5), "");
  EXPECT_EQ(text(NormKind::MaskedSoftmax, 1e-2), "");
  EXPECT_EQ(text(NormKind::Lp, 0),
            "expects a positive, finite p for normalize lp, got 0");
  EXPECT_EQ(text(NormKind::Lp, infinity),
            "expects a positive, finite p for normalize lp, got inf");
  EXPECT_EQ(text(NormKind::MaskedSoftmax, nan),
            "expects a positive, finite eps for normalize masked_softmax, got "
            "nan");
  EXPECT_EQ(text(NormKind::L1, -1), ""); // not read
  EXPECT_EQ(routerText({.normalize = {{.kind = NormKind::Lp,
                                       .eps = 1e-3,
                                       .epsMode = EpsMode::Max,
                                       .param = 2}}}),
            "");
}

TEST(Router, MaskedSoftmaxIsTheFirstStep) {
  NormStep masked{.kind = NormKind::MaskedSoftmax, .param = 1};
  NormStep sum{.kind = NormKind::L1};
  EXPECT_EQ(routerText({.normalize = {masked, sum}}), "");
  EXPECT_EQ(routerText({.normalize = {sum, masked}}),
            "expects normalize masked_softmax to be the first step: it reads "
            "the logits of all experts");
}

TEST(Router, ExpertsNormalizeNothing) {
  RouterSpec spec{.select = {.kind = SelectKind::ExpertTopK}, .scale = 2};
  EXPECT_EQ(routerText(spec), "");
  spec.normalize = {{.kind = NormKind::L1}};
  EXPECT_EQ(routerText(spec),
            "expects no normalize with expert_top_k: an expert's picks are of "
            "different tokens");
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
  EXPECT_EQ(
      epsText(NormKind::Softmax, 1e-20, EpsMode::Add),
      "expects no eps for normalize softmax: only l1 and lp divide by a norm");
  EXPECT_EQ(
      epsText(NormKind::Sigmoid, 1e-20, EpsMode::Max),
      "expects no eps for normalize sigmoid: only l1 and lp divide by a norm");
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
  EXPECT_EQ(spec.apart, 0);
  EXPECT_EQ(spec.slots(), 1);
  EXPECT_EQ(spec.select.kind, SelectKind::TopK);
  EXPECT_EQ(spec.select.bound, 0);
  EXPECT_EQ(spec.select.always, 0);
  EXPECT_EQ(spec.select.noise, NoiseKind::None);
  NormStep step;
  EXPECT_EQ(step.kind, NormKind::L1);
  EXPECT_EQ(step.eps, 0);
  EXPECT_EQ(step.epsMode, EpsMode::None);
  EXPECT_EQ(step.param, 0);
}

} // namespace
