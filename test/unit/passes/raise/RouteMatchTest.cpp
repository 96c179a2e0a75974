//===- RouteMatchTest.cpp - Routers in formulas ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Routing.h"

#include "moe/passes/raise/RouteMatch.h"

#include "gtest/gtest.h"

#include <limits>

using namespace moe;
using namespace moe::raise;
using namespace moe::test;
using semantics::NormKind;
using semantics::ScoreFn;

namespace {

struct Router : Routing {
  Router() : Routing(16, 8), t(token()), rank(f.variable(f.integer(2))) {}

  using Score = llvm::function_ref<Expr(Expr expert)>;
  /// The expert with the rank-th highest selection score.
  Expr picked(Score selection, Expr at) {
    Expr e = f.variable(experts);
    return f.pick(e, selection(e), at);
  }
  /// Scores of the first `count` picks, summed.
  Expr total(Score selection, Score score, int64_t count = 2) {
    Expr r = f.variable(f.integer(count));
    return f.sum(r, score(picked(selection, r)));
  }
  std::optional<RouteMatch> match(Score selection, Expr weight) {
    return matchRoute(f, picked(selection, f.zero()), t, 2, rank, weight);
  }

  Expr t, rank;
};

TEST(RouteMatch, SoftmaxThenTopKOfOne) {
  Router r;
  auto score = [&](Expr e) { return r.softmax(r.t, e); };
  Expr mine = score(r.picked(score, r.rank));
  Expr whole = r.total(score, score);
  auto match = r.match(score, r.f.mul(mine, r.f.reciprocal(whole)));
  ASSERT_TRUE(match);
  EXPECT_EQ(match->spec.score, ScoreFn::Softmax);
  EXPECT_EQ(match->logits, r.logit(r.t, match->expert));
  ASSERT_TRUE(match->hasWeights);
  ASSERT_EQ(match->spec.normalize.size(), 1u);
  EXPECT_EQ(match->spec.normalize[0].kind, NormKind::L1);
  EXPECT_EQ(match->spec.normalize[0].eps, 0);
  // Divided by what three picks sum to, two picks do not sum to one.
  Expr three = r.total(score, score, 3);
  match = r.match(score, r.f.mul(mine, r.f.reciprocal(three)));
  ASSERT_TRUE(match);
  EXPECT_FALSE(match->hasWeights);
}

TEST(RouteMatch, AnEpsilonIsAddedAndPositive) {
  Router r;
  auto score = [&](Expr e) { return r.softmax(r.t, e); };
  Expr mine = score(r.picked(score, r.rank));
  auto with = [&](Expr divisor) {
    return r.match(score, r.f.mul(mine, r.f.reciprocal(divisor)));
  };
  Expr whole = r.total(score, score);
  auto match = with(r.f.add(whole, r.f.number(1e-9)));
  ASSERT_TRUE(match && match->hasWeights);
  EXPECT_EQ(match->spec.normalize[0].eps, 1e-9);
  EXPECT_EQ(match->spec.normalize[0].epsMode, semantics::EpsMode::Add);
  match = with(r.f.max(whole, r.f.number(1e-9)));
  ASSERT_TRUE(match && match->hasWeights);
  EXPECT_EQ(match->spec.normalize[0].epsMode, semantics::EpsMode::Max);
  match = with(r.f.add(whole, r.f.number(-1e-9)));
  ASSERT_TRUE(match);
  EXPECT_FALSE(match->hasWeights);
}

TEST(RouteMatch, ABiasPicksAndDoesNotWeigh) {
  Router r;
  auto score = [&](Expr e) { return r.f.sigmoid(r.logit(r.t, e)); };
  auto biased = [&](Expr e) {
    return r.f.add(score(e), r.f.call("bias", {e}, false));
  };
  auto match = r.match(biased, score(r.picked(biased, r.rank)));
  ASSERT_TRUE(match);
  EXPECT_EQ(match->spec.score, ScoreFn::Sigmoid);
  EXPECT_TRUE(match->spec.hasBias);
  EXPECT_EQ(match->bias, r.f.call("bias", {match->expert}, false));
  EXPECT_TRUE(match->hasWeights);
  // A bias of the token is none; and one that weighs is another router.
  auto moved = [&](Expr e) {
    return r.f.add(score(e), r.f.call("bias", {r.t, e}, false));
  };
  match = r.match(moved, score(r.picked(moved, r.rank)));
  EXPECT_FALSE(match && (match->spec.hasBias || match->hasWeights));
  match = r.match(biased, biased(r.picked(biased, r.rank)));
  EXPECT_FALSE(match && match->spec.hasBias && match->hasWeights);
}

TEST(RouteMatch, PicksByLogitsWeighedByTheirSoftmax) {
  Router r;
  auto logit = [&](Expr e) { return r.logit(r.t, e); };
  // Over the picks.
  Expr other = r.f.variable(r.f.integer(2));
  Expr overPicks = r.f.softmax(other, logit(r.picked(logit, other)), r.rank);
  auto match = r.match(logit, overPicks);
  ASSERT_TRUE(match && match->hasWeights);
  EXPECT_EQ(match->spec.score, ScoreFn::Identity);
  EXPECT_EQ(match->spec.normalize[0].kind, NormKind::Softmax);
  // Over all experts: the score, since it keeps the order.
  match = r.match(logit, r.softmax(r.t, r.picked(logit, r.rank)));
  ASSERT_TRUE(match && match->hasWeights);
  EXPECT_EQ(match->spec.score, ScoreFn::Softmax);
  EXPECT_TRUE(match->spec.normalize.empty());
  // A softmax of another token's logits is neither.
  match = r.match(logit, r.softmax(r.token(), r.picked(logit, r.rank)));
  EXPECT_FALSE(match && match->hasWeights);
}

TEST(RouteMatch, OneListOfStepsForAllRanks) {
  Router r;
  auto score = [&](Expr e) { return r.softmax(r.t, e); };
  auto at = [&](int64_t rank) {
    return score(r.picked(score, r.f.integer(rank)));
  };
  Expr ranks[] = {r.f.integer(0), r.f.integer(1)};
  auto match = [&](double second) {
    Expr weights[] = {r.f.mul(r.f.number(2), at(0)),
                      r.f.mul(r.f.number(second), at(1))};
    return matchRoute(r.f, r.picked(score, r.f.zero()), r.t, 2, ranks, weights);
  };
  auto same = match(2);
  ASSERT_TRUE(same && same->hasWeights);
  EXPECT_EQ(same->spec.scale, 2);
  auto differ = match(3);
  ASSERT_TRUE(differ);
  EXPECT_FALSE(differ->hasWeights);
}

/// Four groups of two, of which two are kept, by the sum of their scores.
struct Grouped : Router {
  Expr groupScore(Expr group) {
    Expr first = f.mul(f.integer(2), group);
    auto member = [&](Expr m) { return softmax(t, f.add(first, m)); };
    Expr top = f.variable(f.integer(2)), m = f.variable(f.integer(2));
    return f.sum(top, member(f.pick(m, member(m), top)));
  }
  std::optional<RouteMatch> match(int64_t sizeInMask, double fill) {
    auto selection = [&](Expr e) {
      Expr kept = f.variable(f.integer(2)), g = f.variable(f.integer(4));
      Expr mask = f.equal(f.pick(g, groupScore(g), kept),
                          f.quotient(e, f.integer(sizeInMask)));
      return f.select(f.sum(kept, mask), softmax(t, e), f.number(fill));
    };
    return matchRoute(f, picked(selection, f.zero()), t, 2, {}, {});
  }
};

TEST(RouteMatch, GroupsAreThoseOfTheScoresAndTheRestIsNeverPicked) {
  Grouped r;
  const double never = -std::numeric_limits<double>::infinity();
  auto match = r.match(2, never);
  ASSERT_TRUE(match && match->spec.groups);
  EXPECT_EQ(match->spec.groups->numGroups, 4);
  EXPECT_EQ(match->spec.groups->keep, 2);
  EXPECT_EQ(match->spec.groups->topSum, 2);
  EXPECT_EQ(match->spec.score, ScoreFn::Softmax);
  // A mask over groups of another size than the scores are of.
  match = r.match(4, never);
  EXPECT_FALSE(match && match->spec.groups);
  // Experts of other groups that can still be picked.
  match = r.match(2, -1);
  EXPECT_FALSE(match && match->spec.groups);
}

TEST(RouteMatch, ExpertsThatChoose) {
  Router r;
  Expr e = r.f.variable(r.experts), name = r.token();
  Expr chosen = r.f.pick(name, r.softmax(name, e), r.f.zero());
  auto match = matchExpertsRoute(r.f, chosen, r.t, e, 4, r.softmax(chosen, e));
  ASSERT_TRUE(match);
  EXPECT_EQ(match->spec.select.kind, semantics::SelectKind::ExpertTopK);
  EXPECT_EQ(match->spec.score, ScoreFn::Softmax);
  EXPECT_EQ(match->logits, r.logit(r.t, e));
  EXPECT_TRUE(match->hasWeights);
  // The weight of a token that was not chosen.
  match = matchExpertsRoute(r.f, chosen, r.t, e, 4, r.softmax(r.t, e));
  ASSERT_TRUE(match);
  EXPECT_FALSE(match->hasWeights);
}

} // namespace
