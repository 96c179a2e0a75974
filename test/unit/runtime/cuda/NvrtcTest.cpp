//===- NvrtcTest.cpp - From CUDA text to machine code -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The log's lines are ptxas's own, of kernels that were made to spill and to
// lose their setmaxnreg. What compiles needs NVRTC, but no GPU.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Nvrtc.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdlib>

namespace moe::test {
using namespace core;
using namespace cuda;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace {

TEST(CompileLogTest, Kernels) {
  CompileReport report = readCompileLog(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'first' for 'sm_90a'\n"
      "ptxas info    : Function properties for first\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 168 registers, used 1 barriers\n"
      "ptxas info    : Compile time = 72.115 ms\n"
      "ptxas info    : Compiling entry function 'second' for 'sm_90a'\n"
      "ptxas info    : Function properties for second\n"
      "    688 bytes stack frame, 680 bytes spill stores, 700 bytes spill "
      "loads\n"
      "ptxas info    : Used 32 registers, used 16 barriers, 688 bytes "
      "cumulative stack size\n");
  ASSERT_EQ(report.kernels.size(), 2u);
  EXPECT_EQ(report.kernels[0].name, "first");
  EXPECT_EQ(report.kernels[0].registers, 168);
  EXPECT_EQ(report.kernels[0].barriers, 1);
  EXPECT_EQ(report.kernels[0].stackBytes, 0);
  EXPECT_EQ(report.kernels[1].name, "second");
  EXPECT_EQ(report.kernels[1].registers, 32);
  EXPECT_EQ(report.kernels[1].barriers, 16);
  EXPECT_EQ(report.kernels[1].stackBytes, 688);
  EXPECT_EQ(report.kernels[1].spillStores, 680);
  EXPECT_EQ(report.kernels[1].spillLoads, 700);
  EXPECT_THAT(report.defects,
              ElementsAre("second:    688 bytes stack frame, 680 bytes spill "
                          "stores, 700 bytes spill loads"));
}

TEST(CompileLogTest, WarningsOfThe75Series) {
  const std::string ignored =
      "ptxas info    : (C7508) Potential Performance Loss: 'setmaxnreg' "
      "ignored to maintain minimum register requirements.";
  EXPECT_THAT(readCompileLog(ignored + "\n").defects, ElementsAre(ignored));
  EXPECT_THAT(readCompileLog("").defects, IsEmpty());
  EXPECT_THAT(readCompileLog("ptxas info : 0 bytes gmem").kernels, IsEmpty());
}

class NvrtcTest : public testing::Test {
protected:
  void SetUp() override {
    Result<Nvrtc> loaded = Nvrtc::load();
    if (!loaded)
      GTEST_SKIP() << loaded.error().str();
    nvrtc = *loaded;
  }
  std::optional<Nvrtc> nvrtc;
};

TEST_F(NvrtcTest, Compiles) {
  const std::string text =
      "extern \"C\" __global__ void twice(float *x, long long n) {\n"
      "  long long i = blockIdx.x;\n"
      "  if (i < n) x[i] *= 2;\n"
      "}\n";
  for (const char *arch : {"sm_80", "sm_90a"}) {
    Result<CompiledText> compiled = nvrtc->compile(text, arch, "twice.cu");
    ASSERT_TRUE(compiled) << compiled.error().str();
    EXPECT_EQ(compiled->cubin.substr(0, 4), "\177ELF");
    EXPECT_THAT(compiled->ptx, HasSubstr(".entry twice("));
    ASSERT_EQ(compiled->report.kernels.size(), 1u) << compiled->log;
    EXPECT_EQ(compiled->report.kernels[0].name, "twice");
    EXPECT_GT(compiled->report.kernels[0].registers, 0);
    EXPECT_THAT(compiled->report.defects, IsEmpty());
  }
}

TEST_F(NvrtcTest, TheSameTextGivesTheSameBytes) {
  const std::string text = "extern \"C\" __global__ void k(int *x) { *x = 1; }";
  Result<CompiledText> first = nvrtc->compile(text, "sm_90a", "k.cu");
  Result<CompiledText> second = nvrtc->compile(text, "sm_90a", "k.cu");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->cubin, second->cubin);
}

TEST_F(NvrtcTest, FindsSpillsAndLocalMemory) {
  // An array that is indexed by data cannot live in registers.
  const std::string text =
      "extern \"C\" __global__ void local(int *x) {\n"
      "  int values[64] = {};\n"
      "  for (int i = 64; i < 1000; ++i) values[x[i] & 63] += x[i + 1];\n"
      "  for (int i = 0; i < 64; ++i) x[i] = values[i];\n"
      "}\n";
  Result<CompiledText> compiled = nvrtc->compile(text, "sm_80", "local.cu");
  ASSERT_TRUE(compiled) << compiled.error().str();
  ASSERT_EQ(compiled->report.defects.size(), 1u) << compiled->log;
  EXPECT_THAT(compiled->report.defects[0], HasSubstr("256 bytes stack frame"));
}

TEST_F(NvrtcTest, ATextThatDoesNotCompile) {
  Result<CompiledText> compiled =
      nvrtc->compile("extern \"C\" __global__ void k() {\n  missing();\n}\n",
                     "sm_90a", "layer.cu");
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().str(),
            "E0405: NVRTC does not compile 'layer.cu' for sm_90a: "
            "layer.cu(2): error: identifier \"missing\" is undefined");
  EXPECT_THAT(compiled.error().details,
              HasSubstr("1 error detected in the compilation of"));
}

TEST_F(NvrtcTest, AssemblyIsChecked) {
  Result<CompiledText> compiled = nvrtc->compile(
      "extern \"C\" __global__ void k() { asm volatile(\"nonsense;\"); }\n",
      "sm_90a", "layer.cu");
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().str(),
              HasSubstr("E0405: NVRTC does not compile 'layer.cu' for sm_90a: "
                        "ptxas "));
}

TEST_F(NvrtcTest, ArchitecturesThatItDoesNotKnow) {
  for (const char *arch : {"sm_77", "sm_90b", "x86-64-v3"}) {
    Result<CompiledText> compiled = nvrtc->compile("", arch, "k.cu");
    ASSERT_FALSE(compiled);
    EXPECT_EQ(compiled.error().id, ErrorId::TargetUnsupported);
    EXPECT_THAT(compiled.error().message,
                HasSubstr(std::string("does not compile for '") + arch +
                          "', but for sm_"));
  }
}

TEST(NvrtcAbsentTest, AnotherLibrary) {
  setenv("MOE_NVRTC", MOEC_NO_CUDA, 1);
  Result<Nvrtc> nvrtc = Nvrtc::load();
  unsetenv("MOE_NVRTC");
  ASSERT_FALSE(nvrtc);
  EXPECT_EQ(nvrtc.error().str(),
            std::string("E0810: no NVRTC: '") + MOEC_NO_CUDA +
                "' has no function nvrtcVersion, expected NVRTC of CUDA 12.0 "
                "or later; set MOE_NVRTC to its path");
}

} // namespace
} // namespace moe::test
