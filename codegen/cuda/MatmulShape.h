//===- MatmulShape.h - The numbers of a planned matmul ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An op and its plan as the sizes that the text, the launch and the cost model
// count with: one definition for the three.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_MATMULSHAPE_H
#define MOE_CODEGEN_CUDA_MATMULSHAPE_H

#include "moe/codegen/cuda/MoeCudaDialect.h"
#include "moe/dialect/MoeOps.h"

namespace moe::cuda {

/// Whether rows and weights are bf16: what tensor cores take.
bool bothBf16(GroupedMatmulOp op);
/// Whether rows of lhs start on 16 bytes, and there is something in them: what
/// tensor copies take.
bool isAligned(GroupedMatmulOp op);

struct MatmulShape {
  int64_t columns, depth, sides, groups;
  MatmulAttr plan;
  int64_t threads;                  ///< of a block
  int64_t threadM = 0, threadN = 0; ///< elements of a thread, fma
  int64_t warpsM = 0, warpsN = 0;   ///< warps over the tile, sm80_mma
  int64_t smem;                     ///< dynamic shared memory, bytes
  bool persistent;

  MatmulShape(GroupedMatmulOp op, MatmulAttr plan);
  /// With the plan that the op carries.
  explicit MatmulShape(GroupedMatmulOp op);

  int64_t columnTiles() const {
    return (columns + plan.getTileN() - 1) / plan.getTileN();
  }
};

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_MATMULSHAPE_H
