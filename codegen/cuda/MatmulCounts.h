//===- MatmulCounts.h - Tiles, waves and waste of a matmul ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How well a plan fills a device can be counted without one: how many tiles
// there are, how often all multiprocessors are filled with them, and how much
// of them lies past the rows and columns that were asked for. Tokens are taken
// to draw their experts uniformly.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_MATMULCOUNTS_H
#define MOE_CODEGEN_CUDA_MATMULCOUNTS_H

#include "moe/codegen/cuda/MatmulShape.h"

namespace moe::cuda {

/// How rows come to experts.
struct MatmulRouting {
  int64_t experts; ///< groups of rows; 1 for a matmul without groups
  int64_t slots;   ///< different experts of a token, at most `experts`
};

/// The routing of an op whose rows are tokens or their slots; none where it
/// cannot be seen.
std::optional<MatmulRouting> routingOf(GroupedMatmulOp op);

/// Blocks that a multiprocessor holds at a time by their shared memory. What
/// registers allow is known once ptxas has dealt them.
int64_t residentBlocks(const MatmulShape &shape, cuda::TargetAttr target);

/// Expected values; fractions are kept.
struct MatmulCounts {
  double experts; ///< that have a row: their weights are read
  double tiles;   ///< of rows and columns
  double waves;   ///< tiles by blocks that the device holds at a time
  double waste;   ///< elements computed by elements asked for, 1 or more
};

/// What `tokens` (1 or more) tokens come to.
MatmulCounts countMatmul(const MatmulShape &shape, MatmulRouting routing,
                         cuda::TargetAttr target, int64_t tokens);

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_MATMULCOUNTS_H
