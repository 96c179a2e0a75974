//===- Lanes.h - Scalar ops over many elements at a time --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What arith and math ops compute is written once, as a loop over cells. One
// cell is a scalar op, a tensor's cells are an elementwise op, and a strip of a
// loop is an op in the body of linalg.generic: one table serves all three, and
// the cost of interpreting is paid once a strip.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_INTERPRET_LANES_H
#define MOE_RUNTIME_INTERPRET_LANES_H

#include "moe/runtime/interpret/Value.h"

#include "mlir/IR/Operation.h"

namespace moe::interpret {

/// A scalar op, ready to run.
struct LaneOp {
  /// Computes `count` results; operand i of element j is in[i][j]. The result
  /// may be one of the operands. Returns why it cannot, as the end of a
  /// sentence about the op, or null.
  using Function = const char *(*)(const LaneOp &op, const Cell *const *in,
                                   Cell *out, size_t count);
  Function function = nullptr;
  /// Element types of the first operand and of the result.
  Element from, to;
  /// What float results are rounded to: the result's type, or F64 for exact.
  core::DType round = core::DType::F64;
  /// The predicate of a comparison.
  int64_t predicate = 0;

  const char *run(const Cell *const *in, Cell *out, size_t count) const {
    if (const char *error = function(*this, in, out, count))
      return error;
    if (to.isFloat)
      roundCells(round, out, count);
    return nullptr;
  }
};

/// The op with its types and predicate, if it is one of the table and its types
/// can be held. `exact` leaves float results unrounded.
std::optional<LaneOp> laneOpFor(mlir::Operation *op, bool exact);

/// Every op of the table.
llvm::ArrayRef<llvm::StringLiteral> laneOpNames();

/// Operands of an op in the table: at most this many.
inline constexpr unsigned kMaxLaneOperands = 3;

} // namespace moe::interpret

#endif // MOE_RUNTIME_INTERPRET_LANES_H
