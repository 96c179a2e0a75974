//===- ArchTest.cpp - Which code runs on which GPU --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packages with every form of code, on GPUs of every generation.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Arch.h"
#include "moe/test/unit/runtime/cuda/CudaSample.h"

#include "gtest/gtest.h"

namespace moe::test {
using namespace core;
using namespace cuda;
namespace {

std::unique_ptr<abi::VariantT>
variant(std::string target, std::vector<std::unique_ptr<abi::CodeT>> codes) {
  auto result = std::make_unique<abi::VariantT>();
  result->target = std::move(target);
  result->code = std::move(codes);
  return result;
}

/// A CPU's variant, sm_80 and sm_86 with all, sm_90a with cubin and text.
abi::PackageT everything() {
  abi::PackageT package;
  auto add = [&](const std::string &target,
                 std::initializer_list<abi::CodeKind> kinds) {
    std::vector<std::unique_ptr<abi::CodeT>> codes;
    for (abi::CodeKind kind : kinds)
      codes.push_back(code(kind, target, "x"));
    package.variants.push_back(variant(target, std::move(codes)));
  };
  using enum abi::CodeKind;
  add("x86_64", {CpuImage});
  add("sm_80", {CudaText, Ptx, Cubin});
  add("sm_90a", {Cubin, CudaText});
  add("sm_86", {Cubin, Ptx, CudaText});
  return package;
}

std::string chosen(const abi::PackageT &package, int capability,
                   bool plays = false, std::string_view target = "") {
  std::shared_ptr<const Package> opened = test::open(package);
  Result<Choice> choice =
      chooseCode(*opened, capability, plays, target, "GPU 0");
  if (!choice)
    return choice.error().str();
  std::string text = package.variants[choice->variant]->target;
  for (const abi::Code *each : choice->codes)
    text += std::string(" ") + abi::EnumNameCodeKind(each->kind());
  return text;
}

TEST(ArchTest, Names) {
  EXPECT_EQ(parseArch("sm_80")->number, 80);
  EXPECT_FALSE(parseArch("sm_80")->only);
  EXPECT_EQ(parseArch("sm_90a")->number, 90);
  EXPECT_TRUE(parseArch("sm_90a")->only);
  EXPECT_EQ(parseArch("sm_120")->number, 120);
  for (const char *name : {"", "sm_", "sm_9", "sm_90b", "sm_90aa", "compute_80",
                           "sm_80,sm_90a", "host", "sm_-1", "sm_4000000000"})
    EXPECT_FALSE(parseArch(name)) << name;
}

TEST(ArchTest, TargetsOfGpus) {
  EXPECT_EQ(targetFor(75), "");
  EXPECT_EQ(targetFor(80), "sm_80");
  EXPECT_EQ(targetFor(86), "sm_86");
  EXPECT_EQ(targetFor(87), "sm_80");
  EXPECT_EQ(targetFor(89), "sm_89");
  EXPECT_EQ(targetFor(90), "sm_90a");
  EXPECT_EQ(targetFor(100), "sm_80") << "what the driver compiles further";
  EXPECT_EQ(targetFor(120), "sm_120");
}

TEST(ArchTest, TheNewestThatRuns) {
  EXPECT_EQ(chosen(everything(), 80), "sm_80 Cubin Ptx CudaText");
  EXPECT_EQ(chosen(everything(), 86), "sm_86 Cubin Ptx CudaText");
  EXPECT_EQ(chosen(everything(), 89), "sm_86 Cubin Ptx CudaText");
  EXPECT_EQ(chosen(everything(), 90), "sm_90a Cubin CudaText");
  EXPECT_EQ(chosen(everything(), 100), "sm_86 Ptx CudaText");
}

TEST(ArchTest, TheVariantThatIsAskedFor) {
  EXPECT_EQ(chosen(everything(), 90, false, "sm_80"), "sm_80 Ptx CudaText");
  EXPECT_EQ(chosen(everything(), 89, false, "sm_80"),
            "sm_80 Cubin Ptx CudaText");
  EXPECT_EQ(chosen(everything(), 80, false, "sm_90a"),
            "E0504: 'sample.moe': no variant of the package runs on GPU 0: "
            "variant 'x86_64' has no code for a GPU; variant 'sm_80' is not "
            "the one asked for; variant 'sm_90a' is for another GPU; variant "
            "'sm_86' is for another GPU; compile with --target=sm_90a");
}

TEST(ArchTest, ASimulatorPlaysAnyText) {
  EXPECT_EQ(chosen(everything(), 90, true), "sm_90a CudaText");
  EXPECT_EQ(chosen(everything(), 80, true), "sm_80 CudaText");
  EXPECT_EQ(chosen(everything(), 80, true, "sm_90a"), "sm_90a CudaText");
  EXPECT_EQ(chosen(everything(), 90, true, "sm_80"), "sm_80 CudaText");
  abi::PackageT package = everything();
  package.variants.resize(2);
  EXPECT_EQ(chosen(package, 90, true), "sm_80 CudaText");
  package.variants[1]->code.erase(package.variants[1]->code.begin());
  EXPECT_EQ(chosen(package, 90, true),
            "E0504: 'sample.moe': no variant of the package runs on GPU 0: "
            "variant 'x86_64' has no code for a GPU; variant 'sm_80' has no "
            "CUDA text, which a simulator needs; compile with "
            "--target=sm_90a");
}

TEST(ArchTest, WhereNothingRuns) {
  EXPECT_EQ(chosen(everything(), 70),
            "E0504: 'sample.moe': no variant of the package runs on GPU 0: "
            "variant 'x86_64' has no code for a GPU; variant 'sm_80' is for "
            "another GPU; variant 'sm_90a' is for another GPU; variant "
            "'sm_86' is for another GPU");
  EXPECT_EQ(chosen({}, 90),
            "E0504: 'sample.moe': no variant of the package runs on GPU 0: it "
            "has none; compile with --target=sm_90a");
}

} // namespace
} // namespace moe::test
