//===- TileWalkTest.cpp - Which tiles a grouped matmul has ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The promise of a tile walk, over thousands of random ragged groups: every
// output element is in exactly one task.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/plan/TileWalk.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>

using namespace moe::plan;

namespace {

struct Case {
  std::vector<int32_t> offsets;
  int64_t numCols;
  TileShape shape;

  std::string str() const {
    std::string text = "offsets";
    for (int32_t offset : offsets)
      text += " " + std::to_string(offset);
    return text + ", N " + std::to_string(numCols) + ", tile rows " +
           std::to_string(shape.tileRows) + ", panel " +
           std::to_string(shape.panelCols) + " x " +
           std::to_string(shape.panelsPerTask);
  }
};

void check(const Case &c) {
  SCOPED_TRACE(c.str());
  TileWalk walk(c.offsets, c.numCols, c.shape);
  int64_t numRows = c.offsets.back();

  // Every element once; tasks in order; tiles within one expert and the size.
  std::vector<int> covered(numRows * c.numCols, 0);
  int64_t elements = 0;
  std::vector<int64_t> previous = {-1, -1, -1};
  for (int64_t i = 0; i < walk.numTasks(); ++i) {
    Task task = walk.task(i);
    ASSERT_LE(0, task.rows.expert);
    ASSERT_LT(task.rows.expert, int64_t(c.offsets.size()) - 1);
    ASSERT_LE(c.offsets[task.rows.expert], task.rows.rowBegin);
    ASSERT_LT(task.rows.rowBegin, task.rows.rowEnd);
    ASSERT_LE(task.rows.rowEnd, c.offsets[task.rows.expert + 1]);
    ASSERT_LE(task.rows.rowEnd - task.rows.rowBegin, c.shape.tileRows);
    ASSERT_LE(0, task.panelBegin);
    ASSERT_LT(task.panelBegin, task.panelEnd);
    ASSERT_LE(task.panelEnd, walk.numPanels());
    ASSERT_LE(task.panelEnd - task.panelBegin, c.shape.panelsPerTask);
    std::vector<int64_t> position = {task.rows.expert, task.rows.rowBegin,
                                     task.panelBegin};
    ASSERT_LT(previous, position);
    previous = position;
    ASSERT_EQ(walk.rowTiles()[i / walk.columnTasks()], task.rows);
    int64_t colBegin = task.panelBegin * c.shape.panelCols;
    int64_t colEnd = std::min(task.panelEnd * c.shape.panelCols, c.numCols);
    for (int64_t row = task.rows.rowBegin; row < task.rows.rowEnd; ++row)
      for (int64_t col = colBegin; col < colEnd; ++col, ++elements)
        ASSERT_EQ(covered[row * c.numCols + col]++, 0);
  }
  ASSERT_EQ(elements, numRows * c.numCols);

  // As few tiles an expert as there can be, and as equal: larger ones first.
  std::map<int32_t, std::vector<int64_t>> sizes;
  for (const RowTile &tile : walk.rowTiles())
    sizes[tile.expert].push_back(tile.rowEnd - tile.rowBegin);
  for (const auto &[expert, list] : sizes) {
    int64_t rows = c.offsets[expert + 1] - c.offsets[expert];
    ASSERT_LT((int64_t(list.size()) - 1) * c.shape.tileRows, rows);
    ASSERT_LE(list.front() - list.back(), 1);
    ASSERT_TRUE(std::is_sorted(list.rbegin(), list.rend()));
  }
  ASSERT_LE(int64_t(walk.rowTiles().size()),
            TileWalk::maxRowTiles(numRows, int64_t(c.offsets.size()) - 1,
                                  c.shape.tileRows));

  // The split rule as the header states it, which generated code follows.
  std::vector<RowTile> ruled;
  for (size_t e = 0; e + 1 < c.offsets.size(); ++e) {
    int64_t n = c.offsets[e + 1] - c.offsets[e], b = c.offsets[e];
    int64_t tiles = (n + c.shape.tileRows - 1) / c.shape.tileRows;
    for (int64_t i = 0; i < tiles; ++i) {
      int64_t small = n / tiles, larger = n % tiles;
      int64_t begin = b + i * small + std::min(i, larger);
      ruled.push_back(
          {int32_t(e), int32_t(begin), int32_t(begin + small + (i < larger))});
    }
  }
  ASSERT_EQ(walk.rowTiles(), ruled);
}

TEST(TileWalk, EveryElementOnce) {
  std::mt19937 random(7);
  auto upTo = [&](int64_t n) { return int64_t(random() % (n + 1)); };
  for (int round = 0; round < 5000; ++round) {
    Case c;
    int64_t numExperts = 1 + upTo(7);
    int64_t kind = upTo(3);
    int64_t only = upTo(numExperts - 1);
    c.offsets = {0};
    for (int64_t e = 0; e < numExperts; ++e) {
      int64_t rows = kind == 0   ? upTo(40)
                     : kind == 1 ? upTo(3) // many without rows
                     : kind == 2 ? (e == only ? upTo(97) : 0)
                                 : 0;
      c.offsets.push_back(c.offsets.back() + int32_t(rows));
    }
    c.numCols = 1 + upTo(50);
    c.shape = {1 + upTo(20), 1 + upTo(17), 1 + upTo(4)};
    check(c);
    if (HasFatalFailure())
      return;
  }
}

TEST(TileWalk, Corners) {
  check({{0, 0}, 16, {8, 8, 1}});
  check({{0, 1}, 1, {1, 1, 1}});
  check({{0, 17}, 53, {8, 16, 2}});
  check({{0, 8, 16}, 32, {8, 16, 2}});
  check({{0, 0, 9, 9}, 16, {8, 16, 4}});
}

TEST(TileWalk, CountsOfAnExample) {
  std::vector<int32_t> offsets = {0, 10, 10, 27};
  TileWalk walk(offsets, 100, {8, 16, 3});
  EXPECT_EQ(walk.numPanels(), 7);
  EXPECT_EQ(walk.columnTasks(), 3);
  EXPECT_EQ(walk.rowTiles(),
            (std::vector<RowTile>{
                {0, 0, 5}, {0, 5, 10}, {2, 10, 16}, {2, 16, 22}, {2, 22, 27}}));
  EXPECT_EQ(walk.numTasks(), 15);
  Task task = walk.task(8);
  EXPECT_EQ(task.rows, (RowTile{2, 10, 16}));
  EXPECT_EQ(task.panelBegin, 6);
  EXPECT_EQ(task.panelEnd, 7);
}

TEST(TileWalk, NothingToDo) {
  std::vector<int32_t> offsets = {0, 4};
  EXPECT_EQ(TileWalk(offsets, 0, {8, 16, 1}).numTasks(), 0);
  std::vector<int32_t> none = {0};
  EXPECT_EQ(TileWalk(none, 16, {8, 16, 1}).numTasks(), 0);
}

TEST(TileWalk, TheBoundOfRowTilesIsTight) {
  // The most over every way to give at most `rows` rows to the experts.
  auto most = [](auto &&self, int64_t rows, int64_t experts,
                 int64_t tileRows) -> int64_t {
    if (experts == 0)
      return 0;
    int64_t best = 0;
    for (int64_t n = 0; n <= rows; ++n)
      best = std::max(best, (n + tileRows - 1) / tileRows +
                                self(self, rows - n, experts - 1, tileRows));
    return best;
  };
  for (int64_t rows = 0; rows <= 12; ++rows)
    for (int64_t experts = 1; experts <= 4; ++experts)
      for (int64_t tileRows = 1; tileRows <= 5; ++tileRows)
        EXPECT_EQ(TileWalk::maxRowTiles(rows, experts, tileRows),
                  most(most, rows, experts, tileRows))
            << rows << " rows, " << experts << " experts, tiles of "
            << tileRows;
}

} // namespace
