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

#include "moe/codegen/leaf/LeafBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moe::cpu {

using leaf::byteWidth;
using leaf::LeafBuilder;

/// Rows of a block are stored in runs of this many k: [k / run][row][run] f32.
/// So they are packed by copying, read as one stream, and a step's elements
/// are at constant distances.
inline constexpr int64_t rowRun = 16;

struct TileShape {
  int64_t rows = 1;       ///< of the block
  int64_t vectors = 1;    ///< of a panel
  int64_t lanes = 1;      ///< f32 elements of a vector
  int64_t streams = 1;    ///< panels that are walked at once
  int64_t prefetch = 0;   ///< bytes ahead, over all panels that are walked
  mlir::Type weight;      ///< element type of panels
  bool wholeRuns = false; ///< k comes in whole runs

  int64_t width() const { return vectors * lanes; }
};

/// c[panel][row][width] += rows * panel, each element one chain of fused
/// multiply-adds over ascending k. The function's arguments are the block's
/// rows, the first panel, c (pointers); how many k and panels (i64); and the
/// bytes from panel to panel, in weights and in c (i64).
mlir::func::FuncOp getTileFunction(mlir::ModuleOp leaves,
                                   const TileShape &shape);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_TILEFUNCTION_H
