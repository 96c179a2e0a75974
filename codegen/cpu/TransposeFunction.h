//===- TransposeFunction.h - Rows of words as columns -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights come with k side by side, panels want columns side by side: where
// packing spends its time. It is a function, so that the shuffles stand once in
// a module for all tensors with rows of a length.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_TRANSPOSEFUNCTION_H
#define MOE_CODEGEN_CPU_TRANSPOSEFUNCTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace moe::cpu {

struct TransposeShape {
  int64_t lanes = 1;        ///< rows of the source, words of a target's line
  int64_t wordBits = 32;    ///< a power of two, up to 64
  int64_t sourceStride = 0; ///< bytes from row to row
  int64_t targetStride = 0; ///< bytes from line to line
  bool partial = false;     ///< whether there may be fewer rows
};

/// f(source, target, rows, words): word w of source row r becomes word r of
/// line w of the target, for `rows` rows (1 to lanes, all of them unless
/// partial) and `words` words, a multiple of `lanes`. The lines' other words
/// are zero.
mlir::func::FuncOp getTransposeFunction(mlir::ModuleOp leaves,
                                        const TransposeShape &shape);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_TRANSPOSEFUNCTION_H
