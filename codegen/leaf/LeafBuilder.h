//===- LeafBuilder.h - Loops over pointers ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What emitters write kernels with: 64-bit index arithmetic, loads and stores
// through pointers, loops. It keeps an emitter as short as the loop nest that
// it describes. Nothing here knows about kernels.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_LEAFBUILDER_H
#define MOE_CODEGEN_LEAF_LEAFBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include <map>

namespace moe::leaf {

/// Indices, sizes and byte counts are i64 values; pointers are llvm pointers.
/// A value of width 1 is a scalar, of any other a vector.
class LeafBuilder {
public:
  LeafBuilder(mlir::OpBuilder builder, mlir::Location loc)
      : b(builder), loc(loc) {}

  mlir::OpBuilder b;
  mlir::Location loc;

  using Value = mlir::Value;
  using Type = mlir::Type;
  using Values = llvm::SmallVector<mlir::Value>;

  // Integers. A constant exists once, at the top of the function.
  Value i64(int64_t value);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y) { return add(x, i64(y)); }
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value mul(Value x, int64_t y) { return mul(x, i64(y)); }
  /// Quotient and remainder of non-negative numbers.
  Value div(Value x, Value y);
  Value div(Value x, int64_t y) { return div(x, i64(y)); }
  Value rem(Value x, Value y);
  Value rem(Value x, int64_t y) { return rem(x, i64(y)); }
  Value ceilDiv(Value x, int64_t y) { return div(add(x, y - 1), y); }
  Value min(Value x, Value y);
  Value max(Value x, Value y);
  Value less(Value x, Value y);
  Value equal(Value x, Value y);
  /// Sign extends an integer to i64, or cuts one down from it.
  Value toI64(Value x);
  Value toI32(Value x);

  // Values of any width.
  Type widened(Type element, int64_t width) const;
  /// A constant of a scalar or vector type; `value` must be exact for integers.
  Value constant(Type type, double value);
  Value splat(Value scalar, int64_t width);
  Value select(Value condition, Value yes, Value no);
  /// Extends a float, or each of a vector of floats, to `element`, or rounds it
  /// once.
  Value toFloat(Value value, Type element);

  // Memory. Nothing is assumed about alignment: a caller's tensor may lie
  // anywhere, and the instructions are the same.
  Value offset(Value pointer, Value bytes);
  Value offset(Value pointer, int64_t bytes);
  Value element(Value pointer, Type element, Value index);
  /// An index is loaded as i64, a float of 8 bits or less as its bits.
  Value load(Type type, Value pointer);
  void store(Value value, Value pointer);
  Value loadElement(Type type, Value pointer, Value index) {
    return load(type, element(pointer, type, index));
  }

  // Control. Bodies run with the builder inside of the loop or branch.
  void loop(Value begin, Value end, int64_t step,
            llvm::function_ref<void(Value)> body);
  void loop(Value end, llvm::function_ref<void(Value)> body) {
    loop(i64(0), end, 1, body);
  }
  Values loop(Value begin, Value end, int64_t step, mlir::ValueRange init,
              llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  /// Elements [0, count) in runs of `width`, then one by one; without the
  /// second loop if `whole` says that count is a multiple of the width.
  void lanes(Value count, int64_t width, bool whole,
             llvm::function_ref<void(int64_t width, Value index)> body);
  void when(Value condition, llvm::function_ref<void()> body);
  /// The values of one of two branches.
  Values choose(Value condition, mlir::TypeRange types,
                llvm::function_ref<Values()> yes,
                llvm::function_ref<Values()> no);

private:
  Value oddFloat(Value value);

  std::map<int64_t, Value> integers; ///< constants of the function
};

/// The float type in which a product of `a` and `b` is formed that is then
/// rounded to `result`: so that it is rounded once.
mlir::Type productType(mlir::OpBuilder &builder, mlir::Type a, mlir::Type b,
                       mlir::Type result);

/// Bytes of an element in memory: an i1 takes one.
int64_t byteWidth(mlir::Type element);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_LEAFBUILDER_H
