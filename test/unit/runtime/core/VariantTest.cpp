//===- VariantTest.cpp - Which code of a package a host runs ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hosts that this machine is not, and packages for several of them.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Variant.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include "gtest/gtest.h"

namespace moe::test {
using namespace core;
using abi::CpuArch;
using abi::CpuFeatures;
namespace {

std::unique_ptr<abi::VariantT> variant(std::string target, CpuFeatures features,
                                       bool emulated = false,
                                       std::string arch = "x86_64") {
  auto result = std::make_unique<abi::VariantT>();
  result->target = std::move(target);
  for (size_t i = 0; i < abi::cpuFeatureNames.size(); ++i)
    if (features.has(static_cast<abi::CpuFeature>(i)))
      result->features.emplace_back(abi::cpuFeatureNames[i]);
  result->emulated = emulated;
  auto code = std::make_unique<abi::CodeT>();
  code->kind = abi::CodeKind::CpuImage;
  code->arch = std::move(arch);
  result->code.push_back(std::move(code));
  return result;
}

std::string chosen(const abi::PackageT &package, CpuArch arch, CpuFeatures host,
                   std::string_view isaText = "") {
  Result<IsaSelection> isa = selectIsa(arch, host, isaText);
  if (!isa)
    return isa.error().str();
  std::shared_ptr<const Package> opened = test::open(package);
  Result<size_t> index = chooseVariant(*opened, arch, *isa);
  return index ? package.variants[*index]->target : index.error().str();
}

abi::PackageT levels() {
  abi::PackageT package;
  package.variants.push_back(variant("x86-64-v2", abi::x86_64_v2));
  package.variants.push_back(variant("x86-64-v4", abi::x86_64_v4));
  package.variants.push_back(variant("x86-64-v3", abi::x86_64_v3));
  return package;
}

TEST(VariantTest, BestThatRuns) {
  EXPECT_EQ(chosen(levels(), CpuArch::X86_64, abi::x86_64_v2), "x86-64-v2");
  EXPECT_EQ(chosen(levels(), CpuArch::X86_64, abi::x86_64_v3), "x86-64-v3");
  EXPECT_EQ(chosen(levels(), CpuArch::X86_64, abi::x86_64_v4), "x86-64-v4");
  EXPECT_EQ(chosen(levels(), CpuArch::X86_64, abi::sapphireRapids),
            "x86-64-v4");
}

TEST(VariantTest, MoeIsaLimits) {
  EXPECT_EQ(chosen(levels(), CpuArch::X86_64, abi::sapphireRapids, "avx2"),
            "x86-64-v3");
  EXPECT_EQ(chosen(levels(), CpuArch::X86_64, abi::sapphireRapids, "scalar"),
            "x86-64-v2");
}

TEST(VariantTest, EmulatedOnesOnRequest) {
  abi::PackageT package;
  package.variants.push_back(variant("x86-64-v3", abi::x86_64_v3));
  package.variants.push_back(variant("emulated", abi::x86_64_v3, true));
  EXPECT_EQ(chosen(package, CpuArch::X86_64, abi::x86_64_v3), "x86-64-v3");
  EXPECT_EQ(chosen(package, CpuArch::X86_64, abi::x86_64_v3, "emulate:avx512"),
            "emulated");
  package.variants.erase(package.variants.begin());
  EXPECT_EQ(chosen(package, CpuArch::X86_64, abi::x86_64_v3), "emulated");
}

TEST(VariantTest, NoneRuns) {
  abi::PackageT package;
  package.variants.push_back(variant(
      "avx512", abi::x86_64_v3 | CpuFeatures{abi::CpuFeature::Avx512f}));
  package.variants.push_back(
      variant("aarch64", abi::aarch64Base, false, "aarch64"));
  auto gpu = variant("sm_90a", {});
  gpu->code[0]->kind = abi::CodeKind::Cubin;
  gpu->code[0]->arch = "sm_90a";
  gpu->code[0]->bytes = {1};
  package.variants.push_back(std::move(gpu));
  package.variants.push_back(variant("newer", abi::x86_64_v2));
  package.variants[3]->features.push_back("avx99");
  EXPECT_EQ(
      chosen(package, CpuArch::X86_64, abi::x86_64_v3),
      "E0504: 'sample.moe': no variant of the package runs here: variant "
      "'avx512' needs avx512f; variant 'aarch64' is for aarch64; variant "
      "'sm_90a' has no code for a CPU; variant 'newer' needs avx99; usable "
      "here are x86_64 with sse3, ssse3, sse4_1, sse4_2, popcnt, cx16, lahf, "
      "avx, avx2, f16c, fma, bmi1, bmi2, lzcnt, movbe; compile with "
      "--target=x86-64-v3");
  EXPECT_EQ(chosen(package, CpuArch::Aarch64, abi::aarch64Base), "aarch64");
  EXPECT_EQ(chosen({}, CpuArch::Aarch64, abi::aarch64Base),
            "E0504: 'sample.moe': no variant of the package runs here: it has "
            "none; usable here are aarch64 with neon; compile with "
            "--target=aarch64");
}

TEST(VariantTest, ThisHost) {
  std::shared_ptr<const Package> package = test::open(samplePackage());
  Result<size_t> index = chooseVariant(*package, "");
  ASSERT_TRUE(index) << index.error().str();
  EXPECT_EQ(*index, 0u);
  Result<size_t> nonsense = chooseVariant(*package, "mmx");
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().id, ErrorId::EnvironmentValue);
}

} // namespace
} // namespace moe::test
