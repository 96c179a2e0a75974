//===- AssemblyTest.cpp - What the inner loops are made of ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matmul is fast if its inner loop is multiply-adds on registers and little
// else. Counted in the assembly, this holds on every machine, for every target.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "moe/codegen/cpu/CpuTargets.h"
#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/cpu/Reduction.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

#include <map>
#include <regex>
#include <sstream>

using namespace moe;
using namespace moe::test;

namespace {

/// The instructions of a loop that has no loop inside.
using Loop = std::vector<std::string>;

/// The innermost loops of each function of an assembly text.
std::map<std::string, std::vector<Loop>>
innermostLoops(const std::string &text) {
  std::map<std::string, std::vector<Loop>> functions;
  std::istringstream stream(text);
  std::string line, function;
  std::vector<std::string> body;
  std::map<std::string, size_t> labels;
  struct Range {
    size_t begin, end;
  };
  std::vector<Range> ranges;
  auto finish = [&] {
    for (Range range : ranges) {
      // None begins inside of it, though that may end behind it: a loop whose
      // exit is a branch to the head of the one around.
      bool innermost = true;
      for (Range other : ranges)
        innermost &= !(range.begin < other.begin && other.begin < range.end) &&
                     !(range.begin == other.begin && other.end < range.end);
      if (innermost)
        functions[function].emplace_back(body.begin() + range.begin,
                                         body.begin() + range.end);
    }
    body.clear();
    labels.clear();
    ranges.clear();
  };
  while (std::getline(stream, line)) {
    line = line.substr(0, line.find_first_of("#"));
    size_t first = line.find_first_not_of(" \t");
    if (first == std::string::npos)
      continue;
    size_t colon = line.find(':');
    if (first == 0 && colon != std::string::npos) {
      std::string label = line.substr(0, colon);
      if (label[0] != '.') {
        finish();
        function = label;
      }
      labels[label] = body.size();
      continue;
    }
    line = line.substr(first);
    if (line[0] == '.')
      continue;
    body.push_back(line);
    // A branch back to a label closes a loop.
    size_t target = line.rfind(".LBB");
    if (target != std::string::npos) {
      std::string label = line.substr(target);
      label = label.substr(0, label.find_first_of(" \t,)"));
      auto it = labels.find(label);
      if (it != labels.end())
        ranges.push_back({it->second, body.size()});
    }
  }
  finish();
  return functions;
}

size_t count(const Loop &loop, const std::vector<std::string> &words) {
  size_t found = 0;
  for (const std::string &line : loop)
    found += std::all_of(words.begin(), words.end(), [&](const auto &word) {
      return line.find(word) != std::string::npos;
    });
  return found;
}

/// A dense layer; with a reduction other than fma its layout has `pairs`.
std::string kernelOf(int64_t rows, int64_t columns, const std::string &weight,
                     const std::string &reduction = "fma",
                     const std::string &pairs = "") {
  const std::string packed =
      "!moe.packed<#moe_cpu.panels<columns = " + std::to_string(columns) +
      pairs + ">, 96x100x" + weight + ">";
  const std::string lhs =
      pairs.empty() ? "tensor<?x100xf32>" : "tensor<?x100xbf16>";
  return "moe_exec.kernel @k(%x: " + lhs + ", %w: " + packed +
         ") -> tensor<?x96xf32> attributes {num_dims = 1 : i64, sizes = "
         "[affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, "
         "affine_map<(d0) -> (d0)>]} {\n  %y = moe.grouped_matmul lhs(%x) "
         "rhs(%w) acc f32 {\n  ^bb0(%a: f32):\n    moe.yield %a : f32\n  } "
         "{moe.plan = #moe_cpu.matmul<rows = " +
         std::to_string(rows) + ", columns = " + std::to_string(columns) +
         ", tile_rows = 96, panels_per_task = 4, streams = 4, prefetch = "
         "4096, reduction = \"" +
         reduction + "\">} : (" + lhs + ", " + packed +
         ") -> tensor<?x96xf32>\n  moe_exec.return %y : tensor<?x96xf32>\n}\n";
}

struct Level {
  const char *target;
  int64_t rows, lanes;
  std::vector<std::string> fma; ///< words of a multiply-add
  const char *stack;
};

TEST(AssemblyTest, TileLoopsHoldMultiplyAddsAndNoSpills) {
  const Level levels[] = {
      {"x86-64-v2", 4, 4, {"mulps"}, "rsp"},
      {"x86-64-v3", 6, 8, {"vfmadd", "%ymm"}, "rsp"},
      {"x86-64-v4", 12, 16, {"vfmadd", "%zmm"}, "rsp"},
      {"aarch64", 12, 4, {"fmla", ".4s"}, "[sp"},
  };
  for (const Level &level : levels)
    for (const char *weight : {"f32", "bf16", "f16"}) {
      // Without an instruction for it, widening f16 takes registers of its own.
      if (std::string(level.target) == "x86-64-v2" &&
          std::string(weight) == "f16")
        continue;
      SCOPED_TRACE(std::string(level.target) + " " + weight);
      LoweredKernels kernels(kernelOf(level.rows, 2 * level.lanes, weight),
                             level.target, /*load=*/false);
      ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
      auto loops = innermostLoops(
          emitText(kernels.leaves, level.target, cpu::EmitKind::Assembly));
      size_t tiles = 0;
      for (auto &[name, list] : loops) {
        if (name.rfind("tile_", 0) != 0)
          continue;
        ++tiles;
        int64_t rows = std::stol(
            name.substr(name.find(weight) + std::string(weight).size() + 1));
        int64_t streams = std::stol(name.substr(name.rfind("_s") + 2));
        // The most that one trip of an inner loop does; several panels at once
        // have a loop of their own.
        size_t most = 0;
        for (const Loop &loop : list) {
          most = std::max(most, count(loop, level.fma));
          if (count(loop, level.fma) == 0)
            continue; // from panel to panel
          // SSE overwrites an operand of each op: copies take registers.
          if (std::string(level.target) == "x86-64-v2")
            continue;
          EXPECT_EQ(count(loop, {level.stack}), 0u)
              << name << " spills:\n"
              << testing::PrintToString(loop);
          EXPECT_EQ(count(loop, {"call"}) + count(loop, {"\tbl\t"}), 0u)
              << name;
        }
        EXPECT_GE(most, static_cast<size_t>(rows * 2)) << name;
        EXPECT_EQ(most % (rows * 2), 0u) << name;
        EXPECT_GE(most, static_cast<size_t>(rows * 2 * streams)) << name;
      }
      EXPECT_EQ(tiles, static_cast<size_t>(level.rows));
    }
}

/// A dot product of pairs takes its row's element from memory in the same
/// instruction: as many instructions as multiply-adds, for twice the k.
TEST(AssemblyTest, DotLoopsHoldDotProductsAndNoSpills) {
  LoweredKernels kernels(kernelOf(12, 32, "bf16", "dot_bf16",
                                  ", interleave = 2, depth_multiple = 2"),
                         "x86-64-v4+avx512_bf16", /*load=*/false);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  auto loops = innermostLoops(emitText(kernels.leaves, "x86-64-v4+avx512_bf16",
                                       cpu::EmitKind::Assembly));
  size_t tiles = 0;
  for (auto &[name, list] : loops) {
    if (name.rfind("tile_dot_bf16", 0) != 0)
      continue;
    ++tiles;
    const size_t rows = std::stoul(name.substr(sizeof("tile_dot_bf16_bf16")));
    size_t most = 0;
    for (const Loop &loop : list) {
      most = std::max(most, count(loop, {"vdpbf16ps", "%zmm"}));
      if (count(loop, {"vdpbf16ps"}) == 0)
        continue; // from panel to panel
      EXPECT_EQ(count(loop, {"rsp"}) + count(loop, {"call"}), 0u)
          << name << " spills:\n"
          << testing::PrintToString(loop);
    }
    EXPECT_GE(most, rows * 2) << name;
    EXPECT_EQ(most % (rows * 2), 0u) << name;
  }
  EXPECT_EQ(tiles, 12u);
}

/// Two tiles of rows times two of columns: four loads for four products, sums
/// in registers, and one configuration a function.
TEST(AssemblyTest, AmxLoopsHoldTileProductsAndNoSpills) {
  LoweredKernels kernels(kernelOf(32, 32, "bf16", "amx_bf16",
                                  ", interleave = 2, depth_multiple = 32"),
                         "sapphirerapids", /*load=*/false);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  const std::string text =
      emitText(kernels.leaves, "sapphirerapids", cpu::EmitKind::Assembly);
  size_t tiles = 0;
  for (auto &[name, list] : innermostLoops(text)) {
    if (name.rfind("tile_amx_bf16", 0) != 0)
      continue;
    ++tiles;
    const size_t rows = std::stoul(name.substr(sizeof("tile_amx_bf16_bf16")));
    const size_t rowTiles = rows > 16 ? 2 : 1;
    for (const Loop &loop : list) {
      const size_t products = count(loop, {"tdpbf16ps"});
      if (products == 0)
        continue; // from panel to panel
      const size_t panels = products / (2 * rowTiles);
      EXPECT_TRUE(panels == 1 || panels == 2) << name;
      EXPECT_EQ(products, 2 * rowTiles * panels) << name;
      EXPECT_EQ(count(loop, {"tileloadd"}), rowTiles + 2 * panels) << name;
      EXPECT_EQ(count(loop, {"tilestored"}) + count(loop, {"ldtilecfg"}) +
                    count(loop, {"rsp"}) + count(loop, {"call"}),
                0u)
          << name << " spills:\n"
          << testing::PrintToString(loop);
    }
  }
  EXPECT_EQ(tiles, 3u);
  size_t configurations = 0;
  for (size_t at = text.find("ldtilecfg"); at != std::string::npos;
       at = text.find("ldtilecfg", at + 1))
    ++configurations;
  EXPECT_EQ(configurations, 3u);
}

//===----------------------------------------------------------------------===//
// What plans pick
//===----------------------------------------------------------------------===//

struct Planned {
  const char *target;
  const char *rows, *weight; ///< element types
  int64_t sides, depth;

  friend void PrintTo(const Planned &p, std::ostream *out) {
    *out << p.target << " " << p.rows << " by " << p.weight << ", " << p.sides
         << " sides, depth " << p.depth;
  }
};

/// A matmul of 1024 columns by the plan that the target chooses for it.
struct PlannedKernel {
  std::string text, reduction;
  int64_t rows = 0; ///< of the largest block
};

PlannedKernel planned(const Planned &p) {
  constexpr int64_t columns = 1024;
  KernelContext context;
  loadKernelDialects(*context.context);
  const std::string k = std::to_string(p.depth), n = std::to_string(columns);
  const std::string x = "tensor<?x" + k + "x" + p.rows + ">";
  const std::string y = "tensor<?x" + n + "xf32>";
  const std::string shape = n + "x" + k + "x" + p.weight;
  const bool two = p.sides == 2;
  auto matmul = [&](const std::string &w, const std::string &plan) {
    // Packed weights are one operand, whatever is inside.
    const bool both = two && plan.empty();
    return "  %y = moe.grouped_matmul lhs(%x) rhs(%w" +
           std::string(both ? ", %w" : "") + ") acc f32 {\n  ^bb0(%a: f32" +
           (two ? ", %b: f32" : "") + "):\n    moe.yield %a : f32\n  }" + plan +
           " : (" + x + ", " + w + (both ? ", " + w : "") + ") -> " + y + "\n";
  };
  const std::string plain = "tensor<" + shape + ">";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "module attributes {moe.target = #moe_cpu.target<name = \"" +
          std::string(p.target) + "\">} {\nfunc.func @f(%x: " + x +
          ", %w: " + plain + ") -> " + y + " {\n" + matmul(plain, "") +
          "  return %y : " + y + "\n}\n}\n",
      context.context.get());
  PlannedKernel kernel;
  if (!module)
    return kernel;
  cpu::MatmulAttr plan;
  module->walk([&](GroupedMatmulOp op) {
    plan = mlir::cast<cpu::MatmulAttr>(
        cpu::getTarget(op).choosePlan(op, 1, 1024, false).plan);
  });
  auto str = [](mlir::Attribute value) {
    std::string text;
    llvm::raw_string_ostream(text) << value;
    return text;
  };
  const std::string packed = "!moe.packed<" + str(plan.getWeightLayout()) +
                             ", " + shape + (two ? ", " + shape : "") + ">";
  kernel.text =
      "moe_exec.kernel @k(%x: " + x + ", %w: " + packed + ") -> " + y +
      " attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> "
      "(d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {\n" +
      matmul(packed, " {moe.plan = " + str(plan) + "}") +
      "  moe_exec.return %y : " + y + "\n}\n";
  kernel.reduction = plan.getReduction().str();
  kernel.rows = plan.getRows();
  return kernel;
}

/// "tile_fma_bf16_4x2x8_s1_p8192" as numbers.
struct TileName {
  int64_t rows, vectors, lanes, streams;
};
std::optional<TileName> tileName(const std::string &name) {
  static const std::regex form("tile_.*_(\\d+)x(\\d+)x(\\d+)_s(\\d+)_p.*");
  std::smatch found;
  if (!std::regex_match(name, found, form))
    return std::nullopt;
  return TileName{std::stol(found[1]), std::stol(found[2]), std::stol(found[3]),
                  std::stol(found[4])};
}

class PlannedLoopsTest : public testing::TestWithParam<Planned> {};

/// For each level, reduction, weight type, gated or not, and every number of
/// rows that a block may have: a multiply-add for each sum, nothing on the
/// stack, no call.
TEST_P(PlannedLoopsTest, HoldMultiplyAddsAndNoSpills) {
  const Planned &p = GetParam();
  const PlannedKernel kernel = planned(p);
  ASSERT_FALSE(kernel.text.empty());
  LoweredKernels kernels(kernel.text, p.target, /*load=*/false);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front() << kernel.text;
  const std::string text =
      emitText(kernels.leaves, p.target, cpu::EmitKind::Assembly);
  const bool arm = std::string(p.target) == "aarch64";
  const bool sse = std::string(p.target) == "x86-64-v2";
  const bool tiles = kernel.reduction == "amx_bf16";
  const std::string product = tiles                            ? "tdpbf16ps"
                              : kernel.reduction == "dot_bf16" ? "vdpbf16ps"
                              : arm                            ? "fmla"
                              : sse                            ? "mulps"
                                                               : "vfmadd";
  size_t functions = 0;
  for (auto &[name, list] : innermostLoops(text)) {
    const std::optional<TileName> tile = tileName(name);
    if (!tile)
      continue;
    ++functions;
    const int64_t sums = tiles ? (tile->rows + 15) / 16 * tile->vectors
                               : tile->rows * tile->vectors;
    size_t most = 0;
    for (const Loop &loop : list) {
      const size_t products = count(loop, {product});
      most = std::max(most, products);
      if (products == 0)
        continue; // from panel to panel
      EXPECT_EQ(products % sums, 0u) << name << testing::PrintToString(loop);
      EXPECT_EQ(count(loop, {"call"}) + count(loop, {"\tbl\t"}), 0u) << name;
      // SSE overwrites an operand of each op, and widening takes registers: a
      // sum of eight may wait on the stack.
      const bool mayWait = sse && std::string(p.weight) != "f32";
      EXPECT_LE(count(loop, {arm ? "[sp" : "rsp"}), mayWait ? products / 8 : 0)
          << name << " spills:\n"
          << testing::PrintToString(loop);
      EXPECT_EQ(count(loop, {"ldtilecfg"}) + count(loop, {"tilestored"}) +
                    count(loop, {"tilezero"}),
                0u)
          << name;
      if (tiles) {
        EXPECT_EQ(count(loop, {"tileloadd"}),
                  static_cast<size_t>((tile->rows + 15) / 16) +
                      products * 16 / ((tile->rows + 15) / 16 * 16))
            << name;
      }
    }
    EXPECT_GE(most, static_cast<size_t>(sums * tile->streams)) << name;
  }
  // One for each number of rows; of tiles, one for each that rows are filled
  // up to.
  EXPECT_EQ(functions, static_cast<size_t>(tiles ? 3 : kernel.rows));
  if (tiles) {
    size_t configurations = 0;
    for (size_t at = text.find("ldtilecfg"); at != std::string::npos;
         at = text.find("ldtilecfg", at + 1))
      ++configurations;
    EXPECT_EQ(configurations, functions);
  }
}

std::vector<Planned> everyPlan() {
  std::vector<Planned> all;
  for (const char *target :
       {"x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4+avx512_bf16",
        "sapphirerapids", "aarch64"})
    for (const char *rows : {"f32", "bf16"})
      for (const char *weight : {"f32", "bf16", "f16"})
        for (int64_t sides : {1, 2})
          for (int64_t depth : {100, 512}) {
            const bool f16 = std::string(weight) == "f16";
            // Without an instruction for it, widening f16 takes registers of
            // its own.
            if (f16 && std::string(target) == "x86-64-v2")
              continue;
            // Rows are widened as they are packed: only where both are bf16
            // do their types make another loop.
            const bool pairs = std::string(rows) == "bf16";
            if (pairs && std::string(weight) != "bf16")
              continue;
            all.push_back({target, rows, weight, sides, depth});
          }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Levels, PlannedLoopsTest,
                         testing::ValuesIn(everyPlan()),
                         [](const testing::TestParamInfo<Planned> &info) {
                           const Planned &p = info.param;
                           std::string name = std::string(p.target) + "_" +
                                              p.rows + "_" + p.weight + "_" +
                                              std::to_string(p.sides) + "_" +
                                              std::to_string(p.depth);
                           for (char &c : name)
                             c = isalnum(static_cast<unsigned char>(c)) ? c
                                                                        : '_';
                           return name;
                         });

} // namespace
