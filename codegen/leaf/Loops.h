//===- Loops.h - Loops over the elements of tensors -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sort, scan, scatter and whatever else front ends write as loops that carry
// tensors and change an element at a time: one task walks them, in order, and
// changes the results' buffers in place. That is right only where no version of
// a tensor is read after a later one was written, so it is asked first.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_LOOPS_H
#define MOE_CODEGEN_LEAF_LOOPS_H

#include "moe/codegen/leaf/LeafFrame.h"

#include <string>

namespace moe::leaf {

/// Why a loop cannot be walked in place; empty if it can. `whyOp` answers for
/// the ops in it that make no version of a carried tensor.
std::string
whyLoopsUnsupported(mlir::Operation *loop,
                    llvm::function_ref<std::string(mlir::Operation *)> whyOp);

/// A kernel of one loop. One task.
void emitLoops(LeafFrame &frame);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_LOOPS_H
