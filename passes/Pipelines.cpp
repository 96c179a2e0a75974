//===- Pipelines.cpp - The phases as lists of passes ----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Pipelines.h"

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace moe;

void moe::buildRaisePipeline(OpPassManager &pm) {
  pm.addPass(createCountCostsPass({"before", {}}));
  OpPassManager &function = pm.nest<func::FuncOp>();
  function.addPass(createRaiseLayersPass());
  function.addPass(createRaiseRoutesPass());
  pm.addPass(createCSEPass());
}

void moe::buildSimplifyPipeline(OpPassManager &pm) {
  pm.addPass(createInlinerPass());
  pm.nest<func::FuncOp>().addPass(createExposeTapsPass());
  pm.addPass(createCanonicalizerPass());
  pm.nest<func::FuncOp>().addPass(createSimplifyLayersPass());
  pm.addPass(createCSEPass());
}

void moe::buildGroupPipeline(OpPassManager &pm) {
  pm.nest<func::FuncOp>().addPass(createUnrollLoopsPass());
  pm.addPass(createCanonicalizerPass());
  OpPassManager &function = pm.nest<func::FuncOp>();
  function.addPass(createLowerFrontEndPass());
  function.addPass(createHoistAssertsPass());
  function.addPass(createSplitResultsPass());
  // Front ends write dimensions of size one all over: they only hide what an
  // op is.
  function.addPass(createLinalgFoldUnitExtentDimsPass());
  function.addPass(createDecomposeRoutePass());
  function.addPass(createCheckIdsPass());
  function.addPass(createNormalizeGroupsPass());
  function.addPass(createLowerVirtualPass());
  function.addPass(createLowerPicksPass());
  function.addPass(createLowerMixturesPass());
  function.addPass(createLowerCountsPass());
  function.addPass(createLowerExpertsPass());
  function.addPass(createLowerLinearsPass());
  function.addPass(createLowerContractionsPass());
  function.addPass(createFuseGatherPass());
  function.addPass(createFuseEpiloguePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void moe::buildPlanPipeline(OpPassManager &pm) {
  OpPassManager &function = pm.nest<func::FuncOp>();
  function.addPass(createBucketTokensPass());
  function.addPass(createSelectPlanPass());
  function.addPass(createPackWeightsPass());
  function.addPass(createScheduleTilesPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createCountCostsPass({"after", {}}));
}

void moe::buildExecPipeline(OpPassManager &pm) {
  pm.addPass(createFormKernelsPass());
  pm.addPass(createDedupeKernelsPass());
  pm.addPass(createPlanMemoryPass());
}

void moe::registerPipelines() {
  PassPipelineRegistration<>(
      "moe-raise", "Raise MoE layers in ordinary ops to the input phase",
      buildRaisePipeline);
  PassPipelineRegistration<>("moe-simplify",
                             "Simplify the input phase in place",
                             buildSimplifyPipeline);
  PassPipelineRegistration<>("moe-to-group", "Input phase to group phase",
                             buildGroupPipeline);
  PassPipelineRegistration<>("moe-to-plan", "Group phase to plan phase",
                             buildPlanPipeline);
  PassPipelineRegistration<>("moe-to-exec", "Plan phase to exec phase",
                             buildExecPipeline);
}
