//===- GuardsTest.cpp - What conditions say about other factors -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Routing.h"

#include "gtest/gtest.h"

using namespace moe::raise;
using namespace moe::test;

namespace {

TEST(Guards, AConditionIsOneInOtherFactors) {
  Routing r(16, 8);
  Expr t = r.token();
  Expr count = r.before(t, r.pick(t, r.f.zero()), r.f.zero());
  Expr stays = r.f.less(count, r.f.integer(4));
  Expr row = r.f.call("row", {t}, false);
  Expr inner = r.f.call("tanh", {r.f.mul(stays, row)}, false);
  EXPECT_EQ(r.f.mul(stays, inner),
            r.f.mul(stays, r.f.call("tanh", {row}, false)));
  Expr goes = r.f.call("tanh", {r.f.mul(r.f.negation(stays), row)}, false);
  EXPECT_EQ(r.f.mul(stays, goes),
            r.f.mul(stays, r.f.call("tanh", {r.f.zero()}, false)));
}

TEST(Guards, PicksOfOneTokenDiffer) {
  Routing r(16, 8);
  Expr t = r.token(), e = r.f.variable(r.experts);
  Expr first = r.f.equal(e, r.pick(t, r.f.zero()));
  Expr second = r.f.equal(e, r.pick(t, r.f.one()));
  EXPECT_TRUE(r.f.mul(first, second)->isNumber(0));
  Expr other = r.f.equal(e, r.pick(r.token(), r.f.one()));
  EXPECT_FALSE(r.f.mul(first, other)->isNumber(0));
}

TEST(Guards, WhatIsBelowIsNotClamped) {
  Routing r(16, 8);
  Expr t = r.token(), c = r.f.variable(r.f.integer(4));
  Expr count = r.before(t, r.pick(t, r.f.zero()), r.f.zero());
  auto clamped = [&](int64_t limit) {
    return r.f.mul(r.f.less(count, r.f.integer(4)),
                   r.f.equal(c, r.f.min(count, r.f.integer(limit))));
  };
  Expr plain = r.f.mul(r.f.less(count, r.f.integer(4)), r.f.equal(c, count));
  EXPECT_EQ(clamped(3), plain);
  EXPECT_EQ(clamped(5), plain);
  EXPECT_NE(clamped(2), plain);
}

TEST(Guards, APlaceThatANameTakesIsThere) {
  Routing r(16, 8);
  Expr t = r.token(), c = r.f.variable(r.f.integer(4));
  Expr count = r.before(t, r.pick(t, r.f.zero()), r.f.zero());
  Expr taken = r.f.equal(c, count);
  EXPECT_EQ(r.f.mul(taken, r.f.less(count, r.f.integer(4))), taken);
  EXPECT_NE(r.f.mul(taken, r.f.less(count, r.f.integer(3))), taken);
  // And a sum over the places is there only for a place that there is.
  EXPECT_EQ(r.f.sum(c, r.f.mul(taken, r.f.call("row", {c}, false))),
            r.f.mul(r.f.less(count, r.f.integer(4)),
                    r.f.call("row", {count}, false)));
}

TEST(Guards, AnyOfSeveralIsAnOr) {
  Routing r(16, 8);
  Expr t = r.token(), e = r.f.variable(r.experts);
  Expr p = r.f.exp(r.f.call("p", {t}, false));
  Expr q = r.f.sigmoid(r.f.call("q", {t}, false));
  Expr a = r.f.equal(e, r.pick(t, r.f.zero()));
  Expr b = r.f.equal(e, r.pick(t, r.f.one()));
  Expr either = r.f.less(r.f.zero(), r.f.add(r.f.mul(p, a), r.f.mul(q, b)));
  EXPECT_TRUE(either->boolean);
  EXPECT_TRUE(r.f.mul(r.f.negation(either), a)->isNumber(0));
  // What may be negative decides nothing.
  Expr x = r.f.call("x", {t}, false);
  EXPECT_TRUE(r.f.less(r.f.zero(), r.f.mul(x, a))->is(Kind::Less));
}

} // namespace
