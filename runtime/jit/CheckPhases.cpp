//===- CheckPhases.cpp - Which pass changed the values? -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interpreter runs the IR of every phase up to plan. The values of the
// input are the truth; the first phase that gives others is named.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Compare.h"
#include "moe/runtime/jit/Compile.h"
#include "moe/runtime/jit/Phases.h"
#include "moe/runtime/jit/Reference.h"
#include "moe/runtime/jit/ResolveTarget.h"
#include "moe/runtime/jit/Source.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::NamedTensor;
using core::Result;
using core::Status;

static std::vector<core::NamedView>
viewsOf(const std::vector<NamedTensor> &tensors) {
  std::vector<core::NamedView> views;
  for (const NamedTensor &each : tensors)
    views.push_back({each.name, each.tensor.view()});
  return views;
}

Result<std::string> jit::checkPhases(const moe_plugin_source &source,
                                     const moe_plugin_options &options,
                                     const moe_plugin_weights *weights,
                                     std::span<const moe_plugin_tensor> inputs,
                                     double rtol) {
  std::unique_ptr<MLIRContext> context = makeContext();
  auto module = loadSource(*context, source);
  if (!module)
    return module.takeError();
  Result<Target> target = resolveTarget(
      *context, splitTargets(options.targets).front(), options.isa);
  if (!target)
    return target.takeError();
  std::string report;
  llvm::raw_string_ostream os(report);
  std::vector<NamedTensor> truth;
  PhaseOptions phases;
  phases.to = Phase::Plan;
  phases.overrideIds = source.override_ids;
  if (options.fast) {
    Result<bool> approx = approxFromName(options.fast);
    if (!approx)
      return approx.takeError();
    phases.approx = *approx;
  }
  phases.inspect = [&](Phase phase, ModuleOp now) -> Status {
    Result<func::FuncOp> function = findFunction(now, source.function);
    if (!function)
      return function.takeError();
    auto results = interpretFunction(*function, weights, inputs, false);
    if (!results)
      return results.takeError();
    if (truth.empty()) {
      truth = std::move(*results);
      return Status::ok();
    }
    std::string problem;
    double worst = 0;
    for (const core::TensorReport &each :
         core::compareTensors(viewsOf(*results), viewsOf(truth))) {
      worst = std::max(worst, each.error);
      if (problem.empty() && !each.agrees(rtol))
        problem = each.name + " " + each.problem;
    }
    os << llvm::left_justify(std::string(nameOf(phase)), 8) << " error "
       << llvm::format("%.2e", worst) << "\n";
    if (problem.empty())
      return Status::ok();
    return Error(ErrorId::ResultMismatch,
                 "the passes to phase '" + std::string(nameOf(phase)) +
                     "' changed the values (relative error " +
                     llvm::formatv("{0:e2}", worst).str() + "): " + problem);
  };
  if (Status status =
          runPhases(**module, *target->backend, target->attribute, phases);
      !status)
    return status.takeError();
  return report;
}
