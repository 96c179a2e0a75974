//===- CpuInfoTest.cpp - The host processor and MOE_ISA -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CpuInfo.h"

#include "gtest/gtest.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace moe::core {
namespace {

using abi::CpuArch;
using abi::CpuFeature;
using abi::CpuFeatures;

TEST(CpuInfoTest, TheHostHasWhatTheKernelSays) {
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(file, line);)
    if (line.starts_with("flags")) {
      std::istringstream words(line.substr(line.find(':') + 1));
      for (std::string word; words >> word;)
        flags.insert(word);
    }
  if (flags.empty())
    GTEST_SKIP() << "no flags in /proc/cpuinfo";
  // Linux lists a feature only if the state it needs is enabled.
  const std::map<std::string_view, std::string> others = {
      {"sse3", "pni"}, {"lahf", "lahf_lm"}, {"lzcnt", "abm"}};
  for (std::string_view name : abi::cpuFeatureNames) {
    if (name == "neon" || name.starts_with("amx")) // amx needs a permission
      continue;
    auto other = others.find(name);
    const std::string flag =
        other == others.end() ? std::string(name) : other->second;
    EXPECT_EQ(hostCpu().features.has(*abi::cpuFeatureFromName(name)),
              flags.count(flag) > 0)
        << name;
  }
  EXPECT_FALSE(hostCpu().model.empty());
  EXPECT_EQ(&hostCpu(), &hostCpu());
}

X86CpuWords everything() {
  X86CpuWords words;
  words.leaf1Ecx = words.leaf7Ebx = words.leaf7Ecx = words.leaf7Edx =
      words.leaf7Sub1Eax = words.extended1Ecx = ~0u;
  words.xcr0 = ~uint64_t{0};
  words.amxPermitted = true;
  return words;
}

TEST(CpuInfoTest, AFeatureNeedsItsRegisters) {
  X86CpuWords words = everything();
  const CpuFeatures all = decodeX86Features(words);
  EXPECT_TRUE(all.contains(abi::sapphireRapids));
  EXPECT_FALSE(all.has(CpuFeature::Neon));
  words.amxPermitted = false;
  EXPECT_EQ((all - decodeX86Features(words)).str(),
            "amx_tile, amx_int8, amx_bf16, amx_fp16");
  words.xcr0 = 0x7; // x87, xmm, ymm
  EXPECT_TRUE(decodeX86Features(words).contains(abi::x86_64_v3));
  EXPECT_FALSE(decodeX86Features(words).has(CpuFeature::Avx512f));
  words.xcr0 = 0;
  EXPECT_TRUE(decodeX86Features(words).contains(abi::x86_64_v2));
  EXPECT_FALSE(decodeX86Features(words).has(CpuFeature::Avx));
  EXPECT_TRUE(decodeX86Features(X86CpuWords()).empty());
}

TEST(CpuInfoTest, EachBitIsOneFeature) {
  // The words of a Zen 3: AVX2 and no AVX-512.
  X86CpuWords zen3;
  zen3.leaf1Ecx = 0xfef83203;
  zen3.leaf7Ebx = 0x219c97a9;
  zen3.leaf7Ecx = 0x40068c;
  zen3.leaf7Edx = 0x10;
  zen3.extended1Ecx = 0x75c237ff;
  zen3.xcr0 = 0x207;
  EXPECT_EQ(decodeX86Features(zen3), abi::x86_64_v3);
}

const CpuFeatures zen5 =
    abi::x86_64_v4 | CpuFeatures{CpuFeature::Avx512Vnni, CpuFeature::Avx512Bf16,
                                 CpuFeature::AvxVnni};

IsaSelection select(CpuFeatures host, std::string_view text,
                    CpuArch arch = CpuArch::X86_64) {
  Result<IsaSelection> selection = selectIsa(arch, host, text);
  EXPECT_TRUE(selection) << selection.error().message;
  return selection ? *selection : IsaSelection();
}

std::string selectError(CpuFeatures host, std::string_view text,
                        CpuArch arch = CpuArch::X86_64) {
  Result<IsaSelection> selection = selectIsa(arch, host, text);
  return selection ? "none" : selection.error().str();
}

TEST(CpuInfoTest, WithoutAWishTheWholeHostIsUsed) {
  IsaSelection selection = select(zen5, "");
  EXPECT_EQ(selection.level, IsaLevel::Avx512);
  EXPECT_EQ(selection.plan, zen5);
  EXPECT_EQ(selection.code, zen5);
  EXPECT_FALSE(selection.emulates());
  EXPECT_EQ(select(abi::sapphireRapids, "").level, IsaLevel::Amx);
  EXPECT_EQ(select(abi::x86_64_v3, "").level, IsaLevel::Avx2);
  EXPECT_EQ(select(abi::x86_64_v2, "").level, IsaLevel::Scalar);
  EXPECT_EQ(select(abi::aarch64Base, "", CpuArch::Aarch64).level,
            IsaLevel::Scalar);
}

TEST(CpuInfoTest, ALevelNarrowsTheHost) {
  IsaSelection avx2 = select(zen5, "avx2");
  EXPECT_EQ(avx2.level, IsaLevel::Avx2);
  EXPECT_EQ(avx2.plan, abi::x86_64_v3 | CpuFeatures{CpuFeature::AvxVnni});
  EXPECT_EQ(avx2.code, avx2.plan);
  EXPECT_EQ(select(zen5, "scalar").code, abi::x86_64_v2);
  EXPECT_EQ(select(zen5, "avx512").code, zen5);
  EXPECT_FALSE(
      select(abi::sapphireRapids, "avx512").code.has(CpuFeature::AmxTile));
  EXPECT_EQ(select(abi::sapphireRapids, "amx").code, abi::sapphireRapids);
}

TEST(CpuInfoTest, EmulationRunsOnTheLevelBelow) {
  IsaSelection amx = select(zen5, "emulate:amx");
  EXPECT_TRUE(amx.emulates());
  EXPECT_EQ(amx.level, IsaLevel::Amx);
  EXPECT_EQ(amx.plan, abi::sapphireRapids);
  EXPECT_EQ(amx.code, zen5);
  EXPECT_EQ(select(abi::x86_64_v3, "emulate:amx").code, abi::x86_64_v3);
  // Also where the host has the real thing.
  IsaSelection avx512 = select(abi::sapphireRapids, "emulate:avx512");
  EXPECT_EQ(avx512.plan, abi::x86_64_v4);
  EXPECT_EQ(avx512.code, abi::x86_64_v3 | CpuFeatures{CpuFeature::AvxVnni});
  IsaSelection arm = select(abi::aarch64Base, "emulate:amx", CpuArch::Aarch64);
  EXPECT_EQ(arm.code, abi::aarch64Base);
}

TEST(CpuInfoTest, WrongWishesAreErrors) {
  EXPECT_EQ(selectError(abi::x86_64_v3, "avx512"),
            "E0803: MOE_ISA=avx512 needs avx512f, avx512cd, avx512bw, "
            "avx512dq, avx512vl, which this processor lacks; "
            "MOE_ISA=emulate:avx512 runs the emulation");
  EXPECT_EQ(selectError(zen5, "amx"),
            "E0803: MOE_ISA=amx needs avx512_fp16, amx_tile, amx_int8, "
            "amx_bf16, which this processor lacks; MOE_ISA=emulate:amx runs "
            "the emulation");
  EXPECT_EQ(selectError(abi::x86_64_v2, "avx2"),
            "E0803: MOE_ISA=avx2 needs avx, avx2, f16c, fma, bmi1, bmi2, "
            "lzcnt, movbe, which this processor lacks; MOE_ISA=scalar is the "
            "highest level here");
  EXPECT_EQ(selectError(zen5, "sse"),
            "E0804: MOE_ISA is 'sse'; expected scalar, avx2, avx512, amx, "
            "emulate:avx512 or emulate:amx");
  EXPECT_EQ(selectError(zen5, "emulate:avx2"),
            "E0804: MOE_ISA is 'emulate:avx2'; expected scalar, avx2, avx512, "
            "amx, emulate:avx512 or emulate:amx");
  EXPECT_EQ(selectError(abi::x86_64_v2 - CpuFeatures{CpuFeature::Ssse3}, ""),
            "E0803: this processor lacks ssse3, which every CPU kernel may "
            "use");
}

} // namespace
} // namespace moe::core
