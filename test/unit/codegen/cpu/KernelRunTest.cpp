//===- KernelRunTest.cpp - Kernels compiled, loaded and run ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each level of x86-64 natively where this host has it, against plain loops.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

using namespace moe;
using namespace moe::test;

namespace {

class LevelTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (!hostRuns(GetParam()))
      GTEST_SKIP() << "this host lacks " << GetParam();
  }
};

INSTANTIATE_TEST_SUITE_P(Levels, LevelTest,
                         testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4",
                                         "x86-64-v4+avx512_bf16"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (!isalnum(c))
                               c = '_';
                           return name;
                         });

std::vector<float> randomFloats(size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  std::vector<float> values(count);
  for (float &value : values)
    value = uniform(generator);
  return values;
}

TEST_P(LevelTest, MultiplyAddWithMaskedTail) {
  CompiledKernel kernel = compileKernels(elementwise(16, "f32", "f32", R"(
    %two = arith.constant dense<2.0> : vector<16xf32>
    %one = arith.constant dense<1.0> : vector<16xf32>
    %y = math.fma %x, %two, %one : vector<16xf32>)"),
                                         GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  for (size_t count : {0, 1, 15, 16, 17, 31, 1003}) {
    std::vector<float> x = randomFloats(count, 1), y(count + 1, 42.0f);
    kernel.run({x.data(), y.data()}, {}, count);
    for (size_t i = 0; i < count; ++i)
      EXPECT_EQ(y[i], x[i] * 2 + 1);
    EXPECT_EQ(y[count], 42.0f) << "written beyond the end";
  }
}

} // namespace
