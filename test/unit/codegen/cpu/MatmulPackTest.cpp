//===- MatmulPackTest.cpp - Matmuls that pack their weights ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where weights are packed moves no bit of a result: a kernel that packs them
// gives what one gives that they are packed for.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

/// A level, and for pairs of bf16 the reduction and where its code runs.
struct Level {
  const char *name, *target, *codeTarget, *reduction;
  int64_t depthMultiple;
  bool inPairs() const { return *reduction; }
};

class MatmulPackTest : public testing::TestWithParam<Level> {
protected:
  void SetUp() override {
    if (!canRun(GetParam().codeTarget))
      GTEST_SKIP() << "nothing here runs " << GetParam().codeTarget;
  }
  /// A case that packs `packWords` words at a time.
  MatmulCase makeCase(int sides, int64_t packWords,
                      const char *run = "") const {
    const Level &level = GetParam();
    MatmulCase c;
    c.sides = sides;
    if (level.inPairs()) {
      c.lhs = c.weight = DType::BF16;
      c.interleave = 2;
      c.depthMultiple = level.depthMultiple;
    }
    planFor(c, level.inPairs() ? "x86-64-v4" : level.target);
    if (c.depthMultiple == 32) { // tiles
      c.tileRows = 64;
      c.plan = "rows = 32, columns = " + std::to_string(c.panelColumns) +
               ", tile_rows = 64, panels_per_task = 5, streams = 4";
    }
    c.plan += run;
    if (level.inPairs())
      c.plan += ", reduction = \"" + std::string(level.reduction) + "\"";
    c.packDepth = packWords * c.interleave;
    return c;
  }
  /// Runs a case that packs, and the one whose weights come packed.
  void compare(const MatmulCase &c, std::initializer_list<int64_t> counts) {
    SCOPED_TRACE(c.text());
    MatmulCase packed = c;
    packed.packDepth = 0;
    LoweredKernels packs(c.text(), GetParam().target, /*load=*/true,
                         GetParam().codeTarget);
    LoweredKernels given(packed.text(), GetParam().target, /*load=*/true,
                         GetParam().codeTarget);
    ASSERT_TRUE(packs.errors.empty()) << packs.errors.front();
    ASSERT_TRUE(given.errors.empty()) << given.errors.front();
    for (int64_t tokens : counts)
      EXPECT_EQ(check(c, packs, tokens, tokens),
                check(packed, given, tokens, tokens))
          << tokens << " tokens";
  }
};
INSTANTIATE_TEST_SUITE_P(
    Levels, MatmulPackTest,
    testing::Values(
        Level{"v2", "x86-64-v2", "x86-64-v2", "", 1},
        Level{"v3", "x86-64-v3", "x86-64-v3", "", 1},
        Level{"v4", "x86-64-v4", "x86-64-v4", "", 1},
        Level{"v4_emulated", "x86-64-v4", "x86-64-v3", "", 1},
        Level{"aarch64", "aarch64", "aarch64", "", 1},
        Level{"dot_bf16", "x86-64-v4+avx512_bf16", "x86-64-v3", "dot_bf16", 2},
        Level{"amx_bf16", "sapphirerapids", "x86-64-v3", "amx_bf16", 32}),
    [](const auto &info) { return std::string(info.param.name); });

TEST_P(MatmulPackTest, DenseRows) {
  for (bool transposed : {false, true}) {
    MatmulCase c = makeCase(1, 16);
    c.columns = 83;
    c.depth = 75;
    c.transposed = transposed;
    compare(c, {0, 1, 2, 7, 33, 70});
  }
}

TEST_P(MatmulPackTest, GatheredRowsOfExperts) {
  for (bool transposed : {false, true}) {
    MatmulCase c = makeCase(2, 32);
    c.experts = 5;
    c.topK = 2;
    c.gather = true;
    c.columns = 43;
    c.depth = 134;
    c.transposed = transposed;
    compare(c, {1, 3, 31, 130});
  }
}

/// Parts of panels within runs of depth, and a part that is longer than a row.
TEST_P(MatmulPackTest, RunsOfDepth) {
  for (const char *run : {", depth = 64", ", depth = 96"})
    for (int64_t words : {16, 32, 256}) {
      MatmulCase c = makeCase(2, words, run);
      c.columns = 40;
      c.depth = 200;
      compare(c, {1, 40});
    }
}

TEST_P(MatmulPackTest, OddSizes) {
  for (auto [columns, depth] :
       {std::pair(1, 1), std::pair(2, 17), std::pair(16, 32), std::pair(97, 1),
        std::pair(31, 131)})
    for (bool transposed : {false, true}) {
      MatmulCase c = makeCase(1, 16);
      c.columns = columns;
      c.depth = depth;
      c.transposed = transposed;
      compare(c, {1, 13});
    }
}

/// Weights that no buffer holds are computed while they are packed.
TEST_P(MatmulPackTest, RoundedWeights) {
  for (DType weight : {DType::BF16, DType::F16}) {
    if (GetParam().inPairs() && weight == DType::F16)
      continue;
    MatmulCase c = makeCase(1, 16);
    c.experts = 3;
    c.weight = weight;
    c.columns = 37;
    c.depth = 50;
    c.transposed = c.rounds = true;
    compare(c, {1, 30});
  }
}

TEST_P(MatmulPackTest, SixteenBits) {
  for (DType weight : {DType::BF16, DType::F16}) {
    if (GetParam().inPairs() && weight == DType::F16)
      continue;
    for (bool transposed : {false, true}) {
      MatmulCase c = makeCase(1, 32);
      c.lhs = c.weight = weight;
      c.columns = 37;
      c.depth = 70;
      c.transposed = transposed;
      compare(c, {5, 30});
    }
  }
}

} // namespace
