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

#include "LoweredKernels.h"

#include "moe/dialect/plan/Groups.h"
#include "moe/dialect/plan/TileWalk.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

/// A matmul over experts, or dense with none, as text and as numbers.
struct Case {
  int64_t experts = 0; ///< 0: dense
  int64_t topK = 1;
  bool gather = false;
  int64_t columns = 40, depth = 33;
  int sides = 1;
  DType lhs = DType::F32, weight = DType::F32, result = DType::F32;
  std::string plan = "rows = 6, columns = 16, tile_rows = 18, "
                     "panels_per_task = 3, streams = 4, prefetch = 1024";
  int64_t panelColumns = 16, tileRows = 18;
  int64_t interleave = 1, depthMultiple = 1; ///< what the reduction wants

  int64_t paddedDepth() const {
    return (depth + depthMultiple - 1) / depthMultiple * depthMultiple;
  }
  int64_t groups() const { return std::max<int64_t>(experts, 1); }
  std::string dense(int64_t rows) const {
    return std::to_string(rows) + "x" + std::to_string(columns) + "x" +
           std::to_string(depth);
  }
  std::string weightShape() const {
    std::string nk = std::to_string(columns) + "x" + std::to_string(depth) +
                     "x" + std::string(core::name(weight));
    return experts ? std::to_string(experts) + "x" + nk : nk;
  }
  std::string packed() const {
    std::string type =
        "!moe.packed<#moe_cpu.panels<columns = " + std::to_string(panelColumns);
    if (interleave != 1)
      type += ", interleave = " + std::to_string(interleave) +
              ", depth_multiple = " + std::to_string(depthMultiple);
    type += ">";
    for (int i = 0; i < sides; ++i)
      type += ", " + weightShape();
    return type + ">";
  }
  std::string text() const;
};

std::string Case::text() const {
  const std::string lhsType = "tensor<?x" + std::to_string(depth) + "x" +
                              std::string(core::name(lhs)) + ">";
  const std::string resultType = "tensor<?x" + std::to_string(columns) + "x" +
                                 std::string(core::name(result)) + ">";
  const std::string groupsType =
      "!moe.groups<experts = " + std::to_string(experts) + ", ragged>";
  const std::string tilesType =
      "!moe.tiles<rows = " + std::to_string(tileRows) + ">";
  const std::string rows =
      "affine_map<(d0) -> (d0 * " + std::to_string(topK) + ")>";
  std::string t =
      "moe_exec.kernel @matmul(%x: " + lhsType + ", %w: " + packed();
  if (experts)
    t += ", %g: " + groupsType + ", %t: " + tilesType;
  t += ") -> " + resultType + " attributes {num_dims = 1 : i64, sizes = [";
  t += (gather ? "affine_map<(d0) -> (d0)>" : rows) +
       ", affine_map<(d0) -> ()>, ";
  if (experts)
    t += rows + ", affine_map<(d0) -> (0)>, ";
  t += rows + "]} {\n  %y = moe.grouped_matmul lhs(%x" +
       (gather ? " gather" : "") + ") rhs(%w)";
  if (experts)
    t += " by %g tiles(%t)";
  t += " acc f32 {\n";
  std::string value = "%a";
  t += sides == 2 ? "  ^bb0(%a: f32, %b: f32):\n" : "  ^bb0(%a: f32):\n";
  if (sides == 2) {
    t += "    %p = arith.mulf %a, %b : f32\n";
    value = "%p";
  }
  if (result != DType::F32) {
    t += "    %r = arith.truncf " + value + " : f32 to " +
         std::string(core::name(result)) + "\n";
    value = "%r";
  }
  t += "    moe.yield " + value + " : " + std::string(core::name(result)) +
       "\n  } {moe.plan = #moe_cpu.matmul<" + plan + ">} : (" + lhsType + ", " +
       packed();
  if (experts)
    t += ", " + groupsType + ", " + tilesType;
  return t + ") -> " + resultType + "\n  moe_exec.return %y : " + resultType +
         "\n}\n";
}

/// Weights [E, N, K] of each side in panels.
Buffer pack(const Case &c, const std::vector<std::vector<double>> &sides) {
  const int64_t panels = (c.columns + c.panelColumns - 1) / c.panelColumns;
  const int64_t width = c.panelColumns * c.sides;
  const size_t size = core::byteSize(c.weight);
  const int64_t expertBytes =
      (panels * c.paddedDepth() * width * static_cast<int64_t>(size) + 63) /
      64 * 64;
  Buffer buffer(c.weight, expertBytes / size * c.groups());
  for (size_t i = 0; i < buffer.size(); ++i)
    buffer.set(i, 0);
  for (int64_t e = 0; e < c.groups(); ++e)
    for (int64_t n = 0; n < c.columns; ++n)
      for (int64_t k = 0; k < c.depth; ++k)
        for (int s = 0; s < c.sides; ++s) {
          int64_t step =
              (n / c.panelColumns * c.paddedDepth() + k) / c.interleave;
          int64_t at =
              e * (expertBytes / static_cast<int64_t>(size)) +
              (step * width + s * c.panelColumns + n % c.panelColumns) *
                  c.interleave +
              k % c.interleave;
          buffer.set(at, sides[s][(e * c.columns + n) * c.depth + k]);
        }
  return buffer;
}

/// What a case computes for `tokens` tokens; checks it, and returns its bytes.
std::vector<uint8_t> check(const Case &c, const LoweredKernels &kernels,
                           int64_t tokens, unsigned seed) {
  std::mt19937 random(seed);
  const int64_t rows = tokens * c.topK;
  const int64_t lhsRows = c.gather ? tokens : rows;
  Buffer x(c.lhs, randomValues(c.lhs, lhsRows * c.depth, random));
  std::vector<std::vector<double>> weights;
  std::mt19937 fixed(7); // the same weights for every call
  for (int s = 0; s < c.sides; ++s)
    weights.push_back(
        randomValues(c.weight, c.groups() * c.columns * c.depth, fixed));
  Buffer w = pack(c, weights);
  Buffer y(c.result, rows * c.columns);
  std::vector<Buffer *> buffers{&x, &w};

  plan::Groups groups;
  std::vector<int32_t> ids, list;
  std::optional<int64_t> count;
  for (int64_t slot = 0; slot < rows; ++slot)
    // Few experts get most of the rows, some get none, some slots have none.
    ids.push_back(c.experts
                      ? static_cast<int32_t>(
                            std::min<int64_t>(random() % (c.experts + 1),
                                              random() % (c.experts + 1)) -
                            1)
                      : 0);
  EXPECT_FALSE(plan::makeGroups(ids, c.groups(), groups));
  Buffer offsets(groups.offsets), slotOfRow(groups.slotOfRow),
      rowOfSlot(groups.rowOfSlot);
  plan::TileWalk walk(groups.offsets, c.columns,
                      {c.tileRows, c.panelColumns, 1});
  for (const plan::RowTile &tile : walk.rowTiles())
    list.insert(list.end(), {tile.expert, tile.rowBegin, tile.rowEnd});
  list.resize(std::max<size_t>(list.size(), 3), -1);
  Buffer tiles(list), numTiles(DType::I64, size_t(1));
  core::storeFromInt(DType::I64, numTiles.data(), 0, walk.rowTiles().size());
  if (c.experts) {
    count = static_cast<int64_t>(walk.rowTiles().size());
    for (Buffer *b : {&offsets, &slotOfRow, &rowOfSlot, &numTiles, &tiles})
      buffers.push_back(b);
  }
  buffers.push_back(&y);
  kernels.run("matmul", buffers, {tokens}, random, count);

  const double tolerance = c.result == DType::F32   ? 2e-6 * std::sqrt(c.depth)
                           : c.result == DType::F16 ? 1e-3
                                                    : 8e-3;
  for (int64_t e = 0; e < c.groups(); ++e)
    for (int64_t row = groups.offsets[e]; row < groups.offsets[e + 1]; ++row)
      for (int64_t n = 0; n < c.columns; ++n) {
        int64_t source = c.gather ? groups.slotOfRow[row] / c.topK : row;
        double value = 1, scale = 0;
        for (int s = 0; s < c.sides; ++s) {
          double sum = 0, absolute = 0;
          for (int64_t k = 0; k < c.depth; ++k) {
            double product = x[source * c.depth + k] *
                             weights[s][(e * c.columns + n) * c.depth + k];
            sum += product;
            absolute += std::abs(product);
          }
          value *= sum;
          scale = std::max(scale, absolute);
        }
        double got = y[row * c.columns + n];
        if (!(std::abs(got - value) <=
              tolerance * (1 + scale * (c.sides == 2 ? scale : 1)))) {
          ADD_FAILURE() << "expert " << e << " row " << row << " column " << n
                        << ": " << got << " instead of " << value;
          return {};
        }
      }
  return y.raw();
}

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

/// A plan with blocks that fit the level's registers.
void planFor(Case &c, const std::string &target) {
  const int64_t lanes = target == "x86-64-v4"   ? 16
                        : target == "x86-64-v3" ? 8
                                                : 4;
  const int64_t rows = target == "x86-64-v4" || target == "aarch64" ? 12 : 6;
  c.panelColumns = 2 * lanes / c.sides;
  c.tileRows = 3 * rows;
  c.plan = "rows = " + std::to_string(rows) +
           ", columns = " + std::to_string(c.panelColumns) +
           ", tile_rows = " + std::to_string(c.tileRows) +
           ", panels_per_task = 5, streams = 4, prefetch = 512";
}

TEST_P(MatmulLevelTest, DenseRows) {
  Case c;
  planFor(c, GetParam());
  LoweredKernels kernels(c.text(), GetParam());
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  for (int64_t rows = 0; rows <= 70; ++rows)
    check(c, kernels, rows, rows);
}

TEST_P(MatmulLevelTest, GatheredRowsOfExperts) {
  Case c;
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
      Case c;
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
    Case c;
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
  Case c;
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
  Case c;
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
  Case c;
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

/// What multiplies pairs of bf16, and where its code is run: by instructions
/// of this machine if it has them, and by others that compute the same.
struct PairReduction {
  const char *name, *target, *codeTarget;
  int64_t depthMultiple;
};

class MatmulReductionTest : public testing::TestWithParam<PairReduction> {
protected:
  std::string codeTarget() const {
    return *GetParam().codeTarget ? GetParam().codeTarget : GetParam().target;
  }
  void SetUp() override {
    if (!canRun(codeTarget()))
      GTEST_SKIP() << "nothing here runs " << codeTarget();
  }
  /// A case of bf16 whose plan is by this reduction.
  Case makeCase(int64_t sides) const {
    Case c;
    c.lhs = c.weight = DType::BF16;
    c.sides = static_cast<int>(sides);
    c.interleave = 2;
    c.depthMultiple = GetParam().depthMultiple;
    planFor(c, "x86-64-v4");
    if (c.depthMultiple == 32) { // tiles
      c.tileRows = 64;
      c.plan = "rows = 32, columns = " + std::to_string(c.panelColumns) +
               ", tile_rows = 64, panels_per_task = 5, streams = 4, "
               "prefetch = 512";
    }
    c.plan += ", reduction = \"" + std::string(GetParam().name) + "\"";
    return c;
  }
  LoweredKernels lower(const Case &c) const {
    return LoweredKernels(c.text(), GetParam().target, /*load=*/true,
                          codeTarget());
  }
};
INSTANTIATE_TEST_SUITE_P(
    Reductions, MatmulReductionTest,
    testing::Values(
        PairReduction{"dot_bf16", "x86-64-v4+avx512_bf16", "", 2},
        PairReduction{"dot_bf16", "x86-64-v4+avx512_bf16", "x86-64-v3", 2},
        PairReduction{"amx_bf16", "sapphirerapids", "", 32},
        PairReduction{"amx_bf16", "sapphirerapids", "x86-64-v3", 32}),
    [](const auto &info) {
      return std::string(info.param.name) +
             (*info.param.codeTarget ? "_emulated" : "");
    });

/// Every remainder of k by a pair, a run of words and a tile of them, and every
/// number of rows around a tile's.
TEST_P(MatmulReductionTest, OddSizes) {
  for (auto [columns, depth] :
       {std::pair(1, 1), std::pair(2, 17), std::pair(16, 32), std::pair(97, 2),
        std::pair(31, 131), std::pair(40, 64), std::pair(33, 95)}) {
    Case c = makeCase(1);
    c.columns = columns;
    c.depth = depth;
    SCOPED_TRACE(c.text());
    LoweredKernels kernels = lower(c);
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    for (int64_t rows : {0, 1, 2, 7, 8, 9, 13, 16, 17, 31, 32, 33, 64, 70})
      check(c, kernels, rows, rows);
  }
}

TEST_P(MatmulReductionTest, GatheredRowsOfExperts) {
  Case c = makeCase(2);
  c.experts = 5;
  c.topK = 2;
  c.gather = true;
  c.columns = 43;
  c.depth = 67;
  c.result = DType::BF16;
  LoweredKernels kernels = lower(c);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  for (int64_t tokens : {0, 1, 2, 3, 5, 17, 31, 64, 130})
    check(c, kernels, tokens, tokens);
}

/// Runs of packed words, and words that stay in the first cache.
TEST_P(MatmulReductionTest, LongRows) {
  for (const char *run : {"", ", depth = 320"}) {
    Case c = makeCase(2);
    c.experts = 2;
    c.columns = 30;
    c.depth = 1101;
    c.plan += run;
    LoweredKernels kernels = lower(c);
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    for (int64_t tokens : {1, 40, 90})
      check(c, kernels, tokens, tokens);
  }
}

TEST_P(MatmulReductionTest, BitsOfARowDependOnTheRowAlone) {
  Case c = makeCase(1);
  c.depth = 1101;
  c.columns = 70;
  const std::string first = c.plan;
  const int64_t rows = 70;
  std::mt19937 random(3);
  std::vector<double> x = randomValues(DType::BF16, rows * c.depth, random);
  Buffer w = pack(c, {randomValues(DType::BF16, c.columns * c.depth, random)});
  std::vector<uint8_t> bits;
  for (const std::string &plan : {first, first + ", depth = 64"}) {
    c.plan = plan;
    LoweredKernels kernels = lower(c);
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    for (int64_t count : {70, 33, 9, 1}) {
      Buffer some(DType::BF16,
                  std::vector<double>(x.begin(), x.begin() + count * c.depth));
      Buffer y(DType::F32, size_t(count * c.columns));
      kernels.run("matmul", {&some, &w, &y}, {count}, random);
      if (bits.empty())
        bits = y.raw();
      EXPECT_EQ(y.raw(),
                std::vector<uint8_t>(bits.begin(),
                                     bits.begin() + 4 * count * c.columns))
          << plan << ", " << count << " rows";
    }
  }
}

TEST_P(MatmulLevelTest, EpilogueOperands) {
  // (acc + bias[e, n]) * scale[e] * weight[t, j] + residual[row, n] + table[n]
  const int64_t n = 21, k = 9, experts = 4, first = 1, local = 2;
  Case c;
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
