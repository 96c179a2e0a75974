//===- Interpret.h - What a function of the IR computes ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The truth that everything else is compared with: it walks the IR of the
// input, group and plan phases op by op, in double, and rounds each result to
// its type. (Sums of products are rounded once, at the end.) It takes no
// shortcut that the IR does not spell out, and it knows a closed set of ops, so
// that an answer is an answer and everything else an error:
//
//   moe      all ops
//   linalg   every structured op, through its maps and region
//   arith, math, affine.{apply,min,max}   on scalars and tensors
//   tensor   empty, dim, rank, cast, extract, insert, from_elements, splat,
//            generate, {collapse,expand}_shape, reshape,
//            {extract,insert}_slice, concat, pad
//   scf      for, if, while, index_switch
//   func.call, cf.assert
//   tm_tensor, iree_linalg_ext   sort, topk, scan, scatter, in generic form
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_INTERPRET_INTERPRET_H
#define MOE_RUNTIME_INTERPRET_INTERPRET_H

#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace moe::interpret {

/// A stored tensor by its name in the checkpoint (a `moe.param` without a
/// source: by the symbol's name). `expected` is what the program makes of it,
/// without data: whoever makes values up needs it, others need not look. The
/// data must outlive the interpretation.
using WeightLookup = std::function<core::Result<core::TensorView>(
    std::string_view name, const core::TensorView &expected)>;

struct Options {
  /// Leaves float results unrounded, whatever their types: what the program
  /// means in real numbers. Float outputs are f64 then. Weights, constants and
  /// inputs are what they are.
  bool exact = false;
  /// Bytes that values may take at a time, 8 an element.
  int64_t maxBytes = int64_t(16) << 30;
  /// Ops run before a program counts as one that does not end.
  int64_t maxSteps = int64_t(1) << 32;
};

/// The public name of an argument or result: its `moe.name`, else arg0, arg1,
/// ... and result0, result1, ...
std::string argumentName(mlir::func::FuncOp function, unsigned index);
std::string resultName(mlir::func::FuncOp function, unsigned index);

/// Runs `function` on `inputs`, found by argument name; further tensors are
/// ignored. Scalars are tensors of rank 0. The results come in order, under
/// their names, in their element types.
///
/// Errors: InputMissing, InputShape, InputDType; BoundExceeded for a dimension
/// over its `moe.bounds`; WeightsNeeded without a lookup, WeightMismatch,
/// WeightValue and what the lookup returns; IdOutOfRange; OutOfMemory beyond
/// `maxBytes`; InterpreterUnsupported for an op outside the set; ProgramFault
/// where the program has no defined result.
core::Result<std::vector<core::NamedTensor>>
interpret(mlir::func::FuncOp function,
          std::span<const core::NamedTensor> inputs,
          const WeightLookup &weights, const Options &options = {});

} // namespace moe::interpret

#endif // MOE_RUNTIME_INTERPRET_INTERPRET_H
