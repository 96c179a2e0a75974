//===- Compile.cpp - From a source to what was asked for ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/Compile.h"

#include "moe/codegen/Backend.h"
#include "moe/codegen/program/SerializeProgram.h"
#include "moe/runtime/core/Package.h"
#include "moe/runtime/core/Version.h"
#include "moe/runtime/jit/CompileCuda.h"
#include "moe/runtime/jit/Decisions.h"
#include "moe/runtime/jit/Diagnostics.h"
#include "moe/runtime/jit/Phases.h"
#include "moe/runtime/jit/ResolveTarget.h"
#include "moe/runtime/jit/Source.h"

#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/StringSwitch.h"

#include <chrono>

using namespace mlir;
using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

static std::string printed(Operation *op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  op->print(os);
  os << "\n";
  return text;
}

static std::optional<EmitKind> emitKind(StringRef name) {
  return llvm::StringSwitch<std::optional<EmitKind>>(name)
      .Case("object", EmitKind::Object)
      .Case("llvm", EmitKind::Llvm)
      .Case("asm", EmitKind::Asm)
      .Case("cuda", EmitKind::Cuda)
      .Case("ptx", EmitKind::Ptx)
      .Case("cubin", EmitKind::Cubin)
      .Default(std::nullopt);
}

static Result<PhaseOptions> phaseOptions(const moe_plugin_source &source,
                                         const moe_plugin_options &options,
                                         const Timing &timing) {
  PhaseOptions made;
  if (options.from_phase) {
    Result<Phase> from = phaseFromName(options.from_phase);
    if (!from)
      return from.takeError();
    made.from = *from;
  }
  if (options.to_phase) {
    Result<Phase> to = phaseFromName(options.to_phase);
    if (!to)
      return to.takeError();
    made.to = *to;
  }
  if (options.dump_dir)
    made.dumpDir = options.dump_dir;
  made.rowDeterminism = options.deterministic;
  if (options.fast) {
    Result<bool> approx = approxFromName(options.fast);
    if (!approx)
      return approx.takeError();
    made.approx = *approx;
  }
  made.overrideIds = source.override_ids;
  made.timing = timing;
  return made;
}

/// Runs phases with the diagnostics of whatever else fails turned into one
/// Error.
template <typename T>
static Result<T> collected(MLIRContext &context, ErrorId id,
                           std::string_view what,
                           llvm::function_ref<FailureOr<T>()> run) {
  DiagnosticCollector diagnostics(context);
  FailureOr<T> result = run();
  if (succeeded(result))
    return std::move(*result);
  Error error = diagnostics.error(id, what);
  error.details = diagnostics.details();
  return error;
}

static Result<std::unique_ptr<abi::VariantT>>
compileVariant(ModuleOp module, const Target &target,
               const CodegenServices &services, const PhaseOptions &options) {
  if (Status status =
          runPhases(module, *target.backend, target.attribute, options);
      !status)
    return status.takeError();
  auto start = std::chrono::steady_clock::now();
  auto variant = collected<std::unique_ptr<abi::VariantT>>(
      *module.getContext(), ErrorId::CompileFailed, "code generation failed",
      [&]() -> FailureOr<std::unique_ptr<abi::VariantT>> {
        auto made = serializeVariant(module);
        if (failed(made) || failed(target.backend->addCode(
                                module, target.attribute, services, **made)))
          return failure();
        return std::move(*made);
      });
  std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;
  if (options.timing)
    options.timing("object", took.count());
  return variant;
}

/// Loads the source and restricts it to the function that was asked for: every
/// other public function becomes private and goes.
static Result<OwningOpRef<ModuleOp>> load(MLIRContext &context,
                                          const moe_plugin_source &source,
                                          const Timing &timing) {
  auto start = std::chrono::steady_clock::now();
  Result<OwningOpRef<ModuleOp>> module = loadSource(context, source);
  if (!module)
    return module.takeError();
  if (source.function) {
    Result<func::FuncOp> function = findFunction(**module, source.function);
    if (!function)
      return function.takeError();
    for (auto other : (*module)->getOps<func::FuncOp>())
      if (other != *function && other.isPublic())
        other.setPrivate();
  }
  std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;
  if (timing)
    timing("load", took.count());
  return module;
}

Result<std::string> jit::compile(const moe_plugin_source &source,
                                 const moe_plugin_options &options,
                                 const Timing &timing) {
  std::unique_ptr<MLIRContext> context = makeContext();
  auto remarks = std::make_shared<PassRemarks>();
  collectRemarks(*context, remarks);
  Result<PhaseOptions> phases = phaseOptions(source, options, timing);
  if (!phases)
    return phases.takeError();
  Result<OwningOpRef<ModuleOp>> input = load(*context, source, timing);
  if (!input)
    return input.takeError();
  std::vector<std::string> names = splitTargets(options.targets);
  std::string emit = options.emit ? options.emit : "package";
  if (emit != "package" && names.size() != 1)
    return Error(ErrorId::UsageInvalid, "--emit=" + emit +
                                            " is for one target, got " +
                                            std::to_string(names.size()));
  if (emit == "plan")
    phases->to = Phase::Plan;
  if (emit == "exec")
    phases->to = Phase::Exec;
  bool wantsIr = phases->to != Phase::Object;
  CudaCompiler cuda;
  CodegenServices services = cuda.services();
  if (timing)
    services.timing = [&](StringRef step, double ms) {
      timing("object/" + step.str(), ms);
    };
  std::string ir = options.strip_ir ? "" : printed(**input);

  abi::PackageT package;
  package.build_id = core::buildId();
  package.ir = ir;
  for (const std::string &name : names) {
    Result<Target> target = resolveTarget(*context, name, options.isa);
    if (!target)
      return target.takeError();
    OwningOpRef<ModuleOp> module((*input)->clone());
    if (wantsIr) {
      if (Status status =
              runPhases(*module, *target->backend, target->attribute, *phases);
          !status)
        return status.takeError();
      return printed(*module);
    }
    if (std::optional<EmitKind> kind = emitKind(emit)) {
      if (!target->backend->emits(*kind))
        return Error(ErrorId::TargetUnsupported,
                     "target '" + name + "' has no --emit=" + emit);
      if (Status status =
              runPhases(*module, *target->backend, target->attribute, *phases);
          !status)
        return status.takeError();
      Result<std::string> emitted = collected<std::string>(
          *context, ErrorId::CompileFailed, "code generation failed", [&] {
            return target->backend->emit(*module, target->attribute, *kind,
                                         services);
          });
      return cuda.failure ? *cuda.failure : std::move(emitted);
    }
    if (emit != "package")
      return Error(ErrorId::UsageInvalid,
                   "unknown --emit=" + emit +
                       ", expected package, object, llvm, asm, cuda, ptx, "
                       "cubin, plan or exec");
    auto variant = compileVariant(*module, *target, services, *phases);
    if (!variant)
      return cuda.failure ? *cuda.failure : variant.takeError();
    if (options.strip_ir)
      if (Status status = stripText(**variant, cuda); !status)
        return status.takeError();
    if (package.decisions.empty())
      package.decisions = decisionsAsJson(*module, *remarks);
    package.variants.push_back(std::move(*variant));
  }
  return core::writePackage(package);
}

Result<std::string> jit::explain(const moe_plugin_source &source,
                                 const moe_plugin_options &options, bool json) {
  std::unique_ptr<MLIRContext> context = makeContext();
  auto remarks = std::make_shared<PassRemarks>();
  collectRemarks(*context, remarks);
  Result<PhaseOptions> phases = phaseOptions(source, options, {});
  if (!phases)
    return phases.takeError();
  Result<OwningOpRef<ModuleOp>> module = load(*context, source, {});
  if (!module)
    return module.takeError();
  Result<Target> target = resolveTarget(
      *context, splitTargets(options.targets).front(), options.isa);
  if (!target)
    return target.takeError();
  phases->to = Phase::Plan;
  if (Status status =
          runPhases(**module, *target->backend, target->attribute, *phases);
      !status)
    return status.takeError();
  return json ? decisionsAsJson(**module, *remarks)
              : decisionsAsText(**module, *remarks);
}
