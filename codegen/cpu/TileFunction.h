//===- TileFunction.h - The inner loop of a matmul ---------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block of rows times a panel of weights, sums in registers: where a matmul
// spends its time. It is a function of its own, one for each number of rows,
// because registers are assigned best when nothing else is around, and because
// all matmuls of a module with the same weight type share it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_TILEFUNCTION_H
#define MOE_CODEGEN_CPU_TILEFUNCTION_H

#include "moe/codegen/cpu/Reduction.h"
#include "moe/codegen/leaf/LeafBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moe::cpu {

using leaf::byteWidth;
using leaf::LeafBuilder;

/// Rows of a block are stored in runs of `rowRun` words: [word /
/// run][row][run]. A word is an f32, or a pair of bf16 where the reduction
/// takes two k at a time. So they are packed by copying, read as one stream,
/// and a step's elements are at constant distances; a run of 16 rows is an AMX
/// tile.
struct TileShape {
  int64_t rows = 1;    ///< of the block
  int64_t vectors = 1; ///< of a panel
  int64_t lanes = 1;   ///< f32 elements of a vector
  int64_t streams = 1; ///< panels that are walked at once
  int64_t prefetch =
      0; ///< bytes ahead, over all panels that are walked; 0: no fetches
  mlir::Type weight;      ///< element type of panels
  bool wholeRuns = false; ///< words come in whole runs
  bool fetches = false;   ///< whether it is told lines to fetch meanwhile
  Reduction reduction = Reduction::Fma;

  int64_t width() const { return vectors * lanes; }
  /// Of a panel, for one word of each row.
  int64_t stepBytes() const {
    return width() * byteWidth(weight) * lookup(reduction).interleave;
  }
};

/// Whether the blocks of a tile fetch what comes next together. Narrower steps
/// are widened in registers: such a loop is bound by its instructions, not by
/// what it waits for, and fetches for itself alone.
inline bool sharesFetches(int64_t stepBytes) { return stepBytes >= 64; }

/// Cache lines that will be wanted next, two a word: what lies `perWord` bytes
/// further for each word of a run and `perRun` for each run.
struct LinesAhead {
  mlir::Value first, second;   ///< pointers, which may point anywhere
  mlir::Value perWord, perRun; ///< i64
};

/// What a tile function is called with.
struct TileArguments {
  mlir::Value rows, panel, sums;      ///< pointers
  mlir::Value words, panels;          ///< i64, how many
  mlir::Value panelStride, sumStride; ///< i64, bytes from panel to panel
  /// i64, of shared fetches: where those of a lone panel begin, in bytes from
  /// it, and how far a word moves them on.
  mlir::Value ahead, aheadStep;
  LinesAhead lines; ///< of a function that fetches them
};

/// c[panel][row][width] += rows * panel, each element summed over ascending k
/// as the reduction says. The function's arguments are those of TileArguments,
/// in that order; without the lines if it does not fetch.
mlir::func::FuncOp getTileFunction(mlir::ModuleOp leaves,
                                   const TileShape &shape);

/// The body of a tile function that holds its sums in AMX tiles.
void emitAmxTile(LeafBuilder &l, const TileShape &shape,
                 const TileArguments &arguments);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_TILEFUNCTION_H
