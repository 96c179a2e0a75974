//===- MatmulReductionTest.cpp - Matmuls by pairs and by tiles ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reductions of bf16 against plain loops in double, by this machine's
// instructions where it has them and emulated everywhere.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

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
  MatmulCase makeCase(int64_t sides) const {
    MatmulCase c;
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
  LoweredKernels lower(const MatmulCase &c) const {
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
    MatmulCase c = makeCase(1);
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
  MatmulCase c = makeCase(2);
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
    MatmulCase c = makeCase(2);
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
  MatmulCase c = makeCase(1);
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

} // namespace
