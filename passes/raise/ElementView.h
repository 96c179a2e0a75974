//===- ElementView.h - The formula of a tensor's elements -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads IR as formulas: linalg, tensor, arith, math, scf, and the sort, top-k,
// scan and scatter of front ends. An op that it does not know, or whose
// conditions do not hold, is opaque: its result is read as it is, so that
// nothing is ever concluded from it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_ELEMENTVIEW_H
#define MOE_PASSES_RAISE_ELEMENTVIEW_H

#include "moe/passes/raise/Element.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/AffineExpr.h"

namespace moe::raise {

/// The call of an f32's bits as an integer.
inline constexpr llvm::StringLiteral kFloatBits = "bits";

class ElementView {
public:
  explicit ElementView(Formulas &f) : f(f) {}

  /// The element of a ranked tensor at these indices, one a dimension.
  Expr element(mlir::Value tensor, llvm::ArrayRef<Expr> indices);
  /// The size of a dimension.
  Expr size(mlir::Value tensor, unsigned dimension);
  /// A scalar outside loops, or inside one whose arguments are bound.
  Expr scalar(mlir::Value value);
  /// Lets `value`, a block argument, be `expr` from now on.
  void bind(mlir::Value value, Expr expr) { bound[value] = expr; }
  Formulas &formulas() { return f; }
  /// Why this tensor is opaque, if that is worth telling; or empty.
  llvm::StringRef whyOpaque(mlir::Value tensor) const {
    auto found = notes.find(tensor);
    return found == notes.end() ? llvm::StringRef() : found->second;
  }

private:
  using Scope = llvm::DenseMap<mlir::Value, Expr>;

  Expr opaque(mlir::Value tensor, llvm::ArrayRef<Expr> indices);
  Expr compute(mlir::Value tensor, llvm::ArrayRef<Expr> indices);
  Expr computeSize(mlir::Value tensor, unsigned dimension);
  Expr scalar(mlir::Value value, Scope &scope);
  Expr scalarOf(mlir::Operation *op, Scope &scope);
  Expr affine(mlir::AffineExpr expr, llvm::ArrayRef<Expr> dims,
              llvm::ArrayRef<Expr> symbols);

  Expr mixed(mlir::OpFoldResult value);
  // ShapeView.cpp
  Expr ofConstant(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  Expr ofReshape(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  Expr ofSlice(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  Expr ofInsert(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  Expr ofConcat(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  Expr ofPad(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  Expr ofElements(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  // LoopView.cpp
  Expr ofLinalg(mlir::linalg::LinalgOp op, unsigned result,
                llvm::ArrayRef<Expr> indices);
  Expr ofReduction(mlir::linalg::LinalgOp op, unsigned result, Scope &scope,
                   llvm::ArrayRef<Expr> loops, llvm::ArrayRef<Expr> reduced,
                   llvm::ArrayRef<Expr> inits);
  Expr ofLoop(mlir::scf::ForOp op, unsigned result,
              llvm::ArrayRef<Expr> indices);
  // FrontEndView.cpp
  Expr ofFrontEnd(mlir::Operation *op, unsigned result,
                  llvm::ArrayRef<Expr> indices);
  Expr ofSort(mlir::Operation *op, unsigned result,
              llvm::ArrayRef<Expr> indices);
  Expr ofTopk(mlir::Operation *op, unsigned result,
              llvm::ArrayRef<Expr> indices);
  Expr ofScan(mlir::Operation *op, unsigned result,
              llvm::ArrayRef<Expr> indices);
  Expr ofScatter(mlir::Operation *op, llvm::ArrayRef<Expr> indices);
  Expr regionValue(mlir::Block &block, llvm::ArrayRef<Expr> arguments);
  enum class Direction { None, Ascending, Descending };
  Direction comparator(mlir::Block &block, unsigned numTensors);

  Formulas &f;
  llvm::DenseMap<mlir::Value, Expr> bound;
  llvm::DenseMap<mlir::Value, llvm::StringRef> notes;
  llvm::DenseMap<std::pair<mlir::Value, unsigned>, Expr> sizes;
  /// Formulas over one set of names a tensor; other indices are substituted.
  struct General {
    llvm::SmallVector<Expr> names;
    Expr expr;
  };
  llvm::DenseMap<mlir::Value, General> general;
};

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_ELEMENTVIEW_H
