//===- PanelPacker.h - Weights into panels ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How weights get into the order of their panels, for the two who bring them
// there: moe.pack, and a matmul that packs what it is about to multiply.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_PANELPACKER_H
#define MOE_CODEGEN_CPU_PANELPACKER_H

#include "moe/codegen/cpu/KernelClass.h"
#include "moe/codegen/cpu/KernelFrame.h"
#include "moe/codegen/cpu/TileFunction.h"
#include "moe/codegen/leaf/StridedView.h"

namespace moe::cpu {

/// What of an expert's weights is packed at a time, and where it goes: words
/// [wordBegin, wordBegin + words) of a panel. wordBegin is a multiple of
/// rowRun.
struct PanelRange {
  mlir::Value expert, panel, wordBegin, words;
  mlir::Value target; ///< a pointer
};

class PanelPacker {
public:
  /// Of tensors [E, N, K] or [N, K] that the kernel's body makes in any way.
  PanelPacker(KernelFrame &frame, mlir::ValueRange tensors,
              const PackShape &shape)
      : frame(frame), l(frame.l), tensors(tensors), shape(shape) {}

  /// Columns and k that there are too many of are zero.
  void pack(const PanelRange &range);
  /// The lines that packing a range will read, where they lie in a buffer: most
  /// of them, and in an order that is good for memory.
  std::optional<LinesAhead> linesOf(const PanelRange &range);

  /// Whether no more than a rest of any tensor is written element by element.
  bool inVectors();

private:
  using Digits = llvm::ArrayRef<leaf::StridedDigit>;
  /// Element (expert, n, k) of a side, where it lies in a buffer. The columns
  /// of a panel are equally far from each other.
  struct Source {
    leaf::StridedView view;
    mlir::Value base;
    Digits expert() const {
      return view.dims.size() == 3 ? Digits(view.dims.front()) : Digits();
    }
    Digits n() const { return view.dims[view.dims.size() - 2]; }
    Digits k() const { return view.dims.back(); }
  };
  /// None if a side is written element by element.
  std::optional<Source> sourceOf(unsigned side);
  mlir::Value place(Digits digits, mlir::Value index);
  mlir::Value sourceAt(const Source &source, mlir::Value expert, mlir::Value n,
                       mlir::Value k);
  mlir::Value line(const PanelRange &range, mlir::Value word, unsigned side);
  mlir::Value columnsFrom(mlir::Value first, int64_t most);
  void packRows(const PanelRange &range, unsigned side, const Source &source,
                mlir::Value words);
  void packColumns(const PanelRange &range, unsigned side, const Source &source,
                   mlir::Value words);
  void packElements(const PanelRange &range, unsigned side, mlir::Value done);

  KernelFrame &frame;
  LeafBuilder &l;
  const mlir::ValueRange tensors;
  const PackShape shape;
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_PANELPACKER_H
