//===- PrintScalar.h - Scalar ops as CUDA C++ -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_PRINTSCALAR_H
#define MOE_CODEGEN_CUDA_PRINTSCALAR_H

#include "mlir/IR/Operation.h"

#include <string>

namespace moe::cuda {

/// C++ text, and how tightly its outermost operator binds.
struct ScalarText {
  enum Precedence {
    Choice,
    Or,
    BitOr,
    BitXor,
    BitAnd,
    Equality,
    Order,
    Shift,
    Sum,
    Product,
    Prefix,
    Simple, ///< a name, a literal, a call
  };
  std::string text;
  Precedence precedence = Simple;

  /// With parentheses, if an operator of `least` needs them.
  std::string within(Precedence least) const {
    return precedence < least ? "(" + text + ")" : text;
  }
};

struct ScalarOperand {
  mlir::Type type;
  ScalarText value;
};

/// An arith or math op that whyUnprintable() has nothing against. Floats of 16
/// bits are computed with in f32, and each result is rounded.
ScalarText scalarText(mlir::Operation *op,
                      llvm::ArrayRef<ScalarOperand> operands);

/// Why a scalar arith or math op cannot be printed; empty if it can.
std::string whyUnprintable(mlir::Operation *op);

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_PRINTSCALAR_H
