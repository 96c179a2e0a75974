//===- Passes.td - Passes over moe IR ----------------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Target-neutral passes, defined in the folder that holds them. Each name is
// also the name of its class, its file and its lit test: moe-fuse-gather,
// FuseGatherPass, fuse/FuseGather.cpp, test/passes/fuse-gather.mlir. Each example is run: what stands under "Before"
// becomes what stands under "After" (test/passes/doctest.test). Where a pass asks
// a target, the example's is #moe_test, whose answers stand in its attribute.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_PASSES_TD
#define MOE_PASSES_PASSES_TD

include "moe/passes/raise/RaisePasses.td"
include "moe/passes/simplify/SimplifyPasses.td"
include "moe/passes/fuse/FusePasses.td"
include "moe/passes/plan/PlanPasses.td"
include "moe/passes/exec/ExecPasses.td"

#endif // MOE_PASSES_PASSES_TD
