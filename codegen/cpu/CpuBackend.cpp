//===- CpuBackend.cpp - The CPU as a backend ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/CpuBackend.h"

#include "moe/codegen/cpu/CodeImage.h"
#include "moe/codegen/cpu/KernelParts.h"
#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/cpu/ObjectEmitter.h"
#include "moe/codegen/cpu/Passes.h"

#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

bool CpuBackend::knows(llvm::StringRef name) const {
  return CpuTarget::parse(name).has_value();
}

std::string CpuBackend::knownNames() const { return CpuTarget::knownNames(); }

FailureOr<TargetAttrInterface> CpuBackend::makeTarget(
    MLIRContext &context, const TargetRequest &request,
    llvm::function_ref<InFlightDiagnostic()> emitError) const {
  context.getOrLoadDialect<MoeCpuDialect>();
  StringAttr emulatedOn;
  if (!request.codeName.empty() && request.codeName != request.name)
    emulatedOn = StringAttr::get(&context, request.codeName);
  // Where a size is not known, that of a small core of ours.
  auto orElse = [](int64_t value, int64_t otherwise) {
    return value > 0 ? value : otherwise;
  };
  auto target = cpu::TargetAttr::getChecked(
      emitError, &context, llvm::StringRef(request.name),
      orElse(request.l1, 32 << 10), orElse(request.l2, 512 << 10),
      orElse(request.l3, 16 << 20), orElse(request.cores, 4), emulatedOn);
  if (!target)
    return failure();
  return cast<TargetAttrInterface>(target);
}

/// The nested module that moe-lower-kernels made.
static ModuleOp kernelsOf(ModuleOp lowered) {
  for (auto nested : lowered.getOps<ModuleOp>())
    return nested;
  return {};
}

static CpuTarget codeTarget(TargetAttrInterface target) {
  return cast<cpu::TargetAttr>(target).getEmittedCpu();
}

void CpuBackend::buildLowerPipeline(OpPassManager &pm,
                                    TargetAttrInterface target) const {
  pm.addPass(createLowerKernelsPass());
  OpPassManager &kernels = pm.nest<ModuleOp>();
  if (cast<cpu::TargetAttr>(target).getEmulatedOn())
    kernels.addPass(createEmulateIsaPass({codeTarget(target).name()}));
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

bool CpuBackend::emits(moe::EmitKind kind) const {
  return kind == moe::EmitKind::Object || kind == moe::EmitKind::Llvm ||
         kind == moe::EmitKind::Asm;
}

static LogicalResult convertToLlvm(ModuleOp kernels, const CpuTarget &code) {
  PassManager pm(kernels.getContext(), ModuleOp::getOperationName());
  pm.enableVerifier(false); // LLVM's looks at what comes of it
  pm.addPass(createToLlvmPass({code.name()}));
  return pm.run(kernels);
}

/// The code of modules that are compiled at the same time.
static FailureOr<std::vector<EmittedCode>>
emitParts(MLIRContext *context, MutableArrayRef<ModuleOp> parts,
          const CpuTarget &code) {
  const bool threaded = context->isMultithreadingEnabled();
  context->enableMultithreading(parts.size() > 1 || threaded);
  std::vector<EmittedCode> emitted(parts.size());
  ParallelDiagnosticHandler diagnostics(context);
  LogicalResult result = failableParallelForEach(
      context, llvm::seq<size_t>(0, parts.size()), [&](size_t i) {
        diagnostics.setOrderIDForThread(i);
        FailureOr<EmittedCode> made =
            emitCode(parts[i], code, cpu::EmitKind::Object);
        diagnostics.eraseOrderIDForThread();
        if (succeeded(made))
          emitted[i] = std::move(*made);
        return LogicalResult(made);
      });
  context->enableMultithreading(threaded);
  if (failed(result))
    return failure();
  return emitted;
}

FailureOr<std::string> CpuBackend::emit(ModuleOp lowered,
                                        TargetAttrInterface target,
                                        moe::EmitKind kind,
                                        const CodegenServices &) const {
  cpu::EmitKind asked = kind == moe::EmitKind::Llvm  ? cpu::EmitKind::LlvmIr
                        : kind == moe::EmitKind::Asm ? cpu::EmitKind::Assembly
                                                     : cpu::EmitKind::Object;
  ModuleOp kernels = kernelsOf(lowered);
  if (!kernels)
    return lowered.emitError("expects lowered kernels in a nested module");
  OwningOpRef<ModuleOp> copy(kernels.clone());
  if (failed(convertToLlvm(*copy, codeTarget(target))))
    return failure();
  FailureOr<EmittedCode> code = emitCode(*copy, codeTarget(target), asked);
  if (failed(code))
    return failure();
  return std::move(code->bytes);
}

LogicalResult CpuBackend::addCode(ModuleOp lowered, TargetAttrInterface target,
                                  const CodegenServices &services,
                                  abi::VariantT &variant) const {
  CpuTarget code = codeTarget(target);
  variant.target = target.getTargetName();
  variant.emulated = bool(cast<cpu::TargetAttr>(target).getEmulatedOn());
  for (unsigned bit = 0; bit < abi::cpuFeatureNames.size(); ++bit)
    if (auto feature = static_cast<abi::CpuFeature>(bit); code.has(feature))
      variant.features.emplace_back(abi::name(feature));
  auto bytes = std::make_unique<abi::CodeT>();
  bytes->kind = abi::CodeKind::CpuImage;
  bytes->arch = code.triple().split('-').first.str();
  if (variant.kernels.empty()) { // Copies need no code.
    variant.code.push_back(std::move(bytes));
    return success();
  }
  ModuleOp kernels = kernelsOf(lowered);
  if (!kernels)
    return lowered.emitError("expects lowered kernels in a nested module");
  Stopwatch watch;
  auto report = [&](llvm::StringRef step, double ms) {
    if (services.timing)
      services.timing(step, ms);
  };
  if (failed(convertToLlvm(kernels, code)))
    return failure();
  report("to-llvm", watch.lap());
  SmallVector<ModuleOp> split = splitKernels(kernels);
  FailureOr<std::vector<EmittedCode>> parts =
      emitParts(lowered.getContext(), split, code);
  if (failed(parts))
    return failure();
  report("machine-code", watch.lap());
  // Threads work at the same time: what they took, not how long it was.
  double translate = 0, optimize = 0, generate = 0;
  std::vector<llvm::StringRef> objects;
  std::vector<std::string> entries;
  for (EmittedCode &part : *parts) {
    translate += part.translateMs;
    optimize += part.optimizeMs;
    generate += part.generateMs;
    objects.push_back(part.bytes);
    llvm::append_range(entries, part.entries);
  }
  report("machine-code/translate", translate);
  report("machine-code/optimize", optimize);
  report("machine-code/generate", generate);
  auto emitError = [&] { return lowered.emitError(); };
  FailureOr<abi::CodeImage> image = linkCodeImage(objects, entries, emitError);
  if (failed(image))
    return failure();
  report("link", watch.lap());
  llvm::StringMap<uint64_t> offsets;
  for (const abi::CodeEntry &entry : image->entries)
    offsets[entry.name] = entry.offset;
  for (auto &kernel : variant.kernels) {
    auto it = offsets.find(kernel->name);
    if (it == offsets.end())
      return lowered.emitError()
             << "kernel '" << kernel->name << "' has no code";
    kernel->entry = it->second;
  }
  bytes->bytes = std::move(image->bytes);
  variant.code.push_back(std::move(bytes));
  return success();
}
