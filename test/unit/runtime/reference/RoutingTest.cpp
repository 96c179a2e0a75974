//===- RoutingTest.cpp - Reference of route and capacity --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference is what everything else is compared with, so it is compared
// with oracles written another way: sorts instead of repeated maxima, long
// double instead of double. Scores are coarse on purpose: ties are the rule.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Routing.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>

using namespace moe;
using namespace moe::reference;
using namespace moe::semantics;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Doubles = std::vector<double>;
using Ids = std::vector<int32_t>;

void expectNear(const Doubles &got, const Doubles &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(got[i])) << i << ": " << got[i];
    else
      EXPECT_NEAR(got[i], want[i], 4e-15 * std::abs(want[i])) << i;
}

/// softmax in long double, without a shift.
Doubles softmaxOf(const Doubles &values) {
  long double sum = 0;
  for (double v : values)
    sum += std::exp((long double)v);
  Doubles result;
  for (double v : values)
    result.push_back(double(std::exp((long double)v) / sum));
  return result;
}

//===----------------------------------------------------------------------===//
// score
//===----------------------------------------------------------------------===//

TEST(Score, SoftmaxIsOverTheExpertsOfAToken) {
  Doubles first = {1, -2, 0.5, 3}, second = {0, 0, 4, -7};
  Doubles both = first, want = softmaxOf(first);
  both.insert(both.end(), second.begin(), second.end());
  Doubles wantSecond = softmaxOf(second);
  want.insert(want.end(), wantSecond.begin(), wantSecond.end());
  expectNear(score(ScoreFn::Softmax, both, 4), want);
}

TEST(Score, SoftmaxIsShiftedByTheMaximum) {
  double e = std::exp(-1.0);
  expectNear(score(ScoreFn::Softmax, Doubles{1000, 1001}, 2),
             {e / (1 + e), 1 / (1 + e)});
  expectNear(score(ScoreFn::Softmax, Doubles{-1000, -1001}, 2),
             {1 / (1 + e), e / (1 + e)});
}

TEST(Score, OneNaNOrNoFiniteLogitMakesTheRowNaN) {
  expectNear(score(ScoreFn::Softmax, Doubles{1, nan, 2, 0, 0, 0}, 3),
             {nan, nan, nan, 1 / 3.0, 1 / 3.0, 1 / 3.0});
  expectNear(score(ScoreFn::Softmax, Doubles{-infinity, -infinity}, 2),
             {nan, nan});
  // Other -inf logits are picks of weight 0.
  expectNear(score(ScoreFn::Softmax, Doubles{-infinity, 2, 2}, 3),
             {0, 0.5, 0.5});
}

TEST(Score, OthersAreElementwise) {
  Doubles logits = {-1, 0, 2, nan, 30, -30};
  Doubles sigmoids, roots, positives;
  for (double l : logits) {
    sigmoids.push_back(1 / (1 + std::exp(-l)));
    roots.push_back(std::sqrt(l > 20 ? l : std::log1p(std::exp(l))));
    positives.push_back(std::isnan(l) ? nan : l > 0 ? l : 0);
  }
  expectNear(score(ScoreFn::Identity, logits, 3), logits);
  expectNear(score(ScoreFn::Sigmoid, logits, 3), sigmoids);
  expectNear(score(ScoreFn::SqrtSoftplus, logits, 3), roots);
  expectNear(score(ScoreFn::Relu, logits, 3), positives);
  EXPECT_TRUE(score(ScoreFn::Softmax, {}, 3).empty());
}

//===----------------------------------------------------------------------===//
// select
//===----------------------------------------------------------------------===//

/// Picks by score and bias alone.
Ids pick(const RouterSpec &spec, const Doubles &scores, const Doubles &bias,
         int64_t numExperts) {
  return *select(spec, scores, {.bias = bias}, numExperts);
}
Routed routed(const RouterSpec &spec, const Doubles &logits,
              const Doubles &bias, int64_t numExperts, core::DType type) {
  return *route(spec, logits, {.bias = bias}, numExperts, type);
}
/// Selection of one token by sorting. NaN is dropped, not ranked.
Ids selectOf(const RouterSpec &spec, Doubles z) {
  struct Entry {
    double value;
    int64_t index;
  };
  auto descending = [](const Entry &a, const Entry &b) {
    return a.value != b.value ? a.value > b.value : a.index < b.index;
  };
  std::vector<bool> open(z.size());
  for (size_t e = 0; e < z.size(); ++e)
    open[e] = !std::isnan(z[e]);
  if (spec.groups) {
    size_t size = z.size() / spec.groups->numGroups;
    std::vector<Entry> groups;
    for (int64_t g = 0; g < spec.groups->numGroups; ++g) {
      Doubles values;
      for (size_t e = g * size; e < (g + 1) * size; ++e)
        values.push_back(open[e] ? z[e] : -infinity);
      std::sort(values.begin(), values.end());
      double sum = std::accumulate(values.rbegin(),
                                   values.rbegin() + spec.groups->topSum, 0.0);
      groups.push_back({std::isnan(sum) ? -infinity : sum, g});
    }
    std::sort(groups.begin(), groups.end(), descending);
    for (size_t i = spec.groups->keep; i < groups.size(); ++i)
      for (size_t e = 0; e < z.size(); ++e)
        if (int64_t(e / size) == groups[i].index && open[e]) {
          if (spec.groups->fill == GroupFill::NegInf)
            open[e] = false;
          else
            z[e] = 0;
        }
  }
  std::vector<Entry> experts;
  for (size_t e = 0; e < z.size(); ++e)
    if (open[e])
      experts.push_back({z[e], int64_t(e)});
  std::sort(experts.begin(), experts.end(), descending);
  Ids ids;
  for (int64_t j = 0; j < spec.topK; ++j)
    ids.push_back(j < int64_t(experts.size()) ? int32_t(experts[j].index) : -1);
  return ids;
}

TEST(Select, AgreesWithASort) {
  std::mt19937 random(3);
  auto upTo = [&](int64_t n) { return int64_t(random() % (n + 1)); };
  int64_t missing = 0, tied = 0;
  for (int round = 0; round < 6000; ++round) {
    RouterSpec spec;
    int64_t groupSize = 1 + upTo(4), numGroups = 1 + upTo(4);
    int64_t numExperts = groupSize * numGroups;
    if (round % 3 != 0)
      spec.groups = GroupLimit{.numGroups = numGroups,
                               .keep = 1 + upTo(numGroups - 1),
                               .topSum = 1 + upTo(groupSize - 1),
                               .fill = random() % 2 ? GroupFill::Zero
                                                    : GroupFill::NegInf};
    int64_t most = spec.groups && spec.groups->fill == GroupFill::NegInf
                       ? spec.groups->keep * groupSize
                       : numExperts;
    spec.topK = 1 + upTo(most - 1);
    auto coarse = [&] {
      switch (random() % 16) {
      case 0:
        return nan;
      case 1:
        return -infinity;
      case 2:
        return infinity;
      default:
        return (double(random() % 9) - 4) / 4;
      }
    };
    int64_t numTokens = upTo(4);
    Doubles scores(numTokens * numExperts), bias;
    std::generate(scores.begin(), scores.end(), coarse);
    if (round % 2)
      for (int64_t e = 0; e < numExperts; ++e)
        bias.push_back((double(random() % 9) - 6) / 4);
    Ids got = pick(spec, scores, bias, numExperts), want;
    for (int64_t t = 0; t < numTokens; ++t) {
      Doubles z(scores.begin() + t * numExperts,
                scores.begin() + (t + 1) * numExperts);
      for (size_t e = 0; e < bias.size(); ++e)
        z[e] += bias[e];
      Ids row = selectOf(spec, z);
      want.insert(want.end(), row.begin(), row.end());
      std::sort(z.begin(), z.end());
      tied += std::adjacent_find(z.begin(), z.end()) != z.end();
    }
    missing += std::count(want.begin(), want.end(), -1);
    ASSERT_EQ(got, want) << "round " << round;
  }
  // The rounds were about what they are for.
  EXPECT_GT(missing, 500);
  EXPECT_GT(tied, 5000);
}

TEST(Select, TiesGoToTheLowestIndexInDescendingOrder) {
  RouterSpec spec{.topK = 4};
  EXPECT_EQ(pick(spec, Doubles{1, 3, 2, 3, 2, 1}, {}, 6), (Ids{1, 3, 2, 4}));
  EXPECT_EQ(pick(spec, Doubles{0, -0.0, 0, -0.0}, {}, 4), (Ids{0, 1, 2, 3}));
}

TEST(Select, NaNIsNeverPickedAndMinusInfinityIs) {
  RouterSpec spec{.topK = 3};
  EXPECT_EQ(pick(spec, Doubles{nan, -infinity, nan, 5}, {}, 4),
            (Ids{3, 1, -1}));
  EXPECT_EQ(pick(spec, Doubles{nan, nan, nan}, {}, 3), (Ids{-1, -1, -1}));
  // A bias can make a NaN as well.
  EXPECT_EQ(pick(spec, Doubles{infinity, 1, 2}, Doubles{-infinity, 0, 0}, 3),
            (Ids{2, 1, -1}));
}

TEST(Select, GroupTiesGoToTheLowestGroup) {
  RouterSpec spec{.groups = GroupLimit{.numGroups = 3, .keep = 1, .topSum = 2},
                  .topK = 2};
  EXPECT_EQ(pick(spec, Doubles{0, 1, 2, 2, 3, 1}, {}, 6), (Ids{2, 3}));
}

TEST(Select, AGroupScoreIsTheSumOfItsHighest) {
  RouterSpec spec{.groups = GroupLimit{.numGroups = 2, .keep = 1}, .topK = 1};
  Doubles scores = {9, 0, 0, 5, 5, 5};
  EXPECT_EQ(pick(spec, scores, {}, 6), (Ids{0}));
  spec.groups->topSum = 2;
  EXPECT_EQ(pick(spec, scores, {}, 6), (Ids{3}));
  // Of score and bias, not of the score alone.
  EXPECT_EQ(pick(spec, scores, Doubles{1, 1, 0, 0, 0, 0}, 6), (Ids{0}));
}

TEST(Select, FillsDifferWhenBiasedScoresAreNegative) {
  // Group 0 wins, and its second expert is below zero.
  Doubles scores = {0.9, 0.1, 0.6, 0.2}, bias = {-0.2, -0.4, -0.3, -0.1};
  RouterSpec spec{.groups = GroupLimit{.numGroups = 2,
                                       .keep = 1,
                                       .topSum = 1,
                                       .fill = GroupFill::NegInf},
                  .topK = 2};
  EXPECT_EQ(pick(spec, scores, bias, 4), (Ids{0, 1}));
  spec.groups->fill = GroupFill::Zero;
  EXPECT_EQ(pick(spec, scores, bias, 4), (Ids{0, 2}));

  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  GroupLimit limit{.numGroups = 4, .keep = 2, .topSum = 2};
  for (bool negative : {false, true}) {
    int differing = 0;
    for (int round = 0; round < 1000; ++round) {
      Doubles s(16), b(16);
      for (double &v : s)
        v = 1 / (1 + std::exp(1 - normal(random)));
      for (double &v : b)
        v = negative ? -0.3 + 0.2 * normal(random)
                     : std::abs(0.2 * normal(random));
      limit.fill = GroupFill::NegInf;
      Ids negInf = pick({.groups = limit, .topK = 6}, s, b, 16);
      limit.fill = GroupFill::Zero;
      Ids zero = pick({.groups = limit, .topK = 6}, s, b, 16);
      differing += negInf != zero;
    }
    if (negative)
      EXPECT_GT(differing, 500);
    else
      EXPECT_EQ(differing, 0);
  }
}

TEST(Select, KeepingAllGroupsIsHavingNone) {
  std::mt19937 random(9);
  for (int round = 0; round < 500; ++round) {
    Doubles scores(12);
    for (double &v : scores)
      v = random() % 4 ? double(random() % 7) - 3 : nan;
    RouterSpec plain{.topK = 5}, all = plain;
    all.groups =
        GroupLimit{.numGroups = 4,
                   .keep = 4,
                   .topSum = 2,
                   .fill = round % 2 ? GroupFill::Zero : GroupFill::NegInf};
    ASSERT_EQ(pick(all, scores, {}, 12), pick(plain, scores, {}, 12));
  }
}

TEST(Select, APrefixReachesP) {
  RouterSpec spec{.topK = 3, .select = {SelectKind::TopP, 0.75}};
  EXPECT_EQ(pick(spec, Doubles{0.125, 0.5, 0.25, 0.125}, {}, 4),
            (Ids{1, 2, -1}));
  // One at least, and all that can be picked if p is never reached.
  spec.select.bound = 0.4;
  EXPECT_EQ(pick(spec, Doubles{0.125, 0.5, 0.25, 0.125}, {}, 4),
            (Ids{1, -1, -1}));
  spec.select.bound = 9;
  EXPECT_EQ(pick(spec, Doubles{0.125, 0.5, nan, 0.125}, {}, 4), (Ids{1, 0, 3}));
}

TEST(Select, AThresholdIsExclusive) {
  RouterSpec spec{.topK = 3, .select = {SelectKind::Threshold, 0.5}};
  EXPECT_EQ(pick(spec, Doubles{0.5, 2, nan, 0.75}, {}, 4), (Ids{1, 3, -1}));
  // Of score and bias.
  EXPECT_EQ(pick(spec, Doubles{0.5, 2, 0, 0}, Doubles{0.25, -2, 0, 0}, 4),
            (Ids{0, -1, -1}));
  // None, and as many as there can be.
  EXPECT_EQ(pick(spec, Doubles{0.5, 0.25, nan, 0}, {}, 4), (Ids{-1, -1, -1}));
  EXPECT_EQ(pick(spec, Doubles{1, 2, 3, 4}, {}, 4), (Ids{3, 2, 1}));
}

TEST(Select, AllAndAlwaysAreInTheOrderOfIndices) {
  RouterSpec spec{.topK = 4, .select = {.kind = SelectKind::All}};
  EXPECT_EQ(pick(spec, Doubles{0, nan, 5, 1}, {}, 4), (Ids{0, -1, 2, 3}));
  RouterSpec always{.topK = 1, .select = {.always = 2}};
  EXPECT_EQ(pick(always, Doubles{0, 1, 9, 9, 3, 4, nan, 5}, {}, 4),
            (Ids{1, 2, 3, 1, -1, 3}));
}

TEST(Select, NoiseMovesPicksAndNotWeights) {
  Doubles scores = {3, 2, 1}, noise = {0, 0, 5};
  RouterSpec spec{.topK = 2, .select = {.noise = NoiseKind::Gumbel}};
  EXPECT_EQ(*select(spec, scores, {.noise = noise}, 3), (Ids{2, 0}));
  spec.select.noise = NoiseKind::SecondGumbel;
  EXPECT_EQ(*select(spec, scores, {.noise = noise}, 3), (Ids{0, 2}));
  expectNear(*weigh(spec, scores, Ids{0, 2}, 3), {3, 1});
  spec.select.noise = NoiseKind::SecondBernoulli;
  EXPECT_EQ(*select(spec, scores, {.noise = Doubles{3.9}}, 3), (Ids{0, 1}));
  EXPECT_EQ(*select(spec, scores, {.noise = Doubles{4}}, 3), (Ids{0, -1}));
}

TEST(Select, NoiseIsOfTokensAndCandidates) {
  // The last expert is always on, and has no noise.
  Doubles scores = {3, 2, 1, 0, 3, 2, 1, 0, nan, nan, nan, 0};
  Doubles noise = {-9, 0, 5, 0, 5, 0, 0, 0, 0};
  RouterSpec spec{.topK = 2,
                  .select = {.always = 1, .noise = NoiseKind::Gumbel}};
  EXPECT_EQ(*select(spec, scores, {.noise = noise}, 4),
            (Ids{2, 1, 3, 1, 0, 3, -1, -1, 3}));
  // What comes after the first is in the order of score and noise.
  spec.topK = 3;
  spec.select.noise = NoiseKind::SecondGumbel;
  EXPECT_EQ(*select(spec, scores, {.noise = noise}, 4),
            (Ids{0, 2, 1, 3, 0, 1, 2, 3, -1, -1, -1, 3}));
  // One number a token; who has one pick or none has no second.
  spec = {.topK = 2, .select = {.noise = NoiseKind::SecondBernoulli}};
  EXPECT_EQ(*select(spec, Doubles{3, 2, 3, 2, nan, 2, nan, nan},
                    {.noise = Doubles{5, 3, 9, 9}}, 2),
            (Ids{0, -1, 0, 1, 1, -1, -1, -1}));
}

using Longs = std::vector<int64_t>;

TEST(Select, GivenIdsAreTakenAsTheyAre) {
  RouterSpec spec{.topK = 2, .select = {.kind = SelectKind::Extern}};
  EXPECT_EQ(*select(spec, Doubles(9), {.given = Longs{2, 0, -1, 1, 1, -1}}, 3),
            (Ids{2, 0, -1, 1, 1, -1}));
}

TEST(Select, TablesAreReadByTokenId) {
  RouterSpec spec{.topK = 2, .select = {.kind = SelectKind::Table}};
  Longs table = {0, 1, 2, -1, 1, 0};
  EXPECT_EQ(
      *select(spec, Doubles(9), {.table = table, .given = Longs{1, -1, 2}}, 3),
      (Ids{2, -1, -1, -1, 1, 0}));
  EXPECT_EQ(
      *select(spec, Doubles(6),
              {.table = table, .given = Longs{1, 2}, .valid = Longs{0, 1}}, 3),
      (Ids{-1, -1, 1, 0}));
}

TEST(Select, RefusesGivenIdsOutOfRange) {
  auto message = [](SelectKind kind, Longs table, Longs given) {
    auto result = select({.topK = 2, .select = {.kind = kind}}, Doubles(6),
                         {.table = table, .given = given}, 3);
    EXPECT_FALSE(bool(result));
    EXPECT_EQ(result.error().id, core::ErrorId::IdOutOfRange);
    return result.error().message;
  };
  EXPECT_EQ(message(SelectKind::Extern, {}, {0, 1, 2, 3}),
            "expects ids in [-1, 3), got 3 at slot 3");
  EXPECT_EQ(message(SelectKind::Extern, {}, {0, -2, 2, 1}),
            "expects ids in [-1, 3), got -2 at slot 1");
  EXPECT_EQ(message(SelectKind::Table, {0, 1, 2, 5000000000}, {0, 1}),
            "expects ids in [-1, 3), got 5000000000 at slot 3");
  EXPECT_EQ(message(SelectKind::Table, {0, 1, 2, 0}, {0, 2}),
            "expects token ids in [-1, 2), got 2 at token 1");
  EXPECT_EQ(message(SelectKind::Table, {0, 1, 2, 0}, {-2, 0}),
            "expects token ids in [-1, 2), got -2 at token 0");
}

TEST(Select, ExpertsPickTokens) {
  // Columns: 3 1 3, then 0 nan -1.
  Doubles scores = {3, 0, 1, nan, 3, -1};
  EXPECT_EQ(selectTokens(scores, 2, 2), (Ids{0, 2, 0, 2}));
  EXPECT_EQ(selectTokens(scores, 2, 4), (Ids{0, 2, 1, -1, 0, 2, -1, -1}));
  EXPECT_EQ(selectTokens({}, 2, 1), (Ids{-1, -1}));
  RouterSpec spec{.scale = 2};
  expectNear(*weighTokens(spec, scores, Ids{0, 2, 2, -1}, 2, Doubles{1, 10}),
             {6, 6, -20, 0});
  // Weights are of the token and the expert.
  spec.scale = 1;
  expectNear(*weighTokens(spec, scores, Ids{2, 1, 0, 2}, 2), {3, 1, 0, -1});
  auto refused = weighTokens(spec, scores, Ids{0, 2, 3, -1}, 2);
  ASSERT_FALSE(bool(refused));
  EXPECT_EQ(refused.error().id, core::ErrorId::IdOutOfRange);
  EXPECT_EQ(refused.error().message, "expects ids in [-1, 3), got 3 at slot 2");
}

//===----------------------------------------------------------------------===//
// weigh
//===----------------------------------------------------------------------===//

const Doubles someScores = {0.5, 2, -1, 4, /**/ 8, 0.25, 3, -6};
const Ids somePicks = {3, 0, 2, /**/ 2, -1, 1};

Doubles weighted(std::vector<NormStep> steps, double scale = 1) {
  RouterSpec spec{.topK = 3, .normalize = std::move(steps), .scale = scale};
  auto result = weigh(spec, someScores, somePicks, 4);
  EXPECT_TRUE(bool(result));
  return *result;
}

TEST(Weigh, TakesTheScoresOfThePicks) {
  expectNear(weighted({}), {4, 0.5, -1, 3, 0, 0.25});
  expectNear(weighted({}, 2.5), {10, 1.25, -2.5, 7.5, 0, 0.625});
}

TEST(Weigh, NormStepsAreOverTheKept) {
  expectNear(weighted({{NormKind::L1}}),
             {4 / 3.5, 0.5 / 3.5, -1 / 3.5, 3 / 3.25, 0, 0.25 / 3.25});
  Doubles first = softmaxOf({4, 0.5, -1}), second = softmaxOf({3, 0.25});
  expectNear(weighted({{NormKind::Softmax}}),
             {first[0], first[1], first[2], second[0], 0, second[1]});
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  Doubles sigmoids = {sigmoid(4), sigmoid(0.5), sigmoid(-1), sigmoid(3),
                      0,          sigmoid(0.25)};
  expectNear(weighted({{NormKind::Sigmoid}}), sigmoids);
  // Steps in order, then the scale.
  double a = sigmoids[0] + sigmoids[1] + sigmoids[2];
  double b = sigmoids[3] + sigmoids[5];
  expectNear(weighted({{NormKind::Sigmoid}, {NormKind::L1}}, 2),
             {2 * sigmoids[0] / a, 2 * sigmoids[1] / a, 2 * sigmoids[2] / a,
              2 * sigmoids[3] / b, 0, 2 * sigmoids[5] / b});
}

TEST(Weigh, EpsEntersTheSumByItsMode) {
  expectNear(weighted({{NormKind::L1, 1.5, EpsMode::Add}}),
             {4 / 5.0, 0.5 / 5, -1 / 5.0, 3 / 4.75, 0, 0.25 / 4.75});
  // Above one sum, below the other.
  expectNear(weighted({{NormKind::L1, 3.375, EpsMode::Max}}),
             {4 / 3.5, 0.5 / 3.5, -1 / 3.5, 3 / 3.375, 0, 0.25 / 3.375});
  RouterSpec spec{.normalize = {{NormKind::L1}}};
  expectNear(*weigh(spec, Doubles{0, 1}, Ids{0}, 2), {nan});
  spec.normalize = {{NormKind::L1, 1e-20, EpsMode::Add}};
  expectNear(*weigh(spec, Doubles{0, 1}, Ids{0}, 2), {0});
}

TEST(Weigh, ATokenWithoutPicksHasNoWeight) {
  RouterSpec spec{.topK = 2,
                  .normalize = {{NormKind::Softmax}, {NormKind::L1}}};
  expectNear(*weigh(spec, Doubles{1, 2, 3, 4}, Ids{-1, -1, 1, 0}, 2),
             {0, 0, 1 / (1 + std::exp(-1.0)), 1 / (1 + std::exp(1.0))});
}

TEST(Weigh, RefusesIdsOutOfRange) {
  auto result = weigh({.topK = 2}, Doubles{1, 2}, Ids{0, 2}, 2);
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(result.error().id, core::ErrorId::IdOutOfRange);
  EXPECT_EQ(result.error().message, "expects ids in [-1, 2), got 2 at slot 1");
}

TEST(Weigh, TheSparseMixerLooksAtWhatIsNear) {
  RouterSpec spec{
      .topK = 2,
      .normalize = {{.kind = NormKind::MaskedSoftmax, .param = 0.2}}};
  // 4 and 3 are within 0.4 of 4; of what is left of 3, 2 is, 1 is not.
  double e = std::exp(-1.0);
  expectNear(*weigh(spec, Doubles{1, 4, 2, 3}, Ids{1, 3}, 4),
             {1 / (1 + e), 1 / (1 + e)});
  // A zero is near zero.
  expectNear(*weigh(spec, Doubles{0, 0, -1}, Ids{0, 1}, 3), {0.5, 1});
  // 2 is exactly 0.5 of 4 away, and near; so is 3, and 1.5 is not. Of negative
  // logits the farther one counts: 1 of 2 is near -1, and 3 of 4 is not.
  spec.normalize[0].param = 0.25;
  expectNear(*weigh(spec, Doubles{1.5, 2, 4, 3}, Ids{2, -1}, 4),
             {1 / (1 + std::exp(-1.0) + std::exp(-2.0)), 0});
  expectNear(*weigh(spec, Doubles{-4, -1, -2}, Ids{1, 2}, 3),
             {1 / (1 + e), 1 / (1 + std::exp(-2.0))});
}

TEST(Weigh, PNorms) {
  RouterSpec spec{.topK = 2, .normalize = {{.kind = NormKind::Lp, .param = 2}}};
  expectNear(*weigh(spec, Doubles{3, -4}, Ids{0, 1}, 2), {0.6, -0.8});
  spec.normalize[0].eps = 5;
  spec.normalize[0].epsMode = EpsMode::Add;
  expectNear(*weigh(spec, Doubles{3, -4}, Ids{0, 1}, 2), {0.3, -0.4});
}

TEST(Weigh, ScalesAreOfExperts) {
  RouterSpec spec{.topK = 2, .scale = 2};
  expectNear(*weigh(spec, Doubles{1, 2, 3}, Ids{2, 0}, 3, Doubles{10, 0, 5}),
             {30, 20});
  // Slots that are apart keep their scores.
  spec.apart = 1;
  spec.normalize = {{NormKind::L1}};
  expectNear(*weigh(spec, Doubles{1, 2, 3}, Ids{2, 0}, 3, Doubles{10, 0, 5}),
             {10, 1});
}

//===----------------------------------------------------------------------===//
// route
//===----------------------------------------------------------------------===//

TEST(Route, SoftmaxTopKL1IsTopKSoftmax) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal(0, 3);
  RouterSpec first{
      .score = ScoreFn::Softmax, .topK = 4, .normalize = {{NormKind::L1}}};
  RouterSpec last{.topK = 4, .normalize = {{NormKind::Softmax}}};
  for (int round = 0; round < 200; ++round) {
    Doubles logits(16);
    for (double &l : logits)
      l = normal(random);
    Routed a = routed(first, logits, {}, 16, core::DType::F64);
    Routed b = routed(last, logits, {}, 16, core::DType::F64);
    ASSERT_EQ(a.ids, b.ids);
    expectNear(a.weights, b.weights);
  }
}

TEST(Route, BiasSelectsAndDoesNotWeigh) {
  // As DeepSeek-V3, one group kept of two: written out by hand.
  RouterSpec spec{.score = ScoreFn::Sigmoid,
                  .hasBias = true,
                  .groups = GroupLimit{.numGroups = 2,
                                       .keep = 1,
                                       .topSum = 2,
                                       .fill = GroupFill::NegInf},
                  .topK = 2,
                  .normalize = {{NormKind::L1, 1e-20, EpsMode::Add}},
                  .scale = 2.5};
  Doubles logits = {2, 1, 0, 0, -1, 0}, bias = {0, 0, 0, 0.9, 0.95, 0};
  Routed got = routed(spec, logits, bias, 6, core::DType::F64);
  // Sums of two: 0.88 + 0.73 against 0.5 + 0.9 + 0.27 + 0.95.
  EXPECT_EQ(got.ids, (Ids{3, 4}));
  double s3 = 0.5, s4 = 1 / (1 + std::exp(1.0));
  expectNear(got.weights, {2.5 * s3 / (s3 + s4), 2.5 * s4 / (s3 + s4)});
  expectNear(got.scores, score(ScoreFn::Sigmoid, logits, 6));
}

TEST(Route, ExpertsTakeTheTokensThatScoreThemHighest) {
  RouterSpec spec{
      .topK = 2, .select = {.kind = SelectKind::ExpertTopK}, .scale = 2};
  Routed got = routed(spec, Doubles{1, 5, 2, 4, 3, 6}, {}, 2, core::DType::F64);
  EXPECT_EQ(got.ids, (Ids{2, 1, 2, 0}));
  expectNear(got.weights, {6, 4, 12, 10});
}

TEST(Route, ScoresAreRoundedBeforeAnythingReadsThem) {
  // Equal in bf16, where the first wins; Switch routes so.
  Doubles logits = {1, 1.0001};
  RouterSpec spec{.score = ScoreFn::Softmax};
  EXPECT_EQ(routed(spec, logits, {}, 2, core::DType::F32).ids, (Ids{1}));
  Routed rounded = routed(spec, logits, {}, 2, core::DType::BF16);
  EXPECT_EQ(rounded.ids, (Ids{0}));
  EXPECT_EQ(rounded.weights, (Doubles{0.5}));
  EXPECT_EQ(rounded.scores, (Doubles{0.5, 0.5}));
}

TEST(Route, ANaNLogitUnderSoftmaxLeavesTheTokenWithoutExperts) {
  RouterSpec spec{
      .score = ScoreFn::Softmax, .topK = 2, .normalize = {{NormKind::L1}}};
  Routed got =
      routed(spec, Doubles{1, nan, 3, 0, 0, 0}, {}, 3, core::DType::F32);
  EXPECT_EQ(got.ids, (Ids{-1, -1, 0, 1}));
  EXPECT_EQ(got.weights, (Doubles{0, 0, 0.5, 0.5}));
}

} // namespace
