//===- KernelPartsTest.cpp - Kernels that compile at the same time --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every kernel test compiles in parts (CompiledKernel.cpp); here are modules
// with enough work for several, whose parts call each other.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "moe/codegen/cpu/CodeImage.h"
#include "moe/codegen/cpu/CpuTargets.h"
#include "moe/codegen/cpu/KernelParts.h"
#include "moe/codegen/cpu/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using testing::ElementsAre;

namespace {

/// A function that adds `value` to its argument, one after another.
std::string addition(const std::string &name, int value,
                     const std::string &call = "") {
  std::string text = "func.func @" + name +
                     "(%x0: i64) -> i64 attributes {passthrough = "
                     "[\"noinline\"]} {\n  %c = arith.constant 1 : i64\n";
  for (int i = 0; i < value; ++i)
    text += "  %x" + std::to_string(i + 1) + " = arith.addi %x" +
            std::to_string(i) + ", %c : i64\n";
  const std::string last = "%x" + std::to_string(value);
  if (call.empty())
    return text + "  return " + last + " : i64\n}\n";
  return text + "  %r = func.call @" + call + "(" + last +
         ") : (i64) -> i64\n  return %r : i64\n}\n";
}

/// A kernel that adds what `callee` adds to element `tasks` of its buffer.
std::string caller(const std::string &name, const std::string &callee) {
  return kernelText(name, 1,
                    "  %p = llvm.getelementptr %b0[%end] : (!llvm.ptr, i64) -> "
                    "!llvm.ptr, i64\n  %x = llvm.load %p : !llvm.ptr -> i64\n"
                    "  %y = func.call @" +
                        callee +
                        "(%x) : (i64) -> i64\n  llvm.store %y, %p : i64, "
                        "!llvm.ptr\n");
}

/// Three functions of much work, of which one calls another, and two kernels.
std::string severalParts() {
  return caller("k0", "c") + caller("k1", "b") + addition("c", 600, "a") +
         addition("a", 700) + addition("b", 900);
}

/// The names of the functions that each part defines.
std::vector<std::vector<std::string>> definitions(const std::string &text) {
  KernelContext context;
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(text, context.context.get());
  mlir::PassManager passes(context.context.get());
  passes.addPass(cpu::createToLlvmPass({"x86-64-v3"}));
  EXPECT_TRUE(mlir::succeeded(passes.run(*module)));
  std::vector<std::vector<std::string>> names;
  for (mlir::ModuleOp part : cpu::splitKernels(*module)) {
    names.emplace_back();
    for (auto function : part.getOps<mlir::LLVM::LLVMFuncOp>())
      if (!function.isExternal())
        names.back().push_back(function.getName().str());
  }
  return names;
}

TEST(KernelPartsTest, PartsCallThoseBeforeThem) {
  for (const char *target : {"x86-64-v3", "aarch64"}) {
    const bool load = hostRuns(target);
    CompiledKernel kernel =
        compileKernels(severalParts(), target, /*emulate=*/false, load);
    ASSERT_EQ(kernel.errors, std::vector<std::string>()) << target;
    EXPECT_GE(kernel.parts, 3u);
    EXPECT_THAT(kernel.entries, testing::UnorderedElementsAre("k0", "k1"));
    if (!load)
      continue;
    std::vector<int64_t> x = {0, 0, 100, 0};
    const bool swapped = kernel.entries.front() != "k0";
    kernel.run({x.data()}, {}, 2, swapped);
    EXPECT_THAT(x, ElementsAre(0, 0, 1400, 0));
    kernel.run({x.data()}, {}, 2, !swapped);
    EXPECT_THAT(x, ElementsAre(0, 0, 2300, 0));
  }
}

TEST(KernelPartsTest, EachFunctionIsInOnePartAfterThoseItCalls) {
  std::string text =
      addition("c", 600, "a") + addition("b", 600, "c") + addition("a", 600);
  EXPECT_THAT(definitions(text), ElementsAre(ElementsAre("a"), ElementsAre("c"),
                                             ElementsAre("b")));
}

TEST(KernelPartsTest, FunctionsThatCallEachOtherStayTogether) {
  std::string text =
      addition("a", 800, "b") + addition("b", 800, "a") + addition("c", 1600);
  EXPECT_THAT(definitions(text),
              testing::UnorderedElementsAre(
                  testing::UnorderedElementsAre("a", "b"), ElementsAre("c")));
}

TEST(KernelPartsTest, EveryPartHasTheDataThatItUses) {
  const std::string use = "  %g = llvm.mlir.addressof @g : !llvm.ptr\n  %x0 = "
                          "llvm.load %g : !llvm.ptr -> i64\n";
  std::string text = "llvm.mlir.global internal constant @g(5 : i64) : i64\n";
  for (const char *name : {"a", "b"}) {
    text += "llvm.func @" + std::string(name) + "() -> i64 {\n" + use;
    for (int i = 0; i < 600; ++i)
      text += "  %x" + std::to_string(i + 1) + " = llvm.add %x" +
              std::to_string(i) + ", %x0 : i64\n";
    text += "  llvm.return %x600 : i64\n}\n";
  }
  KernelContext context;
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(text, context.context.get());
  auto parts = cpu::splitKernels(*module);
  ASSERT_EQ(parts.size(), 2u);
  for (mlir::ModuleOp part : parts) {
    EXPECT_TRUE(part.lookupSymbol("g"));
    EXPECT_TRUE(mlir::succeeded(cpu::emitCode(
        part, *cpu::CpuTarget::parse("x86-64-v3"), cpu::EmitKind::Object)));
  }
}

TEST(KernelPartsTest, LittleWorkIsOnePart) {
  EXPECT_THAT(definitions(addition("b", 10, "a") + addition("a", 10)),
              ElementsAre(ElementsAre("a", "b")));
  EXPECT_TRUE(definitions("").empty());
}

TEST(KernelPartsTest, AnObjectCallsOnlyThoseBeforeIt) {
  KernelContext context;
  auto object = [&](const std::string &text) {
    auto module =
        mlir::parseSourceString<mlir::ModuleOp>(text, context.context.get());
    auto code = cpu::emitCode(*module, *cpu::CpuTarget::parse("x86-64-v3"),
                              cpu::EmitKind::Object);
    return mlir::succeeded(code) ? code->bytes : std::string();
  };
  const std::string f = object("llvm.func @f() {\n  llvm.return\n}\n");
  const std::string k = object("llvm.func @f()\nllvm.func @k() {\n  llvm.call "
                               "@f() : () -> ()\n  llvm.return\n}\n");
  auto unknown = mlir::UnknownLoc::get(context.context.get());
  auto link = [&](std::vector<llvm::StringRef> objects) {
    auto image = cpu::linkCodeImage(objects, {"k"},
                                    [&] { return mlir::emitError(unknown); });
    return mlir::succeeded(image);
  };
  EXPECT_TRUE(link({f, k}));
  EXPECT_FALSE(link({k, f}));
  EXPECT_THAT(context.errors,
              ElementsAre("code image refused: undefined symbol 'f': a kernel "
                          "calls nothing outside its image"));
}

} // namespace
