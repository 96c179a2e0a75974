//===- TileWalk.h - Which tiles a grouped matmul has ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one definition of the tiles of a grouped matmul over ragged rows: which
// exist, in what order, and who handles the remainder. The scheduler kernel of
// a code generator fills the same list; a property test shows that every output
// element is covered exactly once.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_PLAN_TILEWALK_H
#define MOE_DIALECT_PLAN_TILEWALK_H

#include <cstdint>
#include <span>
#include <vector>

namespace moe::plan {

/// Rows [rowBegin, rowEnd) of one expert, at most the plan's tile rows.
struct RowTile {
  int32_t expert = 0;
  int32_t rowBegin = 0;
  int32_t rowEnd = 0;
  bool operator==(const RowTile &) const = default;
};

/// A task: one row tile and the column panels [panelBegin, panelEnd).
struct Task {
  RowTile rows;
  int64_t panelBegin = 0;
  int64_t panelEnd = 0;
};

/// How the output of a grouped matmul is cut.
struct TileShape {
  int64_t tileRows = 1;      ///< most rows a task holds
  int64_t panelCols = 1;     ///< columns of one packed weight panel
  int64_t panelsPerTask = 1; ///< panels a task computes
};

/// Walks (expert ascending, rows ascending) x (columns ascending): task i is
/// row tile i / columnTasks() and column task i % columnTasks(). The row tiles
/// of an expert are as equal as they can be, so that no task is left with a
/// sliver; the last panel may be cut by N, the last column task by the panels.
///
/// The contract that generated schedulers follow. An expert with n > 0 rows
/// from row b on has
///   tiles = ceil(n / tileRows),   small = n / tiles,   larger = n % tiles
/// row tiles; tile i of them holds small + (i < larger) rows from row
///   b + i * small + min(i, larger)
/// on. An expert without rows has no tile.
class TileWalk {
public:
  /// `offsets` are E + 1 row offsets as verifyOffsets accepts them; every
  /// member of `shape` is at least 1.
  TileWalk(std::span<const int32_t> offsets, int64_t numCols, TileShape shape);

  const std::vector<RowTile> &rowTiles() const { return tiles; }
  int64_t numPanels() const { return panels; }
  int64_t columnTasks() const { return tasksPerTile; }
  int64_t numTasks() const {
    return static_cast<int64_t>(tiles.size()) * tasksPerTile;
  }
  Task task(int64_t index) const;

  /// The most row tiles that at most `rows` rows in `experts` groups can make:
  /// what a buffer for them must hold. It is reached when min(rows, experts)
  /// experts hold one row and one of them all the others.
  static int64_t maxRowTiles(int64_t rows, int64_t experts, int64_t tileRows);

private:
  std::vector<RowTile> tiles;
  int64_t panels = 0;
  int64_t tasksPerTile = 0;
  int64_t panelsPerTask = 1;
};

} // namespace moe::plan

#endif // MOE_DIALECT_PLAN_TILEWALK_H
