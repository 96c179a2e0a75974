//===- ElementReader.h - One element of a tensor value ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ordinary ops are emitted from their results backwards: the element of a
// result is asked for at its indices, and each op says which elements of its
// operands it is made of. So a chain of ops is one loop nest without
// intermediate tensors, and an op needs one rule: how an element comes about.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_ELEMENTREADER_H
#define MOE_CODEGEN_LEAF_ELEMENTREADER_H

#include "moe/codegen/leaf/LeafFrame.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <map>

namespace moe::leaf {

class ElementReader {
public:
  explicit ElementReader(LeafFrame &frame);

  using Values = LeafBuilder::Values;

  /// Element `indices` (i64) of a tensor.
  mlir::Value read(mlir::Value tensor, mlir::ArrayRef<mlir::Value> indices);
  /// Size of dimension `dim`, as i64.
  mlir::Value size(mlir::Value tensor, int64_t dim);
  /// An index, integer or float of the kernel's body, in the leaf function; an
  /// index as i64.
  mlir::Value scalar(mlir::Value value);

  /// Makes a scalar of the kernel's body known: one that a loop around the
  /// reader gives, or was computed in it.
  void bind(mlir::Value scalar, mlir::Value value) { bound[scalar] = value; }
  /// A scalar op on scalars of the leaf.
  mlir::Value cloneScalar(mlir::Operation *op,
                          mlir::ArrayRef<mlir::Value> operands);
  /// An element at indices that are data: those outside are moved to the
  /// border, so that nothing outside of a buffer is read.
  mlir::Value readWithin(mlir::Value tensor,
                         mlir::ArrayRef<mlir::Value> indices);

  /// The indices of element `index` in row-major order.
  Values delinearize(mlir::Value index, mlir::ArrayRef<mlir::Value> sizes);

  /// Loops and branches are opened through the reader: what does not depend on
  /// a loop is computed before it, once.
  Values loop(mlir::Value begin, mlir::Value end, int64_t step,
              mlir::ValueRange init,
              llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  void loop(mlir::Value begin, mlir::Value end, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  void loop(mlir::Value end, llvm::function_ref<void(mlir::Value)> body) {
    loop(l.i64(0), end, 1, body);
  }
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  Values choose(mlir::Value condition, mlir::TypeRange types,
                llvm::function_ref<Values()> yes,
                llvm::function_ref<Values()> no);

private:
  using Key = std::vector<const void *>;
  /// A loop or branch that the builder is inside of, outermost first; the
  /// function itself is the first. What was computed directly in it is known.
  struct Scope {
    mlir::Operation *op;
    bool isBranch;
    std::map<Key, Values> known;
  };
  unsigned scopeOf(mlir::Value value) const;
  unsigned homeOf(mlir::Operation *op) const;
  const Values &once(unsigned scope, Key key,
                     llvm::function_ref<Values()> make);
  mlir::Value choose(mlir::Value condition, mlir::Type type,
                     llvm::function_ref<mlir::Value()> yes,
                     llvm::function_ref<mlir::Value()> no);

  Values compute(mlir::Operation *op, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value computeSize(mlir::Value tensor, int64_t dim);
  Values inlineBlock(mlir::Block &block, mlir::ArrayRef<mlir::Value> arguments,
                     mlir::ArrayRef<mlir::Value> iteration,
                     mlir::Operation *combiner = nullptr);

  mlir::Value affine(mlir::AffineExpr expr, mlir::ArrayRef<mlir::Value> dims,
                     mlir::ArrayRef<mlir::Value> symbols);
  mlir::Value linearize(mlir::ArrayRef<mlir::Value> indices,
                        mlir::ArrayRef<mlir::Value> sizes);
  mlir::Value mixed(mlir::OpFoldResult value);
  Values mixed(mlir::ArrayRef<mlir::OpFoldResult> values);
  Values sizes(mlir::Value tensor);

  Values linalg(mlir::linalg::LinalgOp op, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value loopSize(mlir::linalg::LinalgOp op, unsigned dim);
  mlir::Value elementwise(mlir::Operation *op,
                          mlir::ArrayRef<mlir::Value> indices);
  mlir::Value activate(ActivateOp op, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value dispatch(DispatchOp op, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value lookup(mlir::ArrayRef<double> numbers, mlir::Value index);
  mlir::Value codeInWord(const semantics::QuantRow &format, mlir::Value word,
                         mlir::Value index);
  mlir::Value dequantize(DequantizeOp op, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value move(mlir::Operation *op, mlir::ArrayRef<mlir::Value> indices);

  LeafFrame &frame;
  LeafBuilder &l;
  llvm::SmallVector<Scope> scopes;
  llvm::DenseMap<mlir::Value, mlir::Value> bound;
};

/// The type that a scalar of the body has in the leaf: an index is an i64.
mlir::Type leafType(mlir::Type type);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_ELEMENTREADER_H
