//===- Phases.cpp - From one phase to the next ----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/Phases.h"

#include "moe/dialect/MoeDialect.h"
#include "moe/passes/Passes.h"
#include "moe/passes/Pipelines.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/jit/Diagnostics.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Process.h"

#include <array>
#include <atomic>
#include <chrono>

using namespace mlir;
using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

static constexpr std::array<std::string_view, 6> kPhaseNames = {
    "input", "group", "plan", "exec", "lower", "object"};

std::string_view jit::nameOf(Phase phase) {
  return kPhaseNames[static_cast<size_t>(phase)];
}

Result<Phase> jit::phaseFromName(std::string_view name) {
  for (size_t i = 0; i < kPhaseNames.size(); ++i)
    if (kPhaseNames[i] == name)
      return static_cast<Phase>(i);
  return Error(ErrorId::PhaseUnknown,
               "unknown phase '" + std::string(name) +
                   "', expected input, group, plan, exec, lower or object");
}

Result<bool> jit::approxFromName(std::string_view name) {
  if (name == "approx" || name == "none")
    return name == "approx";
  return Error(ErrorId::UsageInvalid,
               "unknown --moe-fast=" + std::string(name) +
                   ", expected approx or none");
}

namespace {

/// Remembers which pass failed.
struct FailureWatch : PassInstrumentation {
  explicit FailureWatch(std::string &failed) : failed(failed) {}
  void runAfterPassFailed(Pass *pass, Operation *) override {
    if (failed.empty())
      failed = pass->getArgument().empty() ? pass->getName().str()
                                           : pass->getArgument().str();
  }
  std::string &failed;
};

} // namespace

static void buildPipeline(OpPassManager &pm, Phase phase,
                          const Backend &backend, TargetAttrInterface target) {
  switch (phase) {
  case Phase::Input:
    buildRaisePipeline(pm);
    return buildSimplifyPipeline(pm);
  case Phase::Group:
    return buildGroupPipeline(pm);
  case Phase::Plan:
    return buildPlanPipeline(pm);
  case Phase::Exec:
    return buildExecPipeline(pm);
  case Phase::Lower:
    return backend.buildLowerPipeline(pm, target);
  case Phase::Object:
    return; // not a phase of IR
  }
}

/// The first phase whose passes run, and the last.
static std::pair<int, int> phaseRange(Phase from, Phase to) {
  int first = from == Phase::Input ? 0 : static_cast<int>(from) + 1;
  return {first,
          std::min(static_cast<int>(to), static_cast<int>(Phase::Lower))};
}

void jit::buildPhases(OpPassManager &pm, const Backend &backend,
                      TargetAttrInterface target, Phase from, Phase to) {
  auto [first, last] = phaseRange(from, to);
  for (int i = first; i <= last; ++i)
    buildPipeline(pm, static_cast<Phase>(i), backend, target);
}

std::string jit::reproducerPath(std::string_view extension) {
  std::string folder = core::os::environmentVariable("TMPDIR").value_or("/tmp");
  if (auto dumps = core::environment(core::Variable::DumpDir); dumps && *dumps)
    folder = **dumps;
  static std::atomic<unsigned> next = 0;
  return folder + "/moec-reproducer-" +
         std::to_string(llvm::sys::Process::getProcessId()) + "-" +
         std::to_string(next++) + "." + std::string(extension);
}

static Status runPipeline(ModuleOp module, Phase phase, const Backend &backend,
                          TargetAttrInterface target,
                          const PhaseOptions &options) {
  DiagnosticCollector diagnostics(*module.getContext());
  std::string failedPass, path = reproducerPath("mlir");
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addInstrumentation(std::make_unique<FailureWatch>(failedPass));
  // Of the whole phase: one of the pass alone would be a copy before each.
  pm.enableCrashReproducerGeneration(path);
  // Kernels are many ops, which one emitter wrote: LLVM's verifier looks at
  // what comes of them.
  if (phase == Phase::Lower)
    pm.enableVerifier(false);
  if (phase == Phase::Input && options.overrideIds)
    pm.nest<func::FuncOp>().addPass(createOverrideIdsPass());
  buildPipeline(pm, phase, backend, target);
  if (succeeded(pm.run(module)))
    return Status::ok();
  std::string message = "compilation failed in pass '" + failedPass +
                        "' (phase " + std::string(nameOf(phase)) + "): ";
  message +=
      diagnostics.hasErrors() ? diagnostics.message() : "no reason was given";
  message += "; reproducer: moe-opt --run-reproducer " + path;
  Error error(ErrorId::CompileFailed, message);
  error.details = diagnostics.details();
  return error;
}

static Status dump(ModuleOp module, Phase phase, const std::string &folder) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os, OpPrintingFlags().elideLargeElementsAttrs(64));
  if (Status made = core::os::makeDirectories(folder); !made)
    return made;
  return core::os::writeFile(folder + "/" +
                                 std::to_string(static_cast<int>(phase)) + "-" +
                                 std::string(nameOf(phase)) + ".mlir",
                             text);
}

Status jit::runPhases(ModuleOp module, const Backend &backend,
                      TargetAttrInterface target, const PhaseOptions &options) {
  using Clock = std::chrono::steady_clock;
  module->setAttr(MoeDialect::kTargetAttr, target);
  if (!options.rowDeterminism)
    module->setAttr(MoeDialect::kDeterminismAttr,
                    StringAttr::get(module.getContext(), "none"));
  if (options.approx)
    module->setAttr(MoeDialect::kFastAttr,
                    StringAttr::get(module.getContext(), "approx"));
  if (options.inspect && options.from == Phase::Input)
    if (Status status = options.inspect(Phase::Input, module); !status)
      return status;
  auto [first, last] = phaseRange(options.from, options.to);
  for (int i = first; i <= last; ++i) {
    auto phase = static_cast<Phase>(i);
    auto start = Clock::now();
    if (Status status = runPipeline(module, phase, backend, target, options);
        !status)
      return status;
    std::chrono::duration<double, std::milli> took = Clock::now() - start;
    if (options.timing)
      options.timing(nameOf(phase), took.count());
    if (!options.dumpDir.empty())
      if (Status status = dump(module, phase, options.dumpDir); !status)
        return status;
    if (options.inspect && phase <= Phase::Plan)
      if (Status status = options.inspect(phase, module); !status)
        return status;
  }
  return Status::ok();
}
