//===- CpuFeatureTest.cpp - Sets of CPU features --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/abi/CpuFeature.h"
#include "moe/codegen/abi/kernel.h"

#include "gtest/gtest.h"

using namespace moe::abi;

/// kernelOfC.c: the header is plain C.
extern "C" moe_kernel_fn moeTestKernelOfC(void);

namespace {

TEST(CpuFeatureTest, EveryNameNamesItsFeature) {
  for (size_t i = 0; i < cpuFeatureNames.size(); ++i) {
    std::optional<CpuFeature> feature = cpuFeatureFromName(cpuFeatureNames[i]);
    ASSERT_TRUE(feature);
    EXPECT_EQ(static_cast<size_t>(*feature), i);
    EXPECT_EQ(name(*feature), cpuFeatureNames[i]);
  }
  EXPECT_FALSE(cpuFeatureFromName("avx3"));
  EXPECT_EQ(name(CpuFeature::Neon), "neon"); // the last
}

TEST(CpuFeatureTest, Sets) {
  CpuFeatures set{CpuFeature::Fma, CpuFeature::Avx2};
  EXPECT_TRUE(set.has(CpuFeature::Avx2));
  EXPECT_FALSE(set.has(CpuFeature::Avx));
  EXPECT_EQ(set.str(), "avx2, fma");
  EXPECT_EQ((set - CpuFeatures{CpuFeature::Avx2}).str(), "fma");
  EXPECT_TRUE((set | CpuFeatures{CpuFeature::Avx}).contains(set));
  EXPECT_FALSE((set & CpuFeatures{CpuFeature::Fma}).contains(set));
  EXPECT_TRUE(CpuFeatures().empty());
  EXPECT_EQ(CpuFeatures::fromBits(set.bits()), set);
  EXPECT_EQ(CpuFeatures::fromBits(uint64_t{1} << 63).str(), "feature 63");
}

TEST(CpuFeatureTest, LevelsGrow) {
  EXPECT_TRUE(x86_64_v3.contains(x86_64_v2));
  EXPECT_TRUE(x86_64_v4.contains(x86_64_v3));
  EXPECT_TRUE(sapphireRapids.contains(x86_64_v4));
}

TEST(CpuFeatureTest, KernelsCanBeWrittenInC) {
  int64_t result = 0, dims[] = {3};
  void *buffers[] = {&result};
  moe_kernel_args args = {buffers, dims};
  char scratch[1];
  moeTestKernelOfC()(&args, 10, 20, 7, scratch);
  EXPECT_EQ(result, 3 + 10 + 20 + 7);
}

} // namespace
