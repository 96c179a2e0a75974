//===- Costs.h - What a function computes and moves -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A graph that computes every expert on every token and the layer it stands for
// give the same result: what tells them apart is how much they do for it. This
// counts it in any phase up to plan, by the kernels that the ops would run in.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_PLAN_COSTS_H
#define MOE_PASSES_PLAN_COSTS_H

#include "moe/dialect/MoeInterfaces.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moe {

/// What one run does.
struct Cost {
  /// Two a multiply-add of contractions: linalg's, moe.linear, moe.expert and
  /// moe.grouped_matmul. What else is computed does not count.
  double flops = 0;
  /// What kernels read and write, every tensor once a kernel; of experts'
  /// weights those that tokens picking experts by chance would touch. Lists of
  /// rows do not count, nor does what is computed when weights are bound.
  double bytes = 0;
  /// Seconds of the FLOPs at the target's rate for their types.
  double computeTime = 0;
  /// False where something has a size, or a trip count, that is data: then the
  /// figures are too small.
  bool isWhole = true;

  Cost &operator+=(const Cost &other);
  /// The same `times` times.
  Cost operator*(double times) const;
  double memoryTime(const Rates &rates) const { return bytes / rates.bytes; }
  /// Seconds of the slower of the two: no run by these kernels is faster.
  double roofline(const Rates &rates) const {
    return std::max(computeTime, memoryTime(rates));
  }
};

/// Whether sizes of the function's arguments are left open.
bool hasDynamicSizes(mlir::func::FuncOp function);

/// The cost of a run in which every dynamic size of the arguments is `tokens`.
/// Of moe.by_tokens the form for them counts, of scf.if the dearer branch, of a
/// call what it calls. Nothing for a function of several blocks.
std::optional<Cost> countCost(mlir::func::FuncOp function,
                              TargetAttrInterface target, int64_t tokens);

} // namespace moe

#endif // MOE_PASSES_PLAN_COSTS_H
