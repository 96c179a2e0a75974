//===- KernelPartition.h - Which ops make a kernel --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_EXEC_KERNELPARTITION_H
#define MOE_PASSES_EXEC_KERNELPARTITION_H

#include "moe/passes/plan/WeightOnly.h"

#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"

namespace moe {

/// Ops that run in one kernel, in order; or one moe.by_tokens, moe.require
/// or cf.assert, which are steps of their own.
struct KernelGroup {
  enum class Kind {
    Route,        ///< a task is a token
    RouteExperts, ///< a task is an expert, which sees all tokens
    Index,
    Matmul,
    Combine,
    Ordinary,
    ByTokens,
    Require
  };
  Kind kind;
  llvm::SmallVector<mlir::Operation *> ops;
};

/// Groups the ops of a block. A router's score, select and weigh are one
/// kernel, as is the index work of capacity, group and tiles; a matmul with its
/// epilogue, and with what its weights are made of if it packs them, a combine,
/// a selection of tokens by experts and an ordinary op are a kernel each.
/// Constants, sizes and other scalars, and what depends on parameters alone
/// belong to no group.
llvm::SmallVector<KernelGroup> partition(mlir::Block &block,
                                         const WeightOnly &weights);

/// Ops without work of their own that every kernel repeats: constants, empty
/// tensors and fills of them with a constant.
bool isRepeatable(mlir::Operation *op);

/// Ops that make nothing but an index, integer or float of other ones, of sizes
/// and of elements: every kernel that needs it computes it.
bool isScalarOp(mlir::Operation *op);

} // namespace moe

#endif // MOE_PASSES_EXEC_KERNELPARTITION_H
