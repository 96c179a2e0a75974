//===- HostCodeTest.cpp - The toolchain, the host, and the code made ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What holds of the compiler as it was built here and of its code as text,
// beside KernelRunTest.cpp, which runs that code.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "moe/codegen/cpu/CpuTargets.h"
#include "moe/runtime/core/CpuInfo.h"

#include "mlir/Parser/Parser.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;

namespace {

TEST(ToolchainTest, OurTraitsAreTheLibrarysTraits) {
  // See moe_use_mlir in tools/cmake: with some pairs of compilers they are not,
  // and folders and matchers do nothing, without a word.
  KernelContext context;
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "llvm.func @f() {\n  llvm.return\n}\n", context.context.get());
  EXPECT_TRUE((*module)->hasTrait<mlir::OpTrait::IsIsolatedFromAbove>());
  mlir::Operation *function = &module->getBody()->front();
  EXPECT_TRUE(function->getRegion(0)
                  .front()
                  .getTerminator()
                  ->hasTrait<mlir::OpTrait::IsTerminator>());
}

TEST(HostTest, ItsOwnFeaturesMakeATarget) {
  const core::CpuInfo &host = core::hostCpu();
  const std::string target = cpu::CpuTarget{host.arch, host.features}.name();
  ASSERT_TRUE(hostRuns(target)) << target;
  CompiledKernel kernel = compileKernels(elementwise(16, "f32", "f32", R"(
    %h = arith.truncf %x : vector<16xf32> to vector<16xbf16>
    %y = arith.extf %h : vector<16xbf16> to vector<16xf32>)"),
                                         target);
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::vector<float> x = {1.0f, 1.0078125f, 1.00390625f, 1.01171875f}, y(4);
  kernel.run({x.data(), y.data()}, {}, 4);
  EXPECT_EQ(y, (std::vector<float>{1.0f, 1.0078125f, 1.0f, 1.015625f}));
}

//===----------------------------------------------------------------------===//
// Compiled only
//===----------------------------------------------------------------------===//

TEST(CompiledCodeTest, UsesTheRegistersOfItsLevel) {
  const std::string text = elementwise(16, "f32", "f32", R"(
    %half = arith.constant dense<0.5> : vector<16xf32>
    %y = math.fma %x, %half, %half : vector<16xf32>)");
  auto assembly = [&](const char *target) {
    return emitText(text, target, cpu::EmitKind::Assembly);
  };
  using testing::ContainsRegex;
  using testing::HasSubstr;
  using testing::Not;
  EXPECT_THAT(assembly("x86-64-v2"),
              AllOf(HasSubstr("mulps"), Not(HasSubstr("ymm"))));
  EXPECT_THAT(assembly("x86-64-v3"),
              AllOf(ContainsRegex("vfmadd.*ymm"), Not(HasSubstr("zmm"))));
  for (const char *target : {"x86-64-v4", "sapphirerapids"})
    EXPECT_THAT(assembly(target),
                AllOf(ContainsRegex("vfmadd.*zmm"), HasSubstr("{%k1}")))
        << target;
  EXPECT_THAT(assembly("aarch64"), ContainsRegex("fml[as]\tv[0-9]+.4s"));
  EXPECT_THAT(emitText(text, "x86-64-v4", cpu::EmitKind::LlvmIr),
              HasSubstr("\"prefer-vector-width\"=\"512\""));
}

TEST(CompiledCodeTest, PhasesAreTimed) {
  CompiledKernel kernel =
      compileKernels(elementwise(16, "f32", "f32",
                                 "%e = math.exp %x : vector<16xf32>\n"
                                 "%y = arith.mulf %e, %x : vector<16xf32>"),
                     "x86-64-v3", false, /*load=*/hostRuns("x86-64-v3"));
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::printf("JIT of a small kernel: parse %.2f, lower %.2f, translate %.2f, "
              "optimize %.2f, generate %.2f, link %.2f, load %.2f ms; %zu "
              "bytes\n",
              kernel.parseMs, kernel.lowerMs, kernel.translateMs,
              kernel.optimizeMs, kernel.generateMs, kernel.linkMs,
              kernel.loadMs, kernel.image.bytes.size());
  EXPECT_GT(kernel.optimizeMs, 0);
}

} // namespace
