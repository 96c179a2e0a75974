//===- ToLlvm.cpp - Kernels to the LLVM dialect ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One conversion with one type converter: several would each know a part of the
// types, and a loop that carries a tile or a memref would belong to none.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Expansions.h"
#include "moe/codegen/cpu/Passes.h"
#include "moe/codegen/cpu/Supported.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/AMX/Transforms.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/Transforms.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace moe::cpu {
#define GEN_PASS_DEF_TOLLVMPASS
#include "moe/codegen/cpu/Passes.h.inc"
} // namespace moe::cpu

using namespace mlir;
using namespace moe::cpu;

LogicalResult moe::cpu::rewrite(Operation *root, RewritePatternSet &&patterns) {
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  return applyPatternsGreedily(root, std::move(patterns), config);
}

/// scf (and what memref views and affine maps stand for) to branches and
/// arithmetic.
static LogicalResult lowerControlFlow(ModuleOp module) {
  MLIRContext *context = module.getContext();
  RewritePatternSet views(context);
  memref::populateExpandStridedMetadataPatterns(views);
  if (failed(rewrite(module, std::move(views))))
    return failure();
  RewritePatternSet patterns(context);
  populateAffineToStdConversionPatterns(patterns);
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget target(*context);
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  target.addIllegalDialect<affine::AffineDialect>();
  // Their terminators go with them.
  target.addIllegalOp<scf::ExecuteRegionOp, scf::ForOp, scf::IfOp,
                      scf::IndexSwitchOp, scf::ParallelOp, scf::WhileOp>();
  return applyPartialConversion(module, target, std::move(patterns));
}

static LogicalResult convertToLlvm(ModuleOp module) {
  MLIRContext *context = module.getContext();
  LowerToLLVMOptions options(context);
  options.useBarePtrCallConv = true;
  LLVMTypeConverter converter(context, options);
  RewritePatternSet patterns(context);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
  populateVectorToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  populateAMXLegalizeForLLVMExportPatterns(converter, patterns);
  populateX86VectorLegalizeForLLVMExportPatterns(converter, patterns);

  // Other parts of a module (the program that launches the kernels) stay.
  LLVMConversionTarget target(*context);
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  target.addIllegalDialect<
      amx::AMXDialect, arith::ArithDialect, cf::ControlFlowDialect,
      func::FuncDialect, index::IndexDialect, math::MathDialect,
      memref::MemRefDialect, ub::UBDialect, vector::VectorDialect,
      x86vector::X86VectorDialect>();
  target.addLegalOp<UnrealizedConversionCastOp>();
  return applyPartialConversion(module, target, std::move(patterns));
}

namespace {
struct ToLlvmPass : moe::cpu::impl::ToLlvmPassBase<ToLlvmPass> {
  using ToLlvmPassBase::ToLlvmPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<CpuTarget> parsed = CpuTarget::parse(target);
    if (!parsed) {
      module.emitError("unknown CPU target '")
          << target << "'; expected " << CpuTarget::knownNames();
      return signalPassFailure();
    }
    if (failed(checkSupported(module, *parsed)) || failed(run(module, *parsed)))
      signalPassFailure();
  }

  LogicalResult run(ModuleOp module, const CpuTarget &cpu) {
    MLIRContext *context = module.getContext();
    if (failed(widenHalfFloats(module)))
      return failure();
    RewritePatternSet math(context);
    populateMathExpansions(math);
    if (failed(rewrite(module, std::move(math))) ||
        failed(lowerVectors(module)))
      return failure();
    RewritePatternSet lacking(context);
    populateFmaExpansions(lacking, cpu);
    populateHalfFloatExpansions(lacking, cpu);
    if (failed(rewrite(module, std::move(lacking))) ||
        failed(lowerControlFlow(module)) || failed(convertToLlvm(module)))
      return failure();
    // Casts between what was a memref and what was a pointer cancel out in
    // pairs; one that is left has no meaning in LLVM.
    SmallVector<UnrealizedConversionCastOp> casts, left;
    module.walk(
        [&](UnrealizedConversionCastOp cast) { casts.push_back(cast); });
    reconcileUnrealizedCasts(casts, &left);
    for (UnrealizedConversionCastOp cast : left)
      cast.emitOpError("is left after lowering: nothing turns ")
          << cast.getOperandTypes() << " into " << cast.getResultTypes();
    if (!left.empty())
      return failure();
    replaceHalfFloats(module, cpu);
    return success();
  }
};
} // namespace
