//===- CountsTest.cpp - Running counts as places --------------------------===//
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

/// The expert and the place of a token's first pick.
struct Place {
  Place(Routing &r, Expr t)
      : expert(r.pick(t, r.f.zero())), count(r.before(t, expert, r.f.zero())) {}
  Expr expert, count;
};

TEST(Counts, EqualPlacesOfOneExpertAreOneToken) {
  Routing r(16, 8);
  Expr t = r.token(), u = r.token();
  Place a(r, t), b(r, u);
  Expr same =
      r.f.mul(r.f.equal(a.expert, b.expert), r.f.equal(a.count, b.count));
  Expr body = r.f.call("row", {u}, false);
  EXPECT_EQ(r.f.sum(u, r.f.mul(same, body)), r.f.call("row", {t}, false));
}

TEST(Counts, EqualPlacesOfAnyExpertsSayNothing) {
  Routing r(16, 8);
  Expr t = r.token(), u = r.token();
  Expr same = r.f.equal(Place(r, t).count, Place(r, u).count);
  EXPECT_TRUE(
      r.f.sum(u, r.f.mul(same, r.f.call("row", {u}, false)))->is(Kind::Sum));
}

TEST(Counts, CountsOfAllTokensAreNoPlaces) {
  Routing r(16, 8);
  Expr t = r.token(), u = r.token();
  Expr a = r.pick(t, r.f.zero()), b = r.pick(u, r.f.zero());
  Expr same = r.f.mul(r.f.equal(a, b),
                      r.f.equal(r.all(a, r.f.zero()), r.all(b, r.f.zero())));
  EXPECT_TRUE(
      r.f.sum(u, r.f.mul(same, r.f.call("row", {u}, false)))->is(Kind::Sum));
}

TEST(Counts, SecondChoicesQueueBehindTheFirst) {
  Routing r(16, 8);
  Expr t = r.token(), u = r.token(), zero = r.f.zero(), one = r.f.one();
  Expr first = r.pick(t, zero), second = r.pick(u, one);
  Expr behind = r.f.add(r.before(u, second, one), r.all(second, zero));
  EXPECT_TRUE(r.f.mul(r.f.equal(first, second),
                      r.f.equal(r.before(t, first, zero), behind))
                  ->isNumber(0));
  // Without those before it they may meet.
  EXPECT_FALSE(
      r.f.mul(r.f.equal(first, second),
              r.f.equal(r.before(t, first, zero), r.before(u, second, one)))
          ->isNumber(0));
}

TEST(Counts, RankMajorPlacesOfNamedRanks) {
  Routing r(16, 8);
  Expr t = r.token(), u = r.token();
  Expr j = r.f.variable(r.f.integer(2)), k = r.f.variable(r.f.integer(2));
  auto place = [&](Expr token, Expr rank) {
    Expr e = r.pick(token, rank), i = r.f.variable(r.f.integer(2));
    return r.f.add(r.f.sum(i, r.f.mul(r.f.less(i, rank), r.all(e, i))),
                   r.before(token, e, rank));
  };
  Expr same = r.f.mul(r.f.equal(r.pick(t, j), r.pick(u, k)),
                      r.f.equal(place(t, j), place(u, k)));
  Expr body = r.f.call("row", {u, k}, false);
  EXPECT_EQ(r.f.sum(u, r.f.sum(k, r.f.mul(same, body))),
            r.f.call("row", {t, j}, false));
}

TEST(Counts, PlacesAreBelowTheNumberOfTokens) {
  Routing r(16, 8);
  Expr t = r.token();
  EXPECT_TRUE(r.f.within(Place(r, t).count, r.tokens));
  EXPECT_FALSE(r.f.within(Place(r, t).count, r.f.integer(15)));
}

TEST(Counts, BucketsAreInjective) {
  Routing r(16, 8);
  Expr t = r.token();
  Place place(r, t);
  Expr slot = r.f.add(r.f.mul(r.f.integer(16), place.expert), place.count);
  EXPECT_TRUE(r.f.isInjective({t}, {slot}, r.f.one()));
  EXPECT_TRUE(r.f.isInjective({t}, {place.expert, place.count}, r.f.one()));
  EXPECT_FALSE(r.f.isInjective({t}, {place.expert}, r.f.one()));
  // Buckets of four: only of those that stay.
  Expr tight = r.f.add(r.f.mul(r.f.integer(4), place.expert), place.count);
  EXPECT_FALSE(r.f.isInjective({t}, {tight}, r.f.one()));
  EXPECT_TRUE(
      r.f.isInjective({t}, {tight}, r.f.less(place.count, r.f.integer(4))));
  EXPECT_FALSE(
      r.f.isInjective({t}, {tight}, r.f.less(place.count, r.f.integer(5))));
}

/// The p-th token that has expert 3.
struct List {
  explicit List(Routing &r) : f(r.f) {
    auto isHeld = [&](Expr t) {
      return f.equal(r.pick(t, f.zero()), f.integer(3));
    };
    Expr t = r.token(), o = r.token(), a = r.token();
    held = isHeld(t);
    token = t;
    length = f.sum(a, isHeld(a));
    place = f.variable(length);
    Expr count = f.sum(o, f.mul(f.less(o, t), isHeld(o)));
    entry = f.sum(t, f.mul({held, f.equal(count, place), t}));
  }
  Formulas &f;
  Expr token, held, length, place, entry;
};

TEST(Counts, AListStandsForItsMask) {
  Routing r(16, 8);
  List list(r);
  Expr over = r.f.sum(list.place, r.f.call("row", {list.entry}, false));
  EXPECT_EQ(over,
            r.f.sum(list.token,
                    r.f.mul(list.held, r.f.call("row", {list.token}, false))));
  // Rows that are added where they came from.
  Expr t = r.token();
  Expr added =
      r.f.sum(list.place, r.f.mul(r.f.equal(list.entry, t),
                                  r.f.call("row", {list.entry}, false)));
  EXPECT_EQ(added, r.f.mul(r.f.substitute(list.held, list.token, t),
                           r.f.call("row", {t}, false)));
}

TEST(Counts, AShorterListDoesNot) {
  Routing r(16, 8);
  List list(r);
  Expr few = r.f.variable(r.f.integer(3));
  Expr entry = r.f.substitute(list.entry, list.place, few);
  Expr over = r.f.sum(few, r.f.call("row", {entry}, false));
  EXPECT_TRUE(over->is(Kind::Sum));
  EXPECT_TRUE(over->args[0]->isNumber(3));
}

TEST(Counts, ASortIsNoList) {
  // Equals may be swapped by a sort, and are not by a list.
  Routing r(16, 8);
  List list(r);
  Expr t = r.token();
  Expr sorted = r.f.order(
      t, r.f.negation(r.f.substitute(list.held, list.token, t)), list.place);
  EXPECT_NE(sorted, list.entry);
}

TEST(Counts, AnInclusiveCountIsOneMore) {
  Routing r(16, 8);
  Expr t = r.token(), o = r.token();
  Place place(r, t);
  Expr upTo =
      r.f.sum(o, r.f.mul(r.f.negation(r.f.less(t, o)),
                         r.f.equal(r.pick(o, r.f.zero()), place.expert)));
  EXPECT_EQ(upTo, r.f.add(place.count, r.f.one()));
}

TEST(Counts, TheRowOfASortLessItsStartIsAPlace) {
  Routing r(16, 8);
  Expr key = r.token(), row = r.token(), n = r.token(), other = r.token();
  auto id = [&](Expr t) { return r.pick(t, r.f.zero()); };
  auto sorted = [&](Expr v) { return id(r.f.order(key, id(key), v)); };
  auto start = [&](Expr e) { return r.f.sum(n, r.f.less(id(n), e)); };
  Expr place = r.f.sub(row, start(sorted(row)));
  EXPECT_EQ(place,
            r.f.sum(other, r.f.mul(r.f.less(other, row),
                                   r.f.equal(sorted(other), sorted(row)))));
  EXPECT_TRUE(r.f.isInjective({row}, {sorted(row), place}, r.f.one()));
}

} // namespace
