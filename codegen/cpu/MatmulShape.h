//===- MatmulShape.h - The numbers of a planned matmul -----------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An op and its plan as the sizes that the emitter, the launch (tasks, scratch)
// and the cost model count with: one definition for the three.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_MATMULSHAPE_H
#define MOE_CODEGEN_CPU_MATMULSHAPE_H

#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/cpu/Reduction.h"
#include "moe/dialect/MoeOps.h"

namespace moe::cpu {

struct MatmulShape {
  // Of the op.
  int64_t columnsTotal, depth, sides;
  int64_t experts, firstExpert;
  mlir::Type weight;
  Reduction reduction;
  int64_t interleave; ///< k of a word
  int64_t words;      ///< of a row, zeros behind it included
  // Of the plan and target.
  int64_t lanes, rows, columns, tileRows, panelsPerTask, streams, prefetch;
  int64_t runWords;      ///< words that are packed at a time
  int64_t packWords;     ///< words of panels that are; 0: they come packed
  int64_t registers;     ///< vector registers
  int64_t l1;            ///< bytes of a core's first cache
  PackedType packedType; ///< of the weights, when they are
  int64_t expertBytes;

  MatmulShape(GroupedMatmulOp op, MatmulAttr plan, TargetAttr target);
  /// With the plan that the op carries.
  MatmulShape(GroupedMatmulOp op, TargetAttr target);

  /// Columns of a panel over all its tensors, vectors of them, and bytes that
  /// one word of each row meets.
  int64_t width() const { return columns * sides; }
  int64_t vectors() const { return width() / lanes; }
  int64_t stepBytes() const {
    return width() * interleave * weight.getIntOrFloatBitWidth() / 8;
  }
  int64_t panelBytes() const { return words * stepBytes(); }
  int64_t panels() const { return (columnsTotal + columns - 1) / columns; }
  int64_t columnTasks() const {
    return std::max<int64_t>((panels() + panelsPerTask - 1) / panelsPerTask, 1);
  }
  int64_t depthRuns() const {
    return std::max<int64_t>((words + runWords - 1) / runWords, 1);
  }
  /// Words of a packed row.
  int64_t packedWords() const;
  /// Words that the blocks of a tile walk before the next follow. While they
  /// do, they fetch the next into the first cache, each its share: so memory is
  /// read at an even pace, and not only under the first block. AMX takes more
  /// bytes a cycle than the second cache gives in any case.
  int64_t cachedWords() const;
  /// Whether tasks pack the weights.
  bool packs() const { return packWords != 0; }
  /// Whether sums are held in AMX tiles.
  bool inTiles() const { return reduction == Reduction::AmxBf16; }
  /// Panels whose sums are kept before the epilogue takes them.
  int64_t panelsAtOnce() const {
    return std::min(depthRuns() == 1 ? streams : panelsPerTask, panelsPerTask);
  }
  /// Panels that a block of so many rows walks at once.
  int64_t streamsFor(int64_t blockRows) const;
  /// Scratch of a worker: the packed rows, the sums, the packed weights.
  int64_t packedRowBytes() const { return 4 * tileRows * packedWords(); }
  int64_t sumBytes() const { return 4 * panelsAtOnce() * tileRows * width(); }
  int64_t scratchBytes() const {
    return packedRowBytes() + sumBytes() + packWords * stepBytes();
  }
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_MATMULSHAPE_H
