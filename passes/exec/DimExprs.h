//===- DimExprs.h - Sizes as expressions of named dimensions ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program's memory is known for every token count without compiling, because
// every size in it is an affine expression of the function's named dimensions.
// This finds the expressions.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_EXEC_DIMEXPRS_H
#define MOE_PASSES_EXEC_DIMEXPRS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"

namespace moe {

class DimExprs {
public:
  /// Dimensions come from the dynamic sizes of the arguments, in order of
  /// appearance. Those of one name are one, and so are those that an op demands
  /// to be equal; one without a name is called "arg0_0".
  explicit DimExprs(mlir::func::FuncOp function);

  /// A diagnostic where an op demands sizes to be equal that are not, or where
  /// groups have more rows than indices of rows can count.
  mlir::LogicalResult verify();

  struct Dim {
    std::string name;
    int64_t bound;
    bool named; ///< by moe.dims
  };
  llvm::ArrayRef<Dim> dims() const { return list; }
  /// Index into dims() of a dynamic size of an argument.
  unsigned argDim(unsigned argument, unsigned position) const;

  /// The size of one dimension of a tensor; a diagnostic where it is not an
  /// expression of the dimensions.
  mlir::FailureOr<mlir::AffineExpr> sizeOf(mlir::Value tensor,
                                           unsigned position);
  /// An index computed from sizes.
  mlir::FailureOr<mlir::AffineExpr> exprOf(mlir::Value index);
  /// The dynamic sizes of a tensor, groups (rows) or tiles (most tiles).
  mlir::FailureOr<mlir::AffineMap> sizesOf(mlir::Value value);
  /// A map from the dimensions to one expression.
  mlir::AffineMap map(mlir::AffineExpr expr) const;

  /// An integer or index that is an expression of the dimensions; null for any
  /// other.
  mlir::AffineExpr tryExprOf(mlir::Value value);
  /// The size of one dimension of a tensor, or the rows of groups; null where
  /// it is not known.
  mlir::AffineExpr trySizeOf(mlir::Value value, unsigned position) {
    return find(value, position).expr;
  }
  /// Whether a condition holds for every value of the dimensions.
  bool alwaysHolds(mlir::Value condition);
  /// The value that an index has by itself, where its expression is known from
  /// a cf.assert alone: what the assertion has to be asked about.
  mlir::Value unprovenValue(mlir::Value index);

private:
  /// An expression, or null and the value that it broke off at. One that is
  /// not exact is good for the size of a tensor only: it may be one too few
  /// where the tensor holds nothing.
  struct Found {
    mlir::AffineExpr expr;
    mlir::Value unknown;
    bool isExact = true;
  };
  void findAll();
  void mergeEqual();
  mlir::LogicalResult verifyRowIndices();
  void takeFacts();
  bool isNotNegative(mlir::AffineExpr expr) const;
  std::optional<bool> compare(mlir::Value condition);
  std::string text(mlir::AffineExpr expr) const;
  Found constant(int64_t value) const;
  Found find(mlir::Value value, unsigned position);
  Found findSize(mlir::Value tensor, unsigned position);
  Found findMoved(mlir::Operation *op, unsigned result, unsigned position);
  Found findIndex(mlir::Value index);
  Found findRows(mlir::Value groups);
  mlir::FailureOr<mlir::AffineExpr> report(Found found) const;

  mlir::func::FuncOp function;
  mlir::MLIRContext *context;
  llvm::SmallVector<Dim> list;
  /// [argument][position] -> index into list.
  llvm::SmallVector<llvm::SmallVector<unsigned>> argDims;
  /// Of tensors by position, of indices and groups at position 0.
  llvm::DenseMap<std::pair<mlir::Value, unsigned>, Found> known;
  /// Values that assertions say are equal to an expression.
  llvm::DenseMap<mlir::Value, mlir::AffineExpr> facts;
};

} // namespace moe

#endif // MOE_PASSES_EXEC_DIMEXPRS_H
