//===- CpuTargets.cpp - What CPU code is generated for --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/CpuTargets.h"

#include "llvm/ADT/SmallVector.h"

using namespace moe::cpu;
using llvm::StringRef;
using moe::abi::CpuArch;
using moe::abi::CpuFeature;
using moe::abi::CpuFeatures;

namespace {
struct NamedTarget {
  StringRef name;
  CpuArch arch;
  CpuFeatures features;
};
} // namespace

/// From the largest set to the smallest: the first that fits gives the name.
static const NamedTarget namedTargets[] = {
    {"sapphirerapids", CpuArch::X86_64, moe::abi::sapphireRapids},
    {"x86-64-v4", CpuArch::X86_64, moe::abi::x86_64_v4},
    {"x86-64-v3", CpuArch::X86_64, moe::abi::x86_64_v3},
    {"x86-64-v2", CpuArch::X86_64, moe::abi::x86_64_v2},
    {"x86-64", CpuArch::X86_64, {}},
    {"aarch64", CpuArch::Aarch64, moe::abi::aarch64Base},
};

/// LLVM's spelling, indexed by CpuFeature.
static constexpr StringRef llvmNames[] = {
    "sse3",       "ssse3",      "sse4.1",     "sse4.2",   "popcnt",
    "cx16",       "sahf",       "avx",        "avx2",     "f16c",
    "fma",        "bmi",        "bmi2",       "lzcnt",    "movbe",
    "avx512f",    "avx512cd",   "avx512bw",   "avx512dq", "avx512vl",
    "avx512vnni", "avx512bf16", "avx512fp16", "avxvnni",  "amx-tile",
    "amx-int8",   "amx-bf16",   "amx-fp16",   "neon"};
static_assert(std::size(llvmNames) == moe::abi::cpuFeatureNames.size());

std::string CpuTarget::name() const {
  for (const NamedTarget &named : namedTargets) {
    if (named.arch != arch || !features.contains(named.features))
      continue;
    std::string text = named.name.str();
    CpuFeatures extra = features - named.features;
    if (!extra.empty())
      text.append("+").append(extra.str("+"));
    return text;
  }
  return "aarch64"; // without neon: not constructible by parse()
}

std::optional<CpuTarget> CpuTarget::parse(StringRef name) {
  llvm::SmallVector<StringRef> parts;
  name.split(parts, '+');
  std::optional<CpuTarget> target;
  for (const NamedTarget &named : namedTargets)
    if (named.name == parts.front())
      target = CpuTarget{named.arch, named.features};
  if (!target)
    return std::nullopt;
  for (StringRef part : llvm::ArrayRef(parts).drop_front()) {
    std::optional<CpuFeature> feature = moe::abi::cpuFeatureFromName(part);
    if (!feature ||
        (*feature == CpuFeature::Neon) != (target->arch == CpuArch::Aarch64))
      return std::nullopt;
    target->features.insert(*feature);
  }
  return target;
}

std::string CpuTarget::knownNames() {
  return "x86-64-v2, x86-64-v3, x86-64-v4, sapphirerapids or aarch64, "
         "optionally with +FEATURE";
}

StringRef CpuTarget::triple() const {
  return arch == CpuArch::X86_64 ? "x86_64-unknown-linux-gnu"
                                 : "aarch64-unknown-linux-gnu";
}

StringRef CpuTarget::llvmCpu() const {
  return arch == CpuArch::X86_64 ? "x86-64" : "generic";
}

StringRef CpuTarget::llvmTuneCpu() const {
  if (arch == CpuArch::Aarch64)
    return "generic";
  if (has(CpuFeature::AmxTile))
    return "sapphirerapids";
  if (has(CpuFeature::Avx512f))
    return "x86-64-v4";
  return has(CpuFeature::Avx2) ? "x86-64-v3" : "x86-64-v2";
}

std::string CpuTarget::llvmFeatures() const {
  std::string text;
  for (unsigned i = 0; i < std::size(llvmNames); ++i)
    if (has(static_cast<CpuFeature>(i)))
      text += (text.empty() ? "+" : ",+") + llvmNames[i].str();
  return text;
}

unsigned CpuTarget::vectorLanes() const {
  if (has(CpuFeature::Avx512f))
    return 16;
  return has(CpuFeature::Avx2) ? 8 : 4;
}

unsigned CpuTarget::vectorRegisters() const {
  return arch == CpuArch::Aarch64 || has(CpuFeature::Avx512f) ? 32 : 16;
}

bool CpuTarget::hasFma() const {
  return arch == CpuArch::Aarch64 || has(CpuFeature::Fma);
}

bool CpuTarget::hasBf16Conversion() const {
  return has(CpuFeature::Avx512Bf16) && has(CpuFeature::Avx512vl);
}

bool CpuTarget::hasF16Conversion() const {
  return arch == CpuArch::Aarch64 || has(CpuFeature::F16c);
}

bool CpuTarget::hasF16Arithmetic() const { return has(CpuFeature::Avx512Fp16); }
