//===- MatmulKernelTest.cpp - Grouped matmuls, lowered and run ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every level, element type, number of rows and odd size against plain loops in
// double; and that a row's bits depend on nothing but the row.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"

#include "moe/dialect/plan/Groups.h"
#include "moe/dialect/plan/TileWalk.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

class MatmulLevelTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (!canRun(GetParam()))
      GTEST_SKIP() << "nothing here runs " << GetParam();
  }
};
INSTANTIATE_TEST_SUITE_P(Levels, MatmulLevelTest,
                         testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4",
                                         "aarch64"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(MatmulLevelTest, DenseRows) {
  MatmulCase c;
  planFor(c, GetParam());
  LoweredKernels kernels(c.text(), GetParam());
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  for (int64_t rows = 0; rows <= 70; ++rows)
    check(c, kernels, rows, rows);
}

TEST_P(MatmulLevelTest, GatheredRowsOfExperts) {
  MatmulCase c;
  c.experts = 5;
  c.topK = 2;
  c.gather = true;
  c.sides = 2;
  c.columns = 43;
  c.depth = 67;
  planFor(c, GetParam());
  LoweredKernels kernels(c.text(), GetParam());
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  for (int64_t tokens : {0, 1, 2, 3, 5, 17, 31, 64, 130})
    check(c, kernels, tokens, tokens);
}

TEST_P(MatmulLevelTest, EveryElementType) {
  const DType types[] = {DType::F32, DType::BF16, DType::F16};
  for (int lhs = 0; lhs < 3; ++lhs)
    for (int weight = 0; weight < 3; ++weight) {
      MatmulCase c;
      c.experts = 3;
      c.topK = 2;
      c.gather = weight != 1;
      c.lhs = types[lhs];
      c.weight = types[weight];
      c.result = types[(lhs + 2 * weight) % 3];
      c.sides = 1 + (lhs + weight) % 2;
      c.columns = 23;
      c.depth = 50;
      planFor(c, GetParam());
      SCOPED_TRACE(c.text());
      LoweredKernels kernels(c.text(), GetParam());
      ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
      for (int64_t tokens : {1, 7, 40})
        check(c, kernels, tokens, tokens);
    }
}

TEST_P(MatmulLevelTest, OddSizes) {
  for (auto [columns, depth] :
       {std::pair(1, 1), std::pair(2, 17), std::pair(16, 16), std::pair(97, 1),
        std::pair(31, 131)}) {
    MatmulCase c;
    c.columns = columns;
    c.depth = depth;
    planFor(c, GetParam());
    LoweredKernels kernels(c.text(), GetParam());
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    for (int64_t rows : {1, 2, 13, 37})
      check(c, kernels, rows, rows);
  }
}

/// What is planned for AVX-512 runs where there is none: its vectors become two
/// or four each.
TEST_P(MatmulLevelTest, RunsPlansOfAnotherLevel) {
  MatmulCase c;
  c.experts = 3;
  c.topK = 2;
  c.gather = true;
  c.sides = 2;
  c.columns = 45;
  c.depth = 64;
  planFor(c, "x86-64-v4");
  LoweredKernels kernels(c.text(), "x86-64-v4", /*load=*/true, GetParam());
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  for (int64_t tokens : {1, 5, 40})
    check(c, kernels, tokens, tokens);
}

/// Row r of a run must have these bits, whatever ran beside it.
TEST_P(MatmulLevelTest, BitsOfARowDependOnTheRowAlone) {
  MatmulCase c;
  c.depth = 200;
  c.columns = 70;
  planFor(c, GetParam());
  // Other blocks, tiles, streams, and runs of k.
  std::vector<std::string> plans{c.plan};
  const std::string columns = ", columns = " + std::to_string(c.panelColumns);
  plans.push_back("rows = 1" + columns +
                  ", tile_rows = 7, panels_per_task = 2");
  plans.push_back("rows = 3" + columns +
                  ", tile_rows = 100, panels_per_task = 100, streams = 2, "
                  "depth = 48");
  plans.push_back("rows = 5" + columns +
                  ", tile_rows = 5, panels_per_task = 1, depth = 16");
  const int64_t rows = 45;
  std::mt19937 random(3);
  std::vector<double> x = randomValues(DType::F32, rows * c.depth, random);
  std::vector<double> weights =
      randomValues(DType::F32, c.columns * c.depth, random);
  Buffer w = pack(c, {weights});
  std::vector<uint8_t> first;
  for (const std::string &plan : plans) {
    c.plan = plan;
    LoweredKernels kernels(c.text(), GetParam());
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    Buffer all(DType::F32, x), y(DType::F32, size_t(rows * c.columns));
    kernels.run("matmul", {&all, &w, &y}, {rows}, random);
    if (first.empty())
      first = y.raw();
    EXPECT_EQ(y.raw(), first) << plan;
    for (int64_t row : {0, 17, 44}) {
      Buffer one(DType::F32,
                 std::vector<double>(x.begin() + row * c.depth,
                                     x.begin() + (row + 1) * c.depth));
      Buffer alone(DType::F32, size_t(c.columns));
      kernels.run("matmul", {&one, &w, &alone}, {1}, random);
      auto bytes = first.begin() + 4 * row * c.columns;
      EXPECT_EQ(alone.raw(), std::vector<uint8_t>(bytes, bytes + 4 * c.columns))
          << plan << " row " << row;
    }
  }
}

TEST_P(MatmulLevelTest, RunsOfDepth) {
  MatmulCase c;
  c.experts = 4;
  c.topK = 2;
  c.gather = true;
  c.sides = 2;
  c.columns = 50;
  c.depth = 83;
  planFor(c, GetParam());
  c.plan += ", depth = 32";
  LoweredKernels kernels(c.text(), GetParam());
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  for (int64_t tokens : {1, 4, 30, 90})
    check(c, kernels, tokens, tokens);
}

TEST_P(MatmulLevelTest, EpilogueOperands) {
  // (acc + bias[e, n]) * scale[e] * weight[t, j] + residual[row, n] + table[n]
  const int64_t n = 21, k = 9, experts = 4, first = 1, local = 2;
  MatmulCase c;
  c.columns = n;
  c.depth = k;
  c.experts = local;
  planFor(c, GetParam());
  const std::string packed = c.packed(),
                    g = "!moe.groups<experts = 4, local = "
                        "[1, 2], ragged>",
                    t = "!moe.tiles<rows = " + std::to_string(c.tileRows) + ">";
  const std::string types = "tensor<?x9xf32>, " + packed + ", " + g + ", " + t +
                            ", tensor<2x21xbf16>, tensor<2xf32>, "
                            "tensor<?x2xf32>, tensor<?x21xf32>, ";
  std::string table;
  for (int64_t i = 0; i < local * n; ++i)
    table += (i ? ", " : "") + std::to_string(i) + ".0";
  LoweredKernels kernels(
      "moe_exec.kernel @matmul(%x: tensor<?x9xf32>, %w: " + packed +
          ", %g: " + g + ", %t: " + t +
          ", %b: tensor<2x21xbf16>, %s: tensor<2xf32>, %m: tensor<?x2xf32>, "
          "%r: tensor<?x21xf32>) -> tensor<?x21xf32> attributes {num_dims = 1 "
          ": i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, "
          "affine_map<(d0) -> (d0 * 2)>, affine_map<(d0) -> (0)>, "
          "affine_map<(d0) -> ()>, affine_map<(d0) -> ()>, affine_map<(d0) -> "
          "(d0)>, affine_map<(d0) -> (d0 * 2)>, affine_map<(d0) -> (d0 * 2)>]} "
          "{\n  %c = arith.constant dense<[[" +
          [&] {
            std::string rows = table;
            // Two rows of n.
            size_t at = 0;
            for (int64_t i = 0; i < n; ++i)
              at = rows.find(", ", at) + 2;
            return rows.substr(0, at - 2) + "], [" + rows.substr(at);
          }() +
          "]]> : tensor<2x21xf32>\n  %y = moe.grouped_matmul lhs(%x gather) "
          "rhs(%w) by %g tiles(%t) operands(%b columns, %s experts, %m slots, "
          "%r elements, %c columns) acc f32 {\n  ^bb0(%a: f32, %bias: bf16, "
          "%scale: f32, %weight: f32, %residual: f32, %const: f32):\n"
          "    %e = arith.extf %bias : bf16 to f32\n"
          "    %p = arith.addf %a, %e : f32\n"
          "    %q = arith.mulf %p, %scale : f32\n"
          "    %u = arith.mulf %q, %weight : f32\n"
          "    %v = arith.addf %u, %residual : f32\n"
          "    %z = arith.addf %v, %const : f32\n"
          "    moe.yield %z : f32\n  } {moe.plan = #moe_cpu.matmul<" +
          c.plan + ">} : (" + types +
          "tensor<2x21xf32>) -> tensor<?x21xf32>\n  moe_exec.return %y : "
          "tensor<?x21xf32>\n}\n",
      GetParam());
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(8);
  for (int64_t tokens : {1, 3, 25}) {
    std::vector<int32_t> ids, seen;
    for (int64_t i = 0; i < 2 * tokens; ++i) {
      ids.push_back(static_cast<int32_t>(random() % experts));
      bool here = ids.back() >= first && ids.back() < first + local;
      seen.push_back(here ? ids.back() : -1);
    }
    plan::Groups groups;
    ASSERT_FALSE(plan::makeGroups(seen, experts, groups));
    plan::TileWalk walk(groups.offsets, n, {c.tileRows, c.panelColumns, 1});
    std::vector<int32_t> list;
    for (const plan::RowTile &tile : walk.rowTiles())
      list.insert(list.end(), {tile.expert, tile.rowBegin, tile.rowEnd});
    std::vector<double> weights =
        randomValues(DType::F32, local * n * k, random);
    Buffer x(DType::F32, randomValues(DType::F32, tokens * k, random)),
        w = pack(c, {weights}), offsets(groups.offsets),
        slotOfRow(groups.slotOfRow), rowOfSlot(groups.rowOfSlot), tiles(list),
        count(DType::I64, size_t(1)),
        bias(DType::BF16, randomValues(DType::BF16, local * n, random)),
        scale(DType::F32, randomValues(DType::F32, local, random)),
        mix(DType::F32, randomValues(DType::F32, 2 * tokens, random)),
        residual(DType::F32, randomValues(DType::F32, 2 * tokens * n, random)),
        y(DType::F32, size_t(2 * tokens * n));
    kernels.run("matmul",
                {&x, &w, &offsets, &slotOfRow, &rowOfSlot, &count, &tiles,
                 &bias, &scale, &mix, &residual, &y},
                {tokens}, random, static_cast<int64_t>(walk.rowTiles().size()));
    for (int64_t e = 0; e < local; ++e)
      for (int64_t row = groups.offsets[first + e];
           row < groups.offsets[first + e + 1]; ++row)
        for (int64_t j = 0; j < n; ++j) {
          int64_t slot = groups.slotOfRow[row];
          double sum = 0;
          for (int64_t i = 0; i < k; ++i)
            sum += x[slot / 2 * k + i] * weights[(e * n + j) * k + i];
          double want = (sum + bias[e * n + j]) * scale[e] * mix[slot] +
                        residual[row * n + j] + double(e * n + j);
          ASSERT_NEAR(y[row * n + j], want, 1e-5 * (1 + std::abs(want)));
        }
  }
}

} // namespace
