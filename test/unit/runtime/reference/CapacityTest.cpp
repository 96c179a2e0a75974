//===- CapacityTest.cpp - How many rows an expert takes -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Routing.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace moe;
using namespace moe::reference;
using namespace moe::semantics;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Doubles = std::vector<double>;
using Ids = std::vector<int32_t>;

void expectNear(const Doubles &got, const Doubles &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 4e-15 * std::abs(want[i])) << i;
}

/// Equal element by element, a NaN to any NaN.
void expectSame(const Doubles &got, const Doubles &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(got[i])) << i << ": " << got[i];
    else
      EXPECT_EQ(got[i], want[i]) << i;
}

core::Result<Capped> capped(const Ids &ids, const Doubles &weights,
                            int64_t numTokens, int64_t topK, int64_t cap,
                            CapacityOrder order) {
  return capacity({.limit = {.minimum = cap}, .order = order}, ids, weights,
                  numTokens, topK);
}

TEST(Capacity, OrdersDiffer) {
  // Two tokens, two choices each, one place an expert.
  Ids ids = {0, 1, 1, 0};
  Doubles weights = {0.75, 0.25, 0.625, 0.375};
  Capped token = *capped(ids, weights, 2, 2, 1, CapacityOrder::TokenMajor);
  EXPECT_EQ(token.ids, (Ids{0, 1, -1, -1}));
  EXPECT_EQ(token.weights, (Doubles{0.75, 0.25, 0, 0}));
  Capped rank = *capped(ids, weights, 2, 2, 1, CapacityOrder::RankMajor);
  EXPECT_EQ(rank.ids, (Ids{0, -1, 1, -1}));
  EXPECT_EQ(rank.weights, (Doubles{0.75, 0, 0.625, 0}));
}

TEST(Capacity, KeepsTheFirstOfEachExpert) {
  // The definition, by ranks: a slot stays when fewer than cap slots of its
  // expert come before it.
  std::mt19937 random(13);
  for (int round = 0; round < 2000; ++round) {
    int64_t numTokens = random() % 12, topK = 1 + random() % 3;
    int64_t cap = 1 + random() % 4;
    Ids ids(numTokens * topK);
    Doubles weights(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      ids[i] = int32_t(random() % 4) - 1;
      weights[i] = double(i + 1);
    }
    for (CapacityOrder order :
         {CapacityOrder::TokenMajor, CapacityOrder::RankMajor}) {
      auto place = [&](int64_t slot) {
        int64_t t = slot / topK, j = slot % topK;
        return order == CapacityOrder::TokenMajor ? std::pair(t, j)
                                                  : std::pair(j, t);
      };
      Ids wantIds = ids;
      Doubles wantWeights = weights;
      for (int64_t slot = 0; slot < int64_t(ids.size()); ++slot) {
        int64_t before = 0;
        for (int64_t other = 0; other < int64_t(ids.size()); ++other)
          before += ids[other] == ids[slot] && place(other) < place(slot);
        if (ids[slot] == -1 || before >= cap) {
          wantIds[slot] = -1;
          wantWeights[slot] = 0;
        }
      }
      auto got = capped(ids, weights, numTokens, topK, cap, order);
      ASSERT_TRUE(bool(got));
      ASSERT_EQ(got->ids, wantIds);
      ASSERT_EQ(got->weights, wantWeights);
    }
  }
}

TEST(Capacity, RefusesIdsBelowMinusOne) {
  auto result =
      capped(Ids{0, -2}, Doubles{1, 1}, 1, 2, 1, CapacityOrder::TokenMajor);
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(result.error().id, core::ErrorId::IdOutOfRange);
  EXPECT_EQ(result.error().message,
            "expects ids of at least -1, got -2 at slot 1");
  EXPECT_FALSE(
      bool(capped({-2, 0}, {1, 1}, 1, 2, 1, CapacityOrder::TokenMajor)));
}

TEST(Capacity, ValuesSayWhoComesFirst) {
  Ids ids = {0, 1, 0, 1, 0, 1};
  Doubles weights = {1, 5, 3, 5, 2, 9};
  CapacitySpec spec{.limit = {.minimum = 1}, .order = CapacityOrder::Weight};
  EXPECT_EQ(capacity(spec, ids, weights, 3, 2)->ids,
            (Ids{-1, -1, 0, -1, -1, 1}));
  spec.order = CapacityOrder::Priority;
  Doubles priority = {nan, 1, 1};
  CapacityOperands operands{.priority = priority};
  EXPECT_EQ(capacity(spec, ids, weights, 3, 2, operands)->ids,
            (Ids{-1, -1, 0, 1, -1, -1}));
}

TEST(Capacity, AScopeHasPlacesOfItsOwn) {
  CapacitySpec spec{.limit = {.minimum = 1}, .scope = 2};
  Ids ids = {0, 0, 0, 0, 0};
  EXPECT_EQ(capacity(spec, ids, Doubles(5, 1), 5, 1)->ids,
            (Ids{0, -1, 0, -1, 0}));
  // A share is of the scope's tokens.
  spec.limit = {.numerator = 1, .denominator = 1};
  EXPECT_EQ(capacity(spec, ids, Doubles(5, 1), 5, 1)->ids, ids);
}

/// Who comes first, lowest: a slot, and before it what the order goes by. A NaN
/// comes after every number.
std::vector<double> claim(const CapacitySpec &spec, const Doubles &weights,
                          const Doubles &priority, int64_t slot, int64_t topK) {
  auto descending = [](double value) {
    return std::isnan(value) ? std::numeric_limits<double>::infinity() : -value;
  };
  const double rank = double(slot % topK), last = double(slot);
  switch (spec.order) {
  case CapacityOrder::TokenMajor:
    return {last};
  case CapacityOrder::RankMajor:
    return {rank, last};
  case CapacityOrder::Priority:
    return {rank, descending(priority[slot / topK]), last};
  case CapacityOrder::Weight:
    return {descending(weights[slot]), last};
  }
  return {};
}

TEST(Capacity, FollowsItsDefinition) {
  // Every slot on its own: who of its expert and scope comes before it?
  std::mt19937 random(29);
  const int64_t numExperts = 4;
  int64_t dropped = 0, recycled = 0;
  for (int round = 0; round < 4000; ++round) {
    const int64_t numTokens = random() % 9, topK = 1 + random() % 3;
    auto coarse = [&] { return random() % 8 ? double(random() % 5) / 4 : nan; };
    Ids ids(numTokens * topK);
    Doubles weights(ids.size()), priority(numTokens);
    for (int32_t &id : ids)
      id = int32_t(random() % (numExperts + 1)) - 1;
    std::generate(weights.begin(), weights.end(), coarse);
    std::generate(priority.begin(), priority.end(), coarse);
    CapacitySpec spec{.limit = {.minimum = 1 + int64_t(random() % 3)},
                      .order = CapacityOrder(random() % 4),
                      .scope = random() % 2 ? int64_t(random() % 5) : 0};
    if (random() % 2) {
      spec.limit.numerator = 1;
      spec.limit.denominator = 1 + random() % 3;
    }
    spec.recycle = spec.scope == 0 && spec.order <= CapacityOrder::RankMajor &&
                   random() % 2;
    const int64_t tokens = spec.scope ? spec.scope : numTokens;
    const int64_t cap = capacityOf(spec.limit, tokens);

    Ids wantIds = ids;
    Doubles wantWeights = weights;
    std::vector<int64_t> taken(numExperts, 0), left;
    for (int64_t slot = 0; slot < int64_t(ids.size()); ++slot) {
      int64_t before = 0;
      for (int64_t other = 0; other < int64_t(ids.size()); ++other)
        before += ids[other] == ids[slot] &&
                  (spec.scope == 0 ||
                   other / topK / spec.scope == slot / topK / spec.scope) &&
                  claim(spec, weights, priority, other, topK) <
                      claim(spec, weights, priority, slot, topK);
      if (ids[slot] >= 0 && before < cap) {
        ++taken[ids[slot]];
        continue;
      }
      if (ids[slot] >= 0)
        left.push_back(slot);
      wantIds[slot] = -1;
      wantWeights[slot] = 0;
    }
    dropped += left.size();

    // Every place and two that are none, shuffled.
    Ids places(numExperts * cap + 2);
    for (size_t i = 0; i < places.size(); ++i)
      places[i] = int32_t(i) - 1;
    std::shuffle(places.begin(), places.end(), random);
    if (random() % 2)
      places.resize(random() % places.size());
    Doubles scores(numTokens * numExperts);
    for (size_t i = 0; i < scores.size(); ++i)
      scores[i] = double(i) + 0.5;
    if (spec.recycle) {
      auto next = left.begin();
      for (int32_t place : places)
        if (next != left.end() && place >= 0 && place < numExperts * cap &&
            place % cap >= taken[place / cap]) {
          wantIds[*next] = int32_t(place / cap);
          wantWeights[*next] = scores[*next / topK * numExperts + place / cap];
          ++recycled;
          ++next;
        }
    }

    CapacityOperands operands{.priority = priority,
                              .places = places,
                              .scores = scores,
                              .numExperts = numExperts};
    auto got = capacity(spec, ids, weights, numTokens, topK, operands);
    ASSERT_TRUE(bool(got));
    ASSERT_EQ(got->ids, wantIds) << "round " << round;
    expectSame(got->weights, wantWeights);
  }
  // The rounds were about what they are for.
  EXPECT_GT(dropped, 2000);
  EXPECT_GT(recycled, 200);
}

TEST(Capacity, WeightsThatStayAreDividedByTheirNorm) {
  CapacitySpec spec{.limit = {.minimum = 1},
                    .renorm = NormStep{.kind = NormKind::L1}};
  expectNear(
      capacity(spec, Ids{0, 1, 0, 2}, Doubles{1, 3, 1, 3}, 2, 2)->weights,
      {0.25, 0.75, 0, 1});
  // Of three tokens that keep all, some and nothing.
  spec.limit.minimum = 2;
  expectNear(
      capacity(spec, Ids{0, 1, 1, 0, 0, 1}, Doubles{1, 1, 3, 5, 7, 9}, 3, 2)
          ->weights,
      {0.5, 0.5, 3 / 8.0, 5 / 8.0, 0, 0});
}

TEST(Capacity, DroppedSlotsTakeFreePlaces) {
  // Two places an expert; expert 0 is full, 1 has one taken.
  CapacitySpec spec{.limit = {.minimum = 2}, .recycle = true};
  Ids ids = {0, 0, 0, 1, 0}, places = {7, 0, 3, -1, 4};
  Doubles scores;
  for (int i = 0; i < 15; ++i)
    scores.push_back(i);
  CapacityOperands operands{
      .places = places, .scores = scores, .numExperts = 3};
  auto got = capacity(spec, ids, Doubles(5, 100), 5, 1, operands);
  EXPECT_EQ(got->ids, (Ids{0, 0, 1, 1, 2}));
  expectNear(got->weights, {100, 100, 7, 100, 14});
}

} // namespace
