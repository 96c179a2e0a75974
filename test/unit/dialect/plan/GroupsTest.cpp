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

} // namespace
