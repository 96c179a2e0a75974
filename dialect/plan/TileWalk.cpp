//===- TileWalk.cpp - Which tiles a grouped matmul has ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The split rule of the header, as code.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/plan/TileWalk.h"

#include <algorithm>
#include <cassert>

using namespace moe::plan;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

TileWalk::TileWalk(std::span<const int32_t> offsets, int64_t numCols,
                   TileShape shape)
    : panels(ceilDiv(numCols, shape.panelCols)),
      tasksPerTile(ceilDiv(panels, shape.panelsPerTask)),
      panelsPerTask(shape.panelsPerTask) {
  assert(!offsets.empty() && shape.tileRows > 0 &&
         "see the constructor's text");
  for (size_t e = 0; e + 1 < offsets.size(); ++e) {
    int64_t rows = offsets[e + 1] - offsets[e];
    if (rows == 0)
      continue;
    int64_t count = ceilDiv(rows, shape.tileRows);
    int64_t small = rows / count, larger = rows % count;
    int64_t begin = offsets[e];
    for (int64_t i = 0; i < count; ++i) {
      int64_t end = begin + small + (i < larger ? 1 : 0);
      tiles.push_back({static_cast<int32_t>(e), static_cast<int32_t>(begin),
                       static_cast<int32_t>(end)});
      begin = end;
    }
  }
}

Task TileWalk::task(int64_t index) const {
  assert(index >= 0 && index < numTasks() && "no such task");
  int64_t panelBegin = index % tasksPerTile * panelsPerTask;
  return {tiles[index / tasksPerTile], panelBegin,
          std::min(panelBegin + panelsPerTask, panels)};
}

int64_t TileWalk::maxRowTiles(int64_t rows, int64_t experts, int64_t tileRows) {
  // Every expert with rows has one tile for its first row, and every further
  // tileRows rows make one more at most.
  int64_t nonEmpty = std::min(rows, experts);
  return nonEmpty + (rows - nonEmpty) / tileRows;
}
