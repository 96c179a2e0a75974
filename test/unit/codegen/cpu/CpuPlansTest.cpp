//===- CpuPlansTest.cpp - Targets, layouts and plans ----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans are text: what a target chooses, what it says against one, and what a
// kernel's launch takes from it, all without the machine that it is for.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "moe/codegen/cpu/KernelClass.h"
#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using testing::HasSubstr;

namespace {

template <typename T> std::string str(const T &value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

class CpuPlansTest : public testing::Test {
protected:
  void SetUp() override { loadKernelDialects(*context.context); }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, context.context.get());
  }

  /// A layer's matmul of E experts [N, K], with gate and up if `sides` is 2.
  std::string matmul(const std::string &target, int64_t experts, int64_t n,
                     int64_t k, int sides, const std::string &type = "bf16",
                     const std::string &plan = "") {
    auto num = [](int64_t value) { return std::to_string(value); };
    const std::string w = "tensor<" + num(experts) + "x" + num(n) + "x" +
                          num(k) + "x" + type + ">";
    const std::string x = "tensor<?x" + num(k) + "xf32>",
                      y = "tensor<?x" + num(n) + "xf32>",
                      g = "!moe.groups<experts = " + num(experts) + ", ragged>";
    return "module attributes {moe.target = #moe_cpu.target<" + target +
           ">} {\n  func.func @f(%x: " + x + ", %i: tensor<?x8xi32>, %w: " + w +
           ") -> " + y + " {\n    %g = moe.group %i : tensor<?x8xi32> -> " + g +
           "\n    %y = moe.grouped_matmul lhs(%x gather) rhs(%w" +
           (sides == 2 ? ", %w" : "") + ") by %g acc f32 {\n    ^bb0(%a: f32" +
           (sides == 2 ? ", %b: f32" : "") +
           "):\n      moe.yield %a : f32\n    }" +
           (plan.empty() ? "" : " {moe.plan = #moe_cpu.matmul<" + plan + ">}") +
           " : (" + x + ", " + w + (sides == 2 ? ", " + w : "") + ", " + g +
           ") -> " + y + "\n    return %y : " + y + "\n  }\n}\n";
  }

  PlanChoice choose(const std::string &text, int64_t least, int64_t most,
                    bool weightsAtRunTime = false) {
    module = parse(text);
    PlanChoice choice;
    if (module)
      module->walk([&](GroupedMatmulOp op) {
        choice =
            cpu::getTarget(op).choosePlan(op, least, most, weightsAtRunTime);
      });
    return choice;
  }

  KernelContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(CpuPlansTest, BlocksFillTheRegisters) {
  EXPECT_EQ(
      str(choose(matmul("name = \"x86-64-v2\"", 64, 1024, 2048, 1), 0, 1024)
              .plan),
      "#moe_cpu.matmul<rows = 4, columns = 8, tile_rows = 48, "
      "panels_per_task = 16, streams = 4, prefetch = 8192>");
  EXPECT_EQ(
      str(choose(matmul("name = \"x86-64-v3\"", 64, 1024, 2048, 1), 0, 1024)
              .plan),
      "#moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, "
      "panels_per_task = 16, streams = 4, prefetch = 8192>");
  EXPECT_EQ(
      str(choose(matmul("name = \"x86-64-v4\"", 64, 1024, 2048, 1), 0, 1024)
              .plan),
      "#moe_cpu.matmul<rows = 12, columns = 32, tile_rows = 48, "
      "panels_per_task = 8, streams = 4, prefetch = 8192>");
  EXPECT_EQ(str(choose(matmul("name = \"aarch64\"", 64, 1024, 2048, 2), 0, 1024)
                    .plan),
            "#moe_cpu.matmul<rows = 12, columns = 4, tile_rows = 48, "
            "panels_per_task = 16, streams = 4, prefetch = 8192>");
}

TEST_F(CpuPlansTest, DeepRowsArePackedInRunsThatTheSecondCacheHolds) {
  auto runOf = [&](const std::string &target) {
    return mlir::cast<cpu::MatmulAttr>(
               choose(matmul(target, 8, 4096, 14336, 1), 0, 1024).plan)
        .getDepth();
  };
  EXPECT_EQ(runOf("name = \"x86-64-v3\", l2 = 524288"), 2048);
  EXPECT_EQ(runOf("name = \"x86-64-v3\", l2 = 1048576"), 4096);
  EXPECT_EQ(runOf("name = \"x86-64-v3\", l2 = 16777216"), 0);
}

TEST_F(CpuPlansTest, FewTokensAreCutIntoEnoughTasks) {
  auto panelsOf = [&](int64_t cores, int64_t least) {
    return mlir::cast<cpu::MatmulAttr>(
               choose(matmul("name = \"x86-64-v3\", cores = " +
                                 std::to_string(cores),
                             128, 768, 2048, 2),
                      least, 1024)
                   .plan)
        .getPanelsPerTask();
  };
  // 96 panels, 8 picks a token.
  EXPECT_EQ(panelsOf(2, 1), 16);
  EXPECT_EQ(panelsOf(16, 1), 4);
  EXPECT_EQ(panelsOf(16, 64), 6);
  EXPECT_EQ(panelsOf(96, 1), 1);
}

TEST_F(CpuPlansTest, WeightsOfACallArePackedByItsTasks) {
  auto planOf = [&](const std::string &target, int64_t n, int64_t k,
                    const char *type = "f32") {
    PlanChoice choice = choose(matmul(target, 8, n, k, 1, type), 0, 1024, true);
    EXPECT_THAT(str(choice.decision), HasSubstr("panels a task that it packs"));
    return mlir::cast<cpu::MatmulAttr>(choice.plan);
  };
  const std::string v4 = "name = \"x86-64-v4\", cores = 2, l2 = 1048576";
  EXPECT_EQ(str(planOf(v4, 1024, 512)),
            "#moe_cpu.matmul<rows = 12, columns = 32, tile_rows = 252, "
            "panels_per_task = 16, streams = 4, pack_depth = 256>");
  EXPECT_TRUE(planOf(v4, 1024, 512).packsInKernel());
  // Half of the second cache for the packed rows, or runs of them.
  EXPECT_EQ(planOf(v4, 1024, 768).getTileRows(), 168);
  EXPECT_EQ(planOf(v4, 1024, 8192).getTileRows(), 120);
  EXPECT_EQ(planOf(v4, 1024, 8192).getDepth(), 1536);
  // Few panels: rows are what makes tasks.
  EXPECT_EQ(planOf(v4, 96, 512).getTileRows(), 48);
}

TEST_F(CpuPlansTest, DecisionsSayWhyAndWhatElse) {
  PlanChoice choice =
      choose(matmul("name = \"x86-64-v4\"", 64, 1024, 2048, 1), 0, 1024);
  EXPECT_EQ(
      str(choice.decision),
      "#moe.decision<what = \"plan of grouped_matmul 64x1024x2048, 1 "
      "side\", chosen = \"12x2 registers, 48-row tiles, 8 panels a "
      "task\", reason = \"fewest cycles a multiply-add; memory binds below "
      "62 tokens\", runnerUp = \"28x1 registers, 1.02 times the "
      "cycles\", figures = {cycles_per_fma = 5.200000e-01 : f64, "
      "expert_bytes = 4194304 : i64, flops_per_row = 4194304 : i64, "
      "rows_where_compute_binds = 7.740000e+00 : f64}>");
  choice = choose(matmul("name = \"x86-64-v4\"", 64, 1024, 2048, 1), 0, 16);
  EXPECT_THAT(str(choice.decision), HasSubstr("; memory binds\","));
  choice = choose(matmul("name = \"x86-64-v4\"", 64, 1024, 2048, 1), 64, 64);
  EXPECT_THAT(str(choice.decision), HasSubstr("; compute binds\","));
  // Other ops need no plan, and one plan serves every token count.
  module->walk([&](GroupOp op) {
    EXPECT_FALSE(cpu::getTarget(op).choosePlan(op, 0, 16, false).plan);
    EXPECT_TRUE(cpu::getTarget(op).getTokenBuckets(op->getParentOp()).empty());
  });
}

TEST_F(CpuPlansTest, PlansThatDoNotFit) {
  auto error = [&](const std::string &plan, int sides = 1) {
    context.errors.clear();
    parse(matmul("name = \"x86-64-v3\"", 8, 64, 32, sides, "f32", plan));
    return context.errors.empty() ? "" : context.errors.front();
  };
  EXPECT_EQ(error("rows = 6, columns = 16, tile_rows = 48, "
                  "panels_per_task = 8"),
            "");
  EXPECT_EQ(error("rows = 6, columns = 12, tile_rows = 48, "
                  "panels_per_task = 8"),
            "moe.plan does not fit: columns = 12 is no multiple of the 8 lanes "
            "of x86-64-v3");
  EXPECT_EQ(error("rows = 7, columns = 16, tile_rows = 48, "
                  "panels_per_task = 8"),
            "moe.plan does not fit: blocks of 7 rows x 2 vectors need more "
            "than the 16 vector registers of x86-64-v3");
  EXPECT_EQ(error("rows = 6, columns = 16, tile_rows = 48, "
                  "panels_per_task = 8",
                  2),
            "moe.plan does not fit: blocks of 6 rows x 4 vectors need more "
            "than the 16 vector registers of x86-64-v3");
  EXPECT_EQ(error("rows = 0, columns = 16, tile_rows = 48, "
                  "panels_per_task = 8"),
            "matmul expects 1 <= rows <= 32, got 0");
  EXPECT_EQ(error("rows = 1, columns = 16, tile_rows = 48, "
                  "panels_per_task = 8, reduction = \"mma\""),
            "matmul knows the reductions fma, dot_bf16 or amx_bf16, got 'mma'");
  EXPECT_EQ(error("rows = 1, columns = 16, tile_rows = 48, "
                  "panels_per_task = 8, reduction = \"dot_bf16\""),
            "moe.plan does not fit: the reduction dot_bf16 needs "
            "avx512f, avx512_bf16, which x86-64-v3 lacks");
  EXPECT_EQ(error("rows = 1, columns = 16, tile_rows = 48, panels_per_task = "
                  "8, depth = 48, reduction = \"dot_bf16\""),
            "matmul by dot_bf16 expects depth to be a multiple of 32, got 48");
  EXPECT_EQ(error("rows = 1, columns = 16, tile_rows = 48, panels_per_task = "
                  "8, pack_depth = 40"),
            "matmul by fma expects pack_depth to be a multiple of 16, got 40");
  EXPECT_EQ(error("rows = 1, columns = 16, tile_rows = 48, panels_per_task = "
                  "8, depth = 40, pack_depth = 64"),
            "matmul by fma expects depth to be a multiple of 16, got 40");
  EXPECT_EQ(error("rows = 1, columns = 16, tile_rows = 48, panels_per_task = "
                  "8, pack_depth = -16"),
            "matmul expects 0 <= pack_depth <= 1048576, got -16");
  EXPECT_EQ(error("rows = 1, columns = 16, tile_rows = 48, "
                  "panels_per_task = 8, reduction = \"amx_bf16\""),
            "matmul by amx_bf16 expects tile_rows to be a multiple of 32, got "
            "48");
}

TEST_F(CpuPlansTest, AttributesVerifyThemselves) {
  auto error = [&](const std::string &attribute) {
    context.errors.clear();
    mlir::parseAttribute(attribute, context.context.get());
    return context.errors.empty() ? "" : context.errors.front();
  };
  EXPECT_EQ(error("#moe_cpu.target<name = \"x86-64-v3\", emulated_on = "
                  "\"x86-64-v2\">"),
            "");
  EXPECT_EQ(error("#moe_cpu.target<name = \"z80\">"),
            "unknown CPU target 'z80', expected " +
                cpu::CpuTarget::knownNames());
  EXPECT_EQ(error("#moe_cpu.target<name = \"x86-64-v3\", emulated_on = "
                  "\"z80\">"),
            "unknown CPU target 'z80', expected " +
                cpu::CpuTarget::knownNames());
  EXPECT_EQ(error("#moe_cpu.target<name = \"x86-64-v3\", cores = 0>"),
            "target expects cores >= 1, got 0");
  EXPECT_EQ(error("#moe_cpu.panels<columns = 0>"),
            "panels expects 1 <= columns <= 1024, got 0");
  EXPECT_EQ(error("#moe_cpu.panels<columns = 16, interleave = 4>"),
            "panels expects 1 <= interleave <= 2, got 4");
  EXPECT_EQ(error("#moe_cpu.panels<columns = 16, interleave = 2, "
                  "depth_multiple = 3>"),
            "panels expects depth_multiple to be a multiple of interleave = 2 "
            "up to 1024, got 3");
}

TEST_F(CpuPlansTest, WhatAPackedLayoutHolds) {
  auto panels = cpu::PanelsAttr::get(context.context.get(), 16, 1, 1);
  auto tensor = [&](const char *text) {
    return mlir::cast<mlir::RankedTensorType>(
        mlir::parseType(text, context.context.get()));
  };
  auto w = tensor("tensor<8x40x33xbf16>");
  // 3 panels x 33 x 16 x 2 bytes, for one side and for two.
  EXPECT_EQ(panels.getBytesPerExpert({w}), (3 * 33 * 16 * 2 + 63) / 64 * 64);
  EXPECT_EQ(panels.getBytesPerExpert({w, w}),
            (3 * 33 * 16 * 2 * 2 + 63) / 64 * 64);
  auto pairs = cpu::PanelsAttr::get(context.context.get(), 16, 2, 32);
  EXPECT_EQ(pairs.getBytesPerExpert({w}), 3 * 64 * 16 * 2);
  EXPECT_EQ(pairs.getPackError({w}), "");
  EXPECT_EQ(pairs.getPackError({tensor("tensor<8x40x33xf32>")}),
            "panels interleave bf16, got f32");
  EXPECT_EQ(panels.getPackError({w}), "");
  EXPECT_EQ(panels.getPackError({tensor("tensor<8x40x33xf64>")}),
            "panels hold f32, bf16 or f16, got f64");
  EXPECT_EQ(panels.getPackError({tensor("tensor<1099511627776x8388608xf32>")}),
            "one expert of tensor<1099511627776x8388608xf32> is larger than "
            "64 TiB");
}

TEST_F(CpuPlansTest, TargetNames) {
  auto isa = [&](const char *name) {
    return cpu::TargetAttr::get(context.context.get(), name, 1, 1, 1, 1, {})
        .getIsaName();
  };
  EXPECT_EQ(isa("x86-64-v2"), "sse4");
  EXPECT_EQ(isa("x86-64-v3"), "avx2");
  EXPECT_EQ(isa("x86-64-v4"), "avx512");
  EXPECT_EQ(isa("aarch64"), "neon");
}

} // namespace
