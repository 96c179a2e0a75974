//===- TensorLookup.h - Tensors that hold a formula's values ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A raise knows what it needs as formulas (the logits, the rows, an expert's
// weights) and has to name tensors that hold them: function arguments and
// results of ordinary ops, seen through slices, transposes and unit dimensions.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_RAISE_TENSORLOOKUP_H
#define MOE_PASSES_RAISE_TENSORLOOKUP_H

#include "moe/passes/raise/ElementView.h"

#include "mlir/IR/Builders.h"

namespace moe::raise {

class TensorLookup {
public:
  /// Finds tensors that are defined before `user`, an op of a function's entry
  /// block, and builds before it what brings them into form.
  TensorLookup(ElementView &view, mlir::Operation *user);

  /// A tensor whose element (names...) is `expr`, dimension i named names[i];
  /// null if nothing holds it. Names are free variables.
  mlir::Value find(Expr expr, llvm::ArrayRef<Expr> names);

  mlir::OpBuilder &getBuilder() { return builder; }

private:
  mlir::Value ofRead(Expr read, llvm::ArrayRef<Expr> names);
  mlir::Value arrange(mlir::Value tensor, llvm::ArrayRef<int64_t> kept,
                      llvm::ArrayRef<int64_t> permutation);

  ElementView &view;
  Formulas &f;
  mlir::Operation *user;
  mlir::OpBuilder builder;
  llvm::SmallVector<mlir::Value> tensors;
};

} // namespace moe::raise

#endif // MOE_PASSES_RAISE_TENSORLOOKUP_H
