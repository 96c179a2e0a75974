//===- Emitters.h - From ops to loops ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel belongs to one class, by the ops in it, and each class has one
// emitter, a file of its own. What a class can hold is said in KernelClass.h;
// emitters rely on it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_EMITTERS_H
#define MOE_CODEGEN_CPU_EMITTERS_H

#include "moe/codegen/cpu/KernelFrame.h"
#include "moe/dialect/MoeOps.h"

namespace moe::cpu {

/// One moe.grouped_matmul. Tasks: row tiles x runs of panels. Scratch:
/// MatmulShape.
void emitMatmul(KernelFrame &frame, GroupedMatmulOp op);

/// moe.capacity, group, groups_from_offsets, offsets, places, row_experts and
/// tiles, in order. One task.
void emitIndex(KernelFrame &frame);
int64_t indexScratch(exec::KernelOp kernel);
/// One moe.capacity of it: the kept ids go to `kept`, `counters` has an i32 an
/// expert and one more.
void emitCapacity(KernelFrame &frame, CapacityOp op, mlir::Value kept,
                  mlir::Value counters);

/// moe.score, select and weigh, over logits of any ordinary ops. Tasks: tokens.
void emitRoute(KernelFrame &frame);
int64_t routeScratch(exec::KernelOp kernel);

/// One moe.combine. Tasks: tokens.
void emitCombine(KernelFrame &frame, CombineOp op);
int64_t combineScratch(CombineOp op);

/// One moe.pack over tensors of any ordinary ops. Tasks: panels.
void emitPack(KernelFrame &frame, PackOp op);

/// Ordinary ops: linalg, arith, math, tensor, moe.activate, dispatch and
/// dequantize. Tasks: leading elements of the results.
void emitElements(KernelFrame &frame);

/// The scalar ops of a block on values of `width` elements; what its
/// terminator is given.
LeafBuilder::Values cloneWidened(LeafBuilder &l, mlir::Block &block,
                                 mlir::ArrayRef<mlir::Value> arguments,
                                 int64_t width);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_EMITTERS_H
