//===- RouteEmitter.h - A router's clauses as loops -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A router works on one token at a time, on rows of a few hundred experts that
// stay in the first cache; where experts pick tokens, on one expert at a time.
// A clause of a router is a function here, a new one a new function.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_ROUTEEMITTER_H
#define MOE_CODEGEN_CPU_ROUTEEMITTER_H

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/leaf/RouteRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

namespace moe::cpu {

/// Of a row in a worker's scratch: whole vectors.
constexpr int64_t scratchAlignment = 64;

class RouteEmitter {
public:
  explicit RouteEmitter(KernelFrame &frame)
      : frame(frame), l(frame.l), scratch(frame.kernel, scratchAlignment),
        lanes(frame.target.getLanes()), f32(l.b.getF32Type()),
        i32(l.b.getI32Type()) {}

  using Value = mlir::Value;

  /// The ops of the kernel for one token.
  void token(Value t);
  /// The op of the kernel, by which experts pick tokens, for one expert.
  void expert(Value e);

private:
  static constexpr int32_t never = std::numeric_limits<int32_t>::min();
  static constexpr float infinity = std::numeric_limits<float>::infinity();

  // RouteEmitter.cpp: rows and scores.
  void emit(ScoreOp op);
  Value row(Value value);
  void storeRow(Value value, Value source);
  Value reduce(Value row, int64_t count, mlir::vector::CombiningKind kind);
  void pad(Value row, int64_t count, Value value);

  // EmitSelect.cpp.
  void emit(SelectOp op);
  void pickByScore(SelectOp op, Value ids);
  void copyGiven(SelectOp op, Value ids);
  void setKeys(SelectOp op, Value scores, bool noisy, Value taken);
  Value keyOf(Value x);
  Value takeHighest(Value keys, int64_t count);
  Value keepPick(SelectOp op, Value scores, Value j, Value id, Value &sum);
  void limitGroups(SelectOp op, Value scores, Value keys, int64_t candidates);
  Value groupScore(SelectOp op, Value row, Value first, int64_t size,
                   int64_t topSum);
  Value selectionScore(SelectOp op, Value row, Value e, int64_t width,
                       bool noisy);
  Value idUnlessNaN(Value scores, Value e);

  // EmitWeigh.cpp.
  void emit(WeighOp op);

  // EmitExpertPicks.cpp.
  void pickTokens(SelectOp op, Value e);
  void weighTokens(WeighOp op, Value e);
  Value columnScore(Value scores, Value t, Value e);
  Value numTokens(Value scores);

  int64_t padded(int64_t count) const {
    return (count + lanes - 1) / lanes * lanes;
  }
  /// All elements of a padded row, a vector at a time.
  void forRow(int64_t count, mlir::function_ref<void(Value)> body) {
    l.loop(l.i64(0), l.i64(padded(count)), lanes, body);
  }
  mlir::Type wide(mlir::Type element) { return l.widened(element, lanes); }
  Value at(Value row, Value index) { return l.element(row, f32, index); }
  Value wideInt(int64_t value) { return l.constant(wide(i32), value); }
  Value real(double value) { return l.constant(f32, value); }

  KernelFrame &frame;
  LeafBuilder &l;
  RouteRows scratch;
  const int64_t lanes;
  mlir::Type f32, i32;
  Value t;
  llvm::DenseSet<Value> filled; ///< rows that hold this token's values

  friend class WeightEmitter;
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_ROUTEEMITTER_H
