//===- CpuBackend.cpp - The CPU as a backend ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/CpuBackend.h"

#include "moe/codegen/cpu/CodeImage.h"
#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/cpu/ObjectEmitter.h"
#include "moe/codegen/cpu/Passes.h"

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

/// The kernels' code; the module is left as it was.
static FailureOr<EmittedCode>
emitKernels(ModuleOp lowered, TargetAttrInterface target, cpu::EmitKind kind) {
  ModuleOp kernels = kernelsOf(lowered);
  if (!kernels)
    return lowered.emitError("expects lowered kernels in a nested module");
  CpuTarget code = codeTarget(target);
  OwningOpRef<ModuleOp> copy(kernels.clone());
  PassManager pm(lowered.getContext(), ModuleOp::getOperationName());
  pm.addPass(createToLlvmPass({code.name()}));
  if (failed(pm.run(*copy)))
    return failure();
  return emitCode(*copy, code, kind);
}

FailureOr<std::string> CpuBackend::emit(ModuleOp lowered,
                                        TargetAttrInterface target,
                                        moe::EmitKind kind,
                                        const CodegenServices &) const {
  cpu::EmitKind asked = kind == moe::EmitKind::Llvm  ? cpu::EmitKind::LlvmIr
                        : kind == moe::EmitKind::Asm ? cpu::EmitKind::Assembly
                                                     : cpu::EmitKind::Object;
  FailureOr<EmittedCode> code = emitKernels(lowered, target, asked);
  if (failed(code))
    return failure();
  return std::move(code->bytes);
}

LogicalResult CpuBackend::addCode(ModuleOp lowered, TargetAttrInterface target,
                                  const CodegenServices &,
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
  FailureOr<EmittedCode> object =
      emitKernels(lowered, target, cpu::EmitKind::Object);
  if (failed(object))
    return failure();
  auto emitError = [&] { return lowered.emitError(); };
  FailureOr<abi::CodeImage> image =
      linkCodeImage(object->bytes, object->entries, emitError);
  if (failed(image))
    return failure();
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
