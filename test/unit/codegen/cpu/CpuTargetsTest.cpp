//===- CpuTargetsTest.cpp - Targets and their names -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/CpuTargets.h"

#include "gtest/gtest.h"

namespace moe::cpu {
namespace {

using abi::CpuArch;
using abi::CpuFeature;
using abi::CpuFeatures;

TEST(CpuTargetsTest, NamedTargets) {
  struct Row {
    const char *name;
    unsigned lanes, registers;
    bool fma, f16, bf16;
  };
  for (const Row &row : {Row{"x86-64-v2", 4, 16, false, false, false},
                         Row{"x86-64-v3", 8, 16, true, true, false},
                         Row{"x86-64-v4", 16, 32, true, true, false},
                         Row{"sapphirerapids", 16, 32, true, true, true},
                         Row{"aarch64", 4, 32, true, true, false}}) {
    std::optional<CpuTarget> target = CpuTarget::parse(row.name);
    ASSERT_TRUE(target) << row.name;
    EXPECT_EQ(target->name(), row.name);
    EXPECT_EQ(target->vectorLanes(), row.lanes) << row.name;
    EXPECT_EQ(target->vectorRegisters(), row.registers) << row.name;
    EXPECT_EQ(target->hasFma(), row.fma) << row.name;
    EXPECT_EQ(target->hasF16Conversion(), row.f16) << row.name;
    EXPECT_EQ(target->hasBf16Conversion(), row.bf16) << row.name;
  }
}

TEST(CpuTargetsTest, ASetOfFeaturesHasAName) {
  // An AVX-512 processor with bf16 and without AMX; the name says what it has.
  CpuTarget host{CpuArch::X86_64,
                 abi::x86_64_v4 | CpuFeatures{CpuFeature::Avx512Vnni,
                                              CpuFeature::Avx512Bf16}};
  EXPECT_EQ(host.name(), "x86-64-v4+avx512_vnni+avx512_bf16");
  EXPECT_EQ(CpuTarget::parse(host.name()), host);
  // One whose hypervisor hides a feature of its level.
  CpuTarget hidden{CpuArch::X86_64,
                   abi::x86_64_v3 - CpuFeatures{CpuFeature::Movbe}};
  EXPECT_EQ(hidden.name(), "x86-64-v2+avx+avx2+f16c+fma+bmi1+bmi2+lzcnt");
  EXPECT_EQ(CpuTarget::parse(hidden.name()), hidden);
  CpuTarget nothing{CpuArch::X86_64, {}};
  EXPECT_EQ(nothing.name(), "x86-64");
  EXPECT_EQ(CpuTarget::parse("x86-64"), nothing);
}

TEST(CpuTargetsTest, WrongNames) {
  for (const char *name :
       {"", "host", "x86-64-v5", "x86-64-v3+", "+avx2", "x86-64-v3+avx3",
        "aarch64+avx2", "x86-64-v3+neon", "X86-64-v3", "x86-64-v3 "})
    EXPECT_FALSE(CpuTarget::parse(name)) << name;
}

TEST(CpuTargetsTest, LlvmIsToldTheFeaturesAndNothingElse) {
  EXPECT_EQ(CpuTarget::parse("x86-64-v2+avx512_bf16")->llvmFeatures(),
            "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf,+avx512bf16");
  EXPECT_EQ(CpuTarget::parse("x86-64-v4")->llvmCpu(), "x86-64");
  EXPECT_EQ(CpuTarget::parse("sapphirerapids")->llvmTuneCpu(),
            "sapphirerapids");
  EXPECT_EQ(CpuTarget::parse("aarch64")->llvmFeatures(), "+neon");
  EXPECT_EQ(CpuTarget::parse("aarch64")->triple(), "aarch64-unknown-linux-gnu");
}

} // namespace
} // namespace moe::cpu
