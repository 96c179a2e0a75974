//===- GroupsTest.cpp - Ragged groups of rows -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/plan/Groups.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>

using namespace moe::plan;

namespace {

/// The definition: the slots that have an expert, stably sorted by it.
void expectSorted(const std::vector<int32_t> &ids, int64_t numExperts) {
  Groups groups;
  ASSERT_EQ(makeGroups(ids, numExperts, groups), std::nullopt);
  std::vector<int32_t> slots;
  for (size_t slot = 0; slot < ids.size(); ++slot)
    if (ids[slot] != -1)
      slots.push_back(static_cast<int32_t>(slot));
  std::sort(slots.begin(), slots.end(), [&](int32_t a, int32_t b) {
    return std::pair(ids[a], a) < std::pair(ids[b], b);
  });
  std::vector<int32_t> offsets, rowOfSlot(ids.size(), -1);
  for (int64_t e = 0; e <= numExperts; ++e)
    offsets.push_back(static_cast<int32_t>(
        std::count_if(ids.begin(), ids.end(),
                      [&](int32_t id) { return id >= 0 && id < e; })));
  for (size_t row = 0; row < slots.size(); ++row)
    rowOfSlot[slots[row]] = static_cast<int32_t>(row);
  slots.resize(ids.size(), -1);
  EXPECT_EQ(groups.numExperts, numExperts);
  EXPECT_EQ(groups.offsets, offsets);
  EXPECT_EQ(groups.slotOfRow, slots);
  EXPECT_EQ(groups.rowOfSlot, rowOfSlot);
}

TEST(Groups, SortsSlotsByExpert) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    int64_t numExperts = 1 + random() % 9;
    std::vector<int32_t> ids(random() % 40);
    for (int32_t &id : ids)
      id = static_cast<int32_t>(random() % (numExperts + 1)) - 1;
    expectSorted(ids, numExperts);
  }
}

TEST(Groups, Corners) {
  expectSorted({}, 3);
  expectSorted({-1, -1, -1, -1}, 2);
  expectSorted({2, 2, 2, 2, 2}, 4);
  expectSorted({0, -1, 0}, 1);
}

TEST(Groups, AFormerContentIsForgotten) {
  Groups groups;
  ASSERT_EQ(makeGroups(std::vector<int32_t>{3, 1, 2, 3}, 4, groups),
            std::nullopt);
  ASSERT_EQ(makeGroups(std::vector<int32_t>{0}, 1, groups), std::nullopt);
  EXPECT_EQ(groups.offsets, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(groups.slotOfRow, (std::vector<int32_t>{0}));
  EXPECT_EQ(groups.rowOfSlot, (std::vector<int32_t>{0}));
}

TEST(Groups, RefusesIdsOutOfRange) {
  Groups groups;
  EXPECT_EQ(makeGroups(std::vector<int32_t>{0, 7, -1, 8}, 8, groups),
            "expects ids in [-1, 8), got 8 at slot 3");
  EXPECT_EQ(makeGroups(std::vector<int32_t>{-2}, 8, groups),
            "expects ids in [-1, 8), got -2 at slot 0");
}

TEST(Groups, RefusesMoreSlotsThanRowsCanBeNumbered) {
  // Nothing of such a span is read.
  Groups groups;
  int32_t id = 0;
  EXPECT_EQ(makeGroups({&id, size_t(1) << 31}, 8, groups),
            "expects fewer than 2^31 slots, got 2147483648");
}

TEST(Groups, OffsetsAreVerified) {
  auto text = [](std::vector<int32_t> offsets, int64_t numRows) {
    return verifyOffsets(offsets, numRows).value_or("");
  };
  EXPECT_EQ(text({0, 2, 2, 5}, 5), "");
  EXPECT_EQ(text({0, 2, 2, 5}, 6), "");
  EXPECT_EQ(text({0}, 0), "");
  EXPECT_EQ(text({}, 5), "expects offsets that start at 0, got none");
  EXPECT_EQ(text({1, 2}, 5), "expects offsets that start at 0, got 1");
  EXPECT_EQ(text({0, -1}, 5),
            "expects offsets that never descend, got -1 after "
            "0 at position 1");
  EXPECT_EQ(text({0, 4, 3, 5}, 5),
            "expects offsets that never descend, got 3 after 4 at position 2");
  EXPECT_EQ(text({0, 2, 6}, 5),
            "expects offsets within the 5 rows, got 6 as the last");
}

using Kind = Layout::Kind;

TEST(Groups, BoundsOfLayouts) {
  EXPECT_EQ(rowBound({Kind::Ragged, 0}, 7, 3, 5), 21);
  EXPECT_EQ(rowBound({Kind::Aligned, 4}, 7, 3, 5), 36); // 21 + 15
  EXPECT_EQ(rowBound({Kind::Aligned, 8}, 7, 3, 5), 56); // 21 + 35
  EXPECT_EQ(rowBound({Kind::Aligned, 8}, 7, 3, 4), 56); // 21 + 28 = 49, up
  EXPECT_EQ(rowBound({Kind::Aligned, 1}, 7, 3, 5), 21);
  EXPECT_EQ(rowBound({Kind::Padded, 4}, 7, 3, 5), 20);
  EXPECT_EQ(rowBound({Kind::Dense, 0}, 7, 3, 5), 35);
  const int64_t huge = int64_t(1) << 62;
  EXPECT_EQ(rowBound({Kind::Ragged, 0}, huge, 2, 1), std::nullopt);
  EXPECT_EQ(rowBound({Kind::Aligned, 2}, huge, 2, 1), std::nullopt);
  EXPECT_EQ(rowBound({Kind::Aligned, huge}, 1, 1, 8), std::nullopt);
  EXPECT_EQ(rowBound({Kind::Padded, huge}, 1, 1, 2), std::nullopt);
  EXPECT_EQ(rowBound({Kind::Dense, 0}, huge, 1, 2), std::nullopt);
}

/// Experts 2, 0 and 1, none, of three tokens.
static Groups makeLayout(Layout layout) {
  Groups groups;
  EXPECT_EQ(
      makeGroups(std::vector<int32_t>{2, 0, 1, -1, 2, 0}, 2, 3, layout, groups),
      std::nullopt);
  return groups;
}

TEST(Groups, AlignedRowsBeginAtMultiples) {
  Groups groups = makeLayout({Kind::Aligned, 4});
  EXPECT_EQ(groups.offsets, (std::vector<int32_t>{0, 4, 8, 12}));
  EXPECT_EQ(groups.rowOfSlot, (std::vector<int32_t>{8, 0, 4, -1, 9, 1}));
  EXPECT_EQ(groups.slotOfRow,
            (std::vector<int32_t>{1, 5, -1, -1, 2, -1, -1, -1, 0, 4, -1, -1, -1,
                                  -1, -1, -1}));
}

TEST(Groups, FullAlignedRowsHaveNoPadding) {
  Groups groups;
  ASSERT_EQ(makeGroups(std::vector<int32_t>{0, 0, 0, 0, 1, 1, 1, 1, 1}, 1, 3,
                       {Kind::Aligned, 4}, groups),
            std::nullopt);
  EXPECT_EQ(groups.offsets, (std::vector<int32_t>{0, 4, 12, 12}));
}

TEST(Groups, PaddedRowsHaveOneCapacity) {
  Groups groups = makeLayout({Kind::Padded, 2});
  EXPECT_EQ(groups.offsets, (std::vector<int32_t>{0, 2, 4, 6}));
  EXPECT_EQ(groups.rowOfSlot, (std::vector<int32_t>{4, 0, 2, -1, 5, 1}));
  EXPECT_EQ(groups.slotOfRow, (std::vector<int32_t>{1, 5, 2, -1, 0, 4}));
  EXPECT_EQ(makeGroups(std::vector<int32_t>{0, 1, 1, 0}, 2, 2,
                       {Kind::Padded, 1}, groups),
            "expects at most 1 rows an expert for padded<1>, got 2 for expert "
            "0");
}

TEST(Groups, DenseRowsAreTokens) {
  Groups groups = makeLayout({Kind::Dense, 0});
  EXPECT_EQ(groups.offsets, (std::vector<int32_t>{0, 3, 6, 9}));
  EXPECT_EQ(groups.rowOfSlot, (std::vector<int32_t>{6, 0, 4, -1, 8, 2}));
  EXPECT_EQ(groups.slotOfRow,
            (std::vector<int32_t>{1, -1, 5, -1, 2, -1, 0, -1, 4}));
  EXPECT_EQ(makeGroups(std::vector<int32_t>{0, 1, 1, 1}, 2, 2, {Kind::Dense, 0},
                       groups),
            "expects a token to have an expert once for dense rows, got expert "
            "1 twice for token 1");
  EXPECT_EQ(
      makeGroups(std::vector<int32_t>{1, 1}, 2, 2, {Kind::Dense, 0}, groups),
      "expects a token to have an expert once for dense rows, got expert "
      "1 twice for token 0");
}

TEST(Groups, RowsFitTheirIndices) {
  Groups groups;
  EXPECT_EQ(makeGroups(std::vector<int32_t>{0}, 1, 4,
                       {Kind::Padded, int64_t(1) << 30}, groups),
            "expects a layout of fewer than 2^31 rows, got more");
}

} // namespace
