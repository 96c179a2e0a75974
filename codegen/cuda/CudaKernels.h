//===- CudaKernels.h - Tasks and blocks of CUDA kernels ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tasks of a kernel are on a GPU, how large its blocks are, and
// whether it can be emitted at all: answers that must fit each other and the
// text.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_CUDAKERNELS_H
#define MOE_CODEGEN_CUDA_CUDAKERNELS_H

#include "moe/codegen/cuda/MatmulShape.h"
#include "moe/codegen/leaf/KernelClass.h"

namespace moe::cuda {

using leaf::classOf;
using leaf::KernelClass;
using leaf::onlyOp;

/// Threads of a block of a kernel of ordinary ops, a pack or a combine.
inline constexpr int64_t elementThreads = 128;
/// Columns of a token that a combine's block sums.
inline constexpr int64_t combineColumns = 4 * elementThreads;
/// A routing block has a warp for each of so many tokens.
inline constexpr int64_t routeTokens = 4;
/// Where its rows begin, in bytes: at a vector of four elements.
inline constexpr int64_t routeAlignment = 16;
/// An index kernel is one block of at most so many warps.
inline constexpr int64_t indexWarps = 32;

/// Tasks of a kernel that getUnsupported() has nothing against.
KernelShape shapeOf(exec::KernelOp kernel);
/// Its blocks.
LaunchAttr launchOf(exec::KernelOp kernel, TargetAttr target);

/// Why a kernel, or an op that will be in one, cannot be emitted; empty if it
/// can.
std::string whyUnsupported(mlir::Operation *op, TargetAttr target);

/// How a kernel of ordinary ops is split: tasks are the leading dimensions of
/// its results, or, where there are no others, runs of elementThreads.
struct ElementGrid {
  unsigned dims = 0;      ///< leading dimensions
  bool runs = false;      ///< every thread has one index of them
  mlir::AffineExpr count; ///< indices of them
};
ElementGrid elementGrid(exec::KernelOp kernel);

/// Warps of an index kernel and what its block keeps in shared memory: a
/// counter an expert for each, and one in all.
struct IndexShape {
  int64_t experts = 1, warps = 1;
  IndexShape(exec::KernelOp kernel, int64_t sharedBytesOfBlock);
  int64_t sharedBytes() const;
};

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_CUDAKERNELS_H
