//===- CompiledKernel.cpp - Kernels from text, compiled and called --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "moe/codegen/cpu/CodeImage.h"
#include "moe/codegen/cpu/CpuTargets.h"
#include "moe/codegen/cpu/KernelParts.h"
#include "moe/codegen/cpu/Passes.h"
#include "moe/dialect/MoeDialect.h"
#include "moe/runtime/core/CpuInfo.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include "gtest/gtest.h"

#include <cstdlib>

using namespace moe;
using namespace moe::test;

KernelContext::KernelContext() {
  mlir::DialectRegistry registry;
  registry.insert<mlir::amx::AMXDialect, mlir::arith::ArithDialect,
                  mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::index::IndexDialect, mlir::LLVM::LLVMDialect,
                  mlir::math::MathDialect, mlir::memref::MemRefDialect,
                  mlir::scf::SCFDialect, mlir::tensor::TensorDialect,
                  mlir::ub::UBDialect, mlir::vector::VectorDialect,
                  mlir::x86vector::X86VectorDialect, MoeDialect>();
  cpu::registerCpuTranslations(registry);
  context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  context->getDiagEngine().registerHandler([this](mlir::Diagnostic &diag) {
    if (diag.getSeverity() == mlir::DiagnosticSeverity::Error)
      errors.push_back(diag.str());
    return mlir::success();
  });
}

using cpu::Stopwatch;

namespace {

/// Parses and lowers; null after an error.
mlir::OwningOpRef<mlir::ModuleOp> lower(KernelContext &context,
                                        const std::string &text,
                                        llvm::StringRef target, bool emulate,
                                        double &parseMs, double &lowerMs) {
  Stopwatch watch;
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(text, context.context.get());
  parseMs = watch.lap();
  if (!module)
    return {};
  mlir::PassManager passes(context.context.get());
  if (emulate)
    passes.addPass(cpu::createEmulateIsaPass({target.str()}));
  passes.addPass(cpu::createToLlvmPass({target.str()}));
  if (mlir::failed(passes.run(*module)))
    return {};
  lowerMs = watch.lap();
  return module;
}

} // namespace

CompiledKernel moe::test::compileKernels(const std::string &text,
                                         llvm::StringRef target, bool emulate,
                                         bool load) {
  CompiledKernel result;
  KernelContext context;
  auto finish = [&] {
    result.errors = context.errors;
    return std::move(result);
  };
  auto module =
      lower(context, text, target, emulate, result.parseMs, result.lowerMs);
  if (!module)
    return finish();
  std::vector<std::string> objects;
  for (mlir::ModuleOp part : cpu::splitKernels(*module)) {
    auto object = cpu::emitCode(part, *cpu::CpuTarget::parse(target),
                                cpu::EmitKind::Object);
    if (mlir::failed(object))
      return finish();
    objects.push_back(std::move(object->bytes));
    llvm::append_range(result.entries, object->entries);
    result.translateMs += object->translateMs;
    result.optimizeMs += object->optimizeMs;
    result.generateMs += object->generateMs;
  }
  result.parts = objects.size();
  std::vector<llvm::StringRef> parts(objects.begin(), objects.end());
  Stopwatch watch;
  auto emitError = [&] { return module->emitError(); };
  auto image = cpu::linkCodeImage(parts, result.entries, emitError, 0x10000);
  result.linkMs = watch.lap();
  if (mlir::failed(image))
    return finish();
  // The proof that nothing depends on the address: other high and low bits.
  auto moved =
      cpu::linkCodeImage(parts, result.entries, emitError, 0x5a5aa5a53000);
  EXPECT_TRUE(mlir::succeeded(moved) && moved->bytes == image->bytes);
  result.image = *image;
  if (!load)
    return finish();
  watch.lap();
  auto code = core::LoadedCode::load(image->bytes, image->entries);
  result.loadMs = watch.lap();
  if (code)
    result.code = *std::move(code);
  else
    context.errors.push_back(code.error().str());
  return finish();
}

std::string moe::test::emitText(const std::string &text, llvm::StringRef target,
                                cpu::EmitKind kind, bool emulate) {
  KernelContext context;
  double parseMs, lowerMs;
  auto module = lower(context, text, target, emulate, parseMs, lowerMs);
  if (!module)
    return "error: " + context.errors.front();
  auto code = cpu::emitCode(*module, *cpu::CpuTarget::parse(target), kind);
  return mlir::succeeded(code) ? code->bytes
                               : "error: " + context.errors.front();
}

void CompiledKernel::run(std::vector<const void *> buffers,
                         std::vector<int64_t> dims, uint64_t tasks,
                         size_t index) const {
  ASSERT_TRUE(code) << (errors.empty() ? "not loaded" : errors.front());
  alignas(64) static thread_local char scratch[1 << 16];
  moe_kernel_args args{
      const_cast<void *const *>(
          reinterpret_cast<const void *const *>(buffers.data())),
      dims.data()};
  code->function(index)(&args, 0, tasks, 0, scratch);
}

std::string moe::test::kernelText(const std::string &name, unsigned buffers,
                                  const std::string &body) {
  std::string text = "func.func @" + name +
                     "(%args: !llvm.ptr, %begin: i64, %end: i64, %worker: i32,"
                     " %scratch: !llvm.ptr) attributes {moe.kernel} {\n"
                     "  %buffers = llvm.load %args : !llvm.ptr -> !llvm.ptr\n";
  for (unsigned i = 0; i < buffers; ++i) {
    const std::string n = std::to_string(i);
    text += "  %at" + n + " = llvm.getelementptr %buffers[" + n +
            "] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr\n  %b" + n +
            " = llvm.load %at" + n + " : !llvm.ptr -> !llvm.ptr\n";
  }
  return text + body + "  return\n}\n";
}

std::string moe::test::elementwise(unsigned lanes, const std::string &inType,
                                   const std::string &outType,
                                   const std::string &ops) {
  const std::string n = std::to_string(lanes);
  const std::string in = "vector<" + n + "x" + inType + ">";
  const std::string out = "vector<" + n + "x" + outType + ">";
  const std::string mask = "vector<" + n + "xi1>";
  return kernelText("k", 2,
                    "  %lanes = arith.constant " + n +
                        " : i64\n"
                        "  %zero = arith.constant dense<0" +
                        std::string(inType[0] == 'i' ? "" : ".0") +
                        "> : " + in +
                        "\n"
                        "  scf.for %i = %begin to %end step %lanes : i64 {\n"
                        "    %left = arith.subi %end, %i : i64\n"
                        "    %count = arith.index_cast %left : i64 to index\n"
                        "    %mask = vector.create_mask %count : " +
                        mask +
                        "\n"
                        "    %px = llvm.getelementptr %b0[%i] : (!llvm.ptr, "
                        "i64) -> !llvm.ptr, " +
                        inType +
                        "\n"
                        "    %py = llvm.getelementptr %b1[%i] : (!llvm.ptr, "
                        "i64) -> !llvm.ptr, " +
                        outType +
                        "\n"
                        "    %x = llvm.intr.masked.load %px, %mask, %zero "
                        "{alignment = 1 : i32} "
                        ": (!llvm.ptr, " +
                        mask + ", " + in + ") -> " + in + "\n" + ops +
                        "\n    llvm.intr.masked.store %y, %py, %mask "
                        "{alignment = 1 : i32} : " +
                        out + ", " + mask + " into !llvm.ptr\n  }\n");
}

std::string moe::test::scalarLoop(const std::string &inType,
                                  const std::string &outType,
                                  const std::string &ops) {
  return kernelText(
      "k", 2,
      "  %one = arith.constant 1 : i64\n"
      "  scf.for %i = %begin to %end step %one : i64 {\n"
      "    %px = llvm.getelementptr %b0[%i] : (!llvm.ptr, i64) -> !llvm.ptr, " +
          inType +
          "\n"
          "    %py = llvm.getelementptr %b1[%i] : (!llvm.ptr, i64) -> "
          "!llvm.ptr, " +
          outType + "\n    %x = llvm.load %px : !llvm.ptr -> " + inType +
          "\n    " + ops + "\n    llvm.store %y, %py : " + outType +
          ", !llvm.ptr\n  }\n");
}

bool moe::test::hostRuns(llvm::StringRef target) {
  auto parsed = cpu::CpuTarget::parse(target);
  const core::CpuInfo &host = core::hostCpu();
  return parsed && parsed->arch == host.arch &&
         host.features.contains(parsed->features);
}
