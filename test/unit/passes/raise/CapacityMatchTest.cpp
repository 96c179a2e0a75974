//===- CapacityMatchTest.cpp - Capacities of experts in formulas ----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Routing.h"

#include "moe/passes/raise/CapacityMatch.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::raise;
using namespace moe::test;

namespace {

/// Two picks of a token, with weights of their own.
struct TopTwo : Routing {
  TopTwo() : Routing(16, 8) {
    layer.token = token();
    layer.count = 2;
    layer.pick = pick(layer.token, f.zero());
    layer.ranks = {f.zero(), f.one()};
  }
  Expr weight(unsigned rank) {
    return softmax(layer.token, pick(layer.token, f.integer(rank)));
  }
  Expr mine(unsigned rank) { return pick(layer.token, f.integer(rank)); }
  Expr tokenMajor(unsigned rank) {
    return f.add(before(layer.token, mine(rank), f.zero()),
                 before(layer.token, mine(rank), f.one()));
  }
  Expr rankMajor(unsigned rank) {
    Expr count = before(layer.token, mine(rank), f.integer(rank));
    return rank ? f.add(count, all(mine(rank), f.zero())) : count;
  }
  Expr kept(Expr place, int64_t places) {
    return f.less(place, f.integer(places));
  }
  LayerMatch layer;
};

TEST(CapacityMatch, RankMajor) {
  TopTwo r;
  for (unsigned rank : {0u, 1u})
    r.layer.weights.push_back(
        r.f.mul(r.weight(rank), r.kept(r.rankMajor(rank), 4)));
  auto match = matchCapacity(r.f, r.layer);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->places, 4);
  EXPECT_EQ(match->order, CapacityOrder::RankMajor);
  EXPECT_FALSE(match->renorm);
  EXPECT_EQ(match->weights[1], r.weight(1));
}

TEST(CapacityMatch, OnlyIfEveryRankHasIt) {
  TopTwo r;
  r.layer.weights = {r.f.mul(r.weight(0), r.kept(r.rankMajor(0), 4)),
                     r.weight(1)};
  EXPECT_FALSE(matchCapacity(r.f, r.layer));
  r.layer.weights[1] = r.f.mul(r.weight(1), r.kept(r.rankMajor(1), 5));
  EXPECT_FALSE(matchCapacity(r.f, r.layer));
  // Second choices that do not queue behind the first are no order of ours.
  Expr alone = r.before(r.layer.token, r.mine(1), r.f.one());
  r.layer.weights[1] = r.f.mul(r.weight(1), r.kept(alone, 4));
  EXPECT_FALSE(matchCapacity(r.f, r.layer));
}

TEST(CapacityMatch, TokenMajorOfNamedRanks) {
  TopTwo r;
  Expr rank = r.f.variable(r.f.integer(2)), any = r.f.variable(r.f.integer(2));
  Expr other = r.token(), mine = r.pick(r.layer.token, rank);
  Expr count = r.f.sum(
      other, r.f.mul(r.f.less(other, r.layer.token),
                     r.f.sum(any, r.f.equal(r.pick(other, any), mine))));
  r.layer.ranks = {rank};
  r.layer.weights = {r.f.mul(r.softmax(r.layer.token, mine), r.kept(count, 3))};
  auto match = matchCapacity(r.f, r.layer);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->places, 3);
  EXPECT_EQ(match->order, CapacityOrder::TokenMajor);
}

TEST(CapacityMatch, WeightsThatStayAreDivided) {
  for (bool added : {false, true}) {
    TopTwo r;
    llvm::SmallVector<Expr> stay;
    for (unsigned rank : {0u, 1u})
      stay.push_back(r.f.mul(r.weight(rank), r.kept(r.rankMajor(rank), 4)));
    Expr eps = r.f.number(1e-9), total = r.f.add(stay);
    Expr divided =
        r.f.reciprocal(added ? r.f.add(total, eps) : r.f.max(total, eps));
    for (Expr weight : stay)
      r.layer.weights.push_back(r.f.mul(weight, divided));
    auto match = matchCapacity(r.f, r.layer);
    ASSERT_TRUE(match);
    ASSERT_TRUE(match->renorm);
    EXPECT_EQ(match->renorm->eps, 1e-9);
    EXPECT_EQ(match->renorm->epsMode,
              added ? semantics::EpsMode::Add : semantics::EpsMode::Max);
    EXPECT_EQ(match->weights[0], r.weight(0));
  }
}

} // namespace
