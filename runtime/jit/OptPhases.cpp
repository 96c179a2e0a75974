//===- OptPhases.cpp - The compiler's phases as a flag of moe-opt ---------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/OptPhases.h"

#include "moe/dialect/MoeDialect.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/jit/ResolveTarget.h"

#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringRef.h"

using namespace mlir;
using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::Result;

Result<OptPhases> jit::parseOptPhases(std::string_view text) {
  OptPhases phases;
  SmallVector<StringRef> parts;
  StringRef(text).split(parts, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    auto [key, value] = part.split('=');
    if (key == "target" && !value.empty()) {
      phases.target = value.str();
    } else if (key == "from" || key == "to") {
      Result<Phase> phase = phaseFromName(value.str());
      if (!phase)
        return phase.takeError();
      (key == "from" ? phases.from : phases.to) = *phase;
    } else {
      return Error(ErrorId::UsageInvalid,
                   "--moe-pipeline: unknown part '" + part.str() +
                       "', expected target=T, from=PHASE or to=PHASE");
    }
  }
  return phases;
}

/// The target by name, or a diagnostic.
static FailureOr<Target> findTarget(MLIRContext &context,
                                    const std::string &name) {
  auto isa = core::environment(core::Variable::Isa);
  Result<Target> target =
      isa ? resolveTarget(context, name, *isa ? (*isa)->c_str() : nullptr)
          : Result<Target>(isa.takeError());
  if (target)
    return *target;
  emitError(UnknownLoc::get(&context)) << target.error().message;
  return failure();
}

namespace {

/// The module's target by name: what moe-compile sets before the first phase.
struct SetTargetPass : PassWrapper<SetTargetPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SetTargetPass)
  SetTargetPass() = default;
  SetTargetPass(const SetTargetPass &other) : PassWrapper(other) {}
  SetTargetPass(const std::string &name, bool isApprox) {
    target = name;
    approx = isApprox;
  }

  StringRef getArgument() const override { return "moe-set-target"; }
  StringRef getDescription() const override {
    return "Set the module's target by its name";
  }
  void runOnOperation() override {
    FailureOr<Target> found = findTarget(getContext(), target);
    if (failed(found))
      return signalPassFailure();
    getOperation()->setAttr(MoeDialect::kTargetAttr, found->attribute);
    if (approx)
      getOperation()->setAttr(MoeDialect::kFastAttr,
                              StringAttr::get(&getContext(), "approx"));
  }

  Option<std::string> target{*this, "target",
                             llvm::cl::desc("A name as of moe-compile"),
                             llvm::cl::init("host")};
  Option<bool> approx{*this, "approx", llvm::cl::desc("Set moe.fast to approx"),
                      llvm::cl::init(false)};
};

} // namespace

LogicalResult jit::addOptPhases(PassManager &pm, const OptPhases &phases) {
  pm.getContext()->loadAllAvailableDialects();
  FailureOr<Target> target = findTarget(*pm.getContext(), phases.target);
  if (failed(target))
    return failure();
  pm.addPass(std::make_unique<SetTargetPass>(phases.target, phases.approx));
  buildPhases(pm, *target->backend, target->attribute, phases.from, phases.to);
  return success();
}

void jit::registerSetTarget() { PassRegistration<SetTargetPass>(); }
