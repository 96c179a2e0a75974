//===- Pipelines.h - The phases as lists of passes --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_PIPELINES_H
#define MOE_PASSES_PIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace moe {

/// ordinary ops -> input: MoE layers in linalg raised to moe ops.
void buildRaisePipeline(mlir::OpPassManager &pm);
/// input: the layer as imported or parsed, simplified in place.
void buildSimplifyPipeline(mlir::OpPassManager &pm);
/// input -> group: routes decomposed, experts lowered, matmuls fused.
void buildGroupPipeline(mlir::OpPassManager &pm);
/// group -> plan: token buckets, plans, packed weights, tiles. The module has a
/// moe.target.
void buildPlanPipeline(mlir::OpPassManager &pm);
/// plan -> exec: programs over kernels.
void buildExecPipeline(mlir::OpPassManager &pm);

/// Registers each as moe-raise, moe-simplify, moe-to-group, moe-to-plan,
/// moe-to-exec.
void registerPipelines();

} // namespace moe

#endif // MOE_PASSES_PIPELINES_H
