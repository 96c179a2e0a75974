//===- RegisterAll.cpp - Every dialect and pass of moec -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/RegisterAll.h"

#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/cpu/ObjectEmitter.h"
#include "moe/codegen/cpu/Passes.h"
#include "moe/codegen/cuda/MoeCudaDialect.h"
#include "moe/codegen/cuda/Passes.h"
#include "moe/dialect/FrontEnds.h"
#include "moe/dialect/MoeDialect.h"
#include "moe/dialect/exec/MoeExecDialect.h"
#include "moe/passes/Passes.h"
#include "moe/passes/Pipelines.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void moe::registerAllDialects(DialectRegistry &registry) {
  registry.insert<MoeDialect, cpu::MoeCpuDialect, cuda::MoeCudaDialect,
                  exec::MoeExecDialect>();
  registry.insert<affine::AffineDialect, amx::AMXDialect, arith::ArithDialect,
                  cf::ControlFlowDialect, func::FuncDialect,
                  index::IndexDialect, linalg::LinalgDialect, LLVM::LLVMDialect,
                  math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                  tensor::TensorDialect, ub::UBDialect, vector::VectorDialect,
                  x86vector::X86VectorDialect>();
  registerFrontEndDialects(registry);
  func::registerInlinerExtension(registry);
  cpu::registerCpuTranslations(registry);
}

void moe::registerAllPasses() {
  registerTransformsPasses();
  arith::registerArithPasses();
  registerMoePasses();
  cpu::registerCpuPasses();
  cuda::registerCudaPasses();
  registerPipelines();
}
