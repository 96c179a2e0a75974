//===- RowsTest.cpp - Reference of group, dispatch and combine --*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The roundings of combine are held to the machine's own float arithmetic.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Rows.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace moe;
using namespace moe::reference;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Doubles = std::vector<double>;
using Ids = std::vector<int32_t>;

/// Equal element by element, a NaN to any NaN.
void expectSame(const Doubles &got, const Doubles &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(got[i])) << i << ": " << got[i];
    else
      EXPECT_EQ(got[i], want[i]) << i;
}

// Token 0 goes to experts 1 and 0, token 1 to none, token 2 to 1 alone.
const Ids someIds = {1, 0, -1, -1, -1, 1};
const Doubles someRows = {10, 20, 30, 40, 50, 60, nan, nan, nan, nan, nan, nan};

TEST(Rows, GroupAnswersBadIdsWithAnError) {
  auto good = group(someIds, 2);
  ASSERT_TRUE(bool(good));
  EXPECT_EQ(good->offsets, (Ids{0, 1, 3}));
  auto bad = group(someIds, 1);
  ASSERT_FALSE(bool(bad));
  EXPECT_EQ(bad.error().id, core::ErrorId::IdOutOfRange);
  EXPECT_EQ(bad.error().message, "expects ids in [-1, 1), got 1 at slot 0");
}

TEST(Rows, TokensOfRows) {
  EXPECT_EQ(tokenOfRow(*group(someIds, 2), 2), (Ids{0, 0, 2, -1, -1, -1}));
}

TEST(Rows, DispatchGathersByExpert) {
  plan::Groups groups = *group(someIds, 2);
  Doubles x = {1, 2, 3, 4, 5, 6};
  expectSame(dispatch(groups, 2, x, 2),
             {1, 2, 1, 2, 5, 6, nan, nan, nan, nan, nan, nan});
  // By slot: row 0 is slot (0, 1), row 1 slot (0, 0), row 2 slot (2, 1).
  Doubles scale = {0.5, 3, nan, nan, nan, 7};
  expectSame(dispatch(groups, 2, x, 2, scale),
             {3, 6, 0.5, 1, 35, 42, nan, nan, nan, nan, nan, nan});
  EXPECT_TRUE(dispatch(*group({}, 2), 2, {}, 2).empty());
}

TEST(Rows, CombineSumsTheRowsOfAToken) {
  plan::Groups groups = *group(someIds, 2);
  CombineSpec spec{.numTokens = 3, .topK = 2, .width = 2};
  expectSame(combine(spec, groups, someRows, {}, {}), {40, 60, 0, 0, 50, 60});
  Doubles weights = {0.5, 2, nan, nan, nan, 3};
  expectSame(combine(spec, groups, someRows, weights, {}),
             {35, 60, 0, 0, 150, 180});
  Doubles init = {1, 2, 3, 4, 5, 6};
  expectSame(combine(spec, groups, someRows, weights, init),
             {36, 62, 3, 4, 155, 186});
  EXPECT_TRUE(
      combine({.topK = 2, .width = 2}, *group({}, 2), {}, {}, {}).empty());
}

// Expert 0 picks tokens 2 and 0, expert 1 token 2 alone, expert 2 token 0 last.
const Ids somePicks = {2, 0, /**/ 2, -1, /**/ -1, 0};

TEST(Rows, PicksAreGroupedByTheirExperts) {
  auto groups = groupPicks(somePicks, 3, 3);
  ASSERT_TRUE(bool(groups));
  EXPECT_EQ(groups->numExperts, 3);
  EXPECT_EQ(groups->offsets, (Ids{0, 2, 3, 4}));
  EXPECT_EQ(groups->slotOfRow, (Ids{0, 1, 2, 5, -1, -1}));
  EXPECT_EQ(groups->rowOfSlot, (Ids{0, 1, 2, -1, -1, 3}));
  auto bad = groupPicks(somePicks, 3, 2);
  ASSERT_FALSE(bool(bad));
  EXPECT_EQ(bad.error().id, core::ErrorId::IdOutOfRange);
  EXPECT_EQ(bad.error().message, "expects ids in [-1, 2), got 2 at slot 0");
}

TEST(Rows, PicksAreDispatchedAndCombinedByTheirTokens) {
  plan::Groups groups = *groupPicks(somePicks, 3, 3);
  Doubles x = {1, 2, 3, 4, 5, 6};
  expectSame(dispatchPicks(groups, somePicks, x, 2),
             {5, 6, 1, 2, 5, 6, 1, 2, nan, nan, nan, nan});
  Doubles weights = {2, 3, 10, nan, nan, 0.5};
  expectSame(dispatchPicks(groups, somePicks, x, 2, weights),
             {10, 12, 3, 6, 50, 60, 0.5, 1, nan, nan, nan, nan});

  Doubles rows = {10, 20, 30, 40, 50, 60, 70, 80, nan, nan, nan, nan};
  CombineSpec spec{.numTokens = 3, .width = 2};
  expectSame(combinePicks(spec, groups, somePicks, rows, {}, {}),
             {100, 120, 0, 0, 60, 80});
  Doubles init = {1, 2, 3, 4, 5, 6};
  expectSame(combinePicks(spec, groups, somePicks, rows, weights, init),
             {1 + 90 + 35, 2 + 120 + 40, 3, 4, 5 + 20 + 500, 6 + 40 + 600});
  // In the order of experts, rounded as combine's are: 256 + 1 -> 256, and
  // 1.0078125 * 129 = 130.008 -> 130.
  plan::Groups two = *groupPicks(Ids{0, 0}, 2, 1);
  spec = {.numTokens = 1, .width = 1, .acc = core::DType::BF16};
  expectSame(combinePicks(spec, two, Ids{0, 0}, Doubles{1, 256}, {}, {}),
             {256});
  expectSame(combinePicks(spec, two, Ids{0, 0}, Doubles{129, 0},
                          Doubles{1.0078125, 0}, Doubles{257}),
             {386});
}

TEST(Rows, LayoutsMoveRowsAndNotTokens) {
  using Kind = plan::Layout::Kind;
  Doubles x = {1, 2, 3, 4, 5, 6}, scale = {0.5, 3, nan, nan, nan, 7};
  for (plan::Layout layout :
       {plan::Layout{Kind::Ragged, 0}, plan::Layout{Kind::Aligned, 4},
        plan::Layout{Kind::Padded, 2}, plan::Layout{Kind::Dense, 0}}) {
    plan::Groups groups = *group(someIds, 2, 2, layout);
    Doubles rows = dispatch(groups, 2, x, 2, scale);
    ASSERT_EQ(rows.size(), groups.slotOfRow.size() * 2);
    CombineSpec spec{.numTokens = 3, .topK = 2, .width = 2};
    expectSame(combine(spec, groups, rows, {}, {}), {3.5, 7, 0, 0, 35, 42});
  }
  auto full = group(Ids{0, 0}, 2, 1, {Kind::Padded, 1});
  ASSERT_FALSE(bool(full));
  EXPECT_EQ(full.error().id, core::ErrorId::IdOutOfRange);
}

TEST(Rows, CombineRoundsInTheStatedOrder) {
  std::mt19937 random(17);
  std::normal_distribution<double> normal;
  const int64_t numTokens = 40, topK = 4, width = 3, numExperts = 6;
  auto floats = [&](int64_t size) {
    Doubles list(size);
    for (double &v : list)
      v = float(normal(random));
    return list;
  };
  Ids ids(numTokens * topK);
  for (int32_t &id : ids)
    id = int32_t(random() % (numExperts + 1)) - 1;
  plan::Groups groups = *group(ids, numExperts);
  Doubles rows = floats(ids.size() * width), weights = floats(ids.size());
  Doubles init = floats(numTokens * width);

  int64_t ordersDiffer = 0;
  CombineSpec spec{numTokens, topK, width, core::DType::F32};
  for (CombineOrder order :
       {CombineOrder::Slot, CombineOrder::Expert, CombineOrder::Any}) {
    Doubles want;
    for (int64_t t = 0; t < numTokens; ++t) {
      Ids slots;
      for (int64_t j = 0; j < topK; ++j)
        slots.push_back(int32_t(t * topK + j));
      if (order == CombineOrder::Expert)
        std::sort(slots.begin(), slots.end(), [&](int32_t a, int32_t b) {
          return std::pair(ids[a], a) < std::pair(ids[b], b);
        });
      for (int64_t h = 0; h < width; ++h) {
        float sum = float(init[t * width + h]);
        for (int32_t slot : slots)
          if (int64_t row = groups.rowOfSlot[slot]; row >= 0) {
            float product = float(weights[slot]) * float(rows[row * width + h]);
            sum = sum + product;
          }
        want.push_back(sum);
      }
    }
    spec.order = order;
    Doubles got = combine(spec, groups, rows, weights, init);
    expectSame(got, want);
    spec.order = CombineOrder::Slot;
    ordersDiffer += got != combine(spec, groups, rows, weights, init);
  }
  // Only Expert is another order, and its bits show it.
  EXPECT_EQ(ordersDiffer, 1);
}

TEST(Rows, CombineRoundsInitAndProducts) {
  plan::Groups groups = *group(Ids{0}, 1);
  CombineSpec spec{1, 1, 1, core::DType::BF16};
  // bf16 has 8 significant bits: 257 -> 256, 1.0078125 * 129 = 130.008 -> 130.
  expectSame(combine(spec, groups, Doubles{129}, Doubles{1.0078125}, {}),
             {130});
  expectSame(combine(spec, groups, Doubles{0}, {}, Doubles{257}), {256});
  // 256 + 1 -> 256 in every partial sum.
  plan::Groups two = *group(Ids{0, 0}, 1);
  spec.topK = 2;
  expectSame(combine(spec, two, Doubles{1, 1}, {}, Doubles{256}), {256});
  spec.acc = core::DType::F64;
  expectSame(combine(spec, two, Doubles{1, 1}, {}, Doubles{256}), {258});
}

} // namespace
