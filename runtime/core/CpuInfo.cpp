//===- CpuInfo.cpp - The host processor and its ISA levels ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CpuInfo.h"

#include "moe/runtime/core/Os.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

using namespace moe::core;
using moe::abi::CpuArch;
using moe::abi::CpuFeature;
using moe::abi::CpuFeatures;

//===----------------------------------------------------------------------===//
// Detection
//===----------------------------------------------------------------------===//

CpuFeatures moe::core::decodeX86Features(const X86CpuWords &words) {
  // Register state that the system saves on a task switch: without it, an
  // instruction that CPUID lists still traps.
  constexpr uint64_t ymm = 0x6, zmm = 0xe6, tiles = 0x60000;
  const bool hasYmm = (words.xcr0 & ymm) == ymm;
  const bool hasZmm = (words.xcr0 & zmm) == zmm;
  const bool hasTiles = (words.xcr0 & tiles) == tiles && words.amxPermitted;

  struct Row {
    CpuFeature feature;
    uint32_t word;
    unsigned bit;
    bool usable = true;
  };
  const Row rows[] = {
      {CpuFeature::Sse3, words.leaf1Ecx, 0},
      {CpuFeature::Ssse3, words.leaf1Ecx, 9},
      {CpuFeature::Sse41, words.leaf1Ecx, 19},
      {CpuFeature::Sse42, words.leaf1Ecx, 20},
      {CpuFeature::Popcnt, words.leaf1Ecx, 23},
      {CpuFeature::Cx16, words.leaf1Ecx, 13},
      {CpuFeature::Lahf, words.extended1Ecx, 0},
      {CpuFeature::Avx, words.leaf1Ecx, 28, hasYmm},
      {CpuFeature::Avx2, words.leaf7Ebx, 5, hasYmm},
      {CpuFeature::F16c, words.leaf1Ecx, 29, hasYmm},
      {CpuFeature::Fma, words.leaf1Ecx, 12, hasYmm},
      {CpuFeature::Bmi1, words.leaf7Ebx, 3},
      {CpuFeature::Bmi2, words.leaf7Ebx, 8},
      {CpuFeature::Lzcnt, words.extended1Ecx, 5},
      {CpuFeature::Movbe, words.leaf1Ecx, 22},
      {CpuFeature::Avx512f, words.leaf7Ebx, 16, hasZmm},
      {CpuFeature::Avx512cd, words.leaf7Ebx, 28, hasZmm},
      {CpuFeature::Avx512bw, words.leaf7Ebx, 30, hasZmm},
      {CpuFeature::Avx512dq, words.leaf7Ebx, 17, hasZmm},
      {CpuFeature::Avx512vl, words.leaf7Ebx, 31, hasZmm},
      {CpuFeature::Avx512Vnni, words.leaf7Ecx, 11, hasZmm},
      {CpuFeature::Avx512Bf16, words.leaf7Sub1Eax, 5, hasZmm},
      {CpuFeature::Avx512Fp16, words.leaf7Edx, 23, hasZmm},
      {CpuFeature::AvxVnni, words.leaf7Sub1Eax, 4, hasYmm},
      {CpuFeature::AmxTile, words.leaf7Edx, 24, hasTiles},
      {CpuFeature::AmxInt8, words.leaf7Edx, 25, hasTiles},
      {CpuFeature::AmxBf16, words.leaf7Edx, 22, hasTiles},
      {CpuFeature::AmxFp16, words.leaf7Sub1Eax, 21, hasTiles},
  };
  CpuFeatures features;
  for (const Row &row : rows)
    if (row.usable && row.word >> row.bit & 1)
      features.insert(row.feature);
  return features;
}

#if defined(__x86_64__)
static CpuFeatures detectFeatures() {
  X86CpuWords words;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d))
    words.leaf1Ecx = c;
  uint32_t subleaves = 0;
  if (__get_cpuid_count(7, 0, &subleaves, &b, &c, &d)) {
    words.leaf7Ebx = b;
    words.leaf7Ecx = c;
    words.leaf7Edx = d;
  }
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
    words.leaf7Sub1Eax = a;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d))
    words.extended1Ecx = c;
  if (words.leaf1Ecx >> 27 & 1) { // OSXSAVE: XGETBV may be executed
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    words.xcr0 = uint64_t{high} << 32 | low;
  }
  // Tile data is 8 KiB a thread; the system saves it for who asked.
  if (words.leaf7Edx >> 24 & 1)
    words.amxPermitted = os::requestTileState();
  return decodeX86Features(words);
}

static std::string detectModel() {
  uint32_t brand[12];
  for (unsigned i = 0; i < 3; ++i)
    if (!__get_cpuid(0x80000002 + i, &brand[4 * i], &brand[4 * i + 1],
                     &brand[4 * i + 2], &brand[4 * i + 3]))
      return "x86-64";
  char text[sizeof(brand) + 1] = {};
  std::memcpy(text, brand, sizeof(brand));
  std::string model = text;
  model.erase(0, model.find_first_not_of(' '));
  model.erase(model.find_last_not_of(' ') + 1);
  return model;
}
#elif defined(__aarch64__)
static CpuFeatures detectFeatures() {
  CpuFeatures features;
  if (getauxval(AT_HWCAP) & HWCAP_ASIMD)
    features.insert(CpuFeature::Neon);
  return features;
}
static std::string detectModel() { return "aarch64"; }
#else
#error "moec runs on x86-64 and aarch64"
#endif

/// The first line of a file of /sys; empty where containers hide it.
static std::string systemText(const std::string &path) {
  Result<std::string> text = os::readFile(path, 4096);
  return text ? (*text).substr(0, (*text).find('\n')) : std::string();
}

static void detectCaches(CpuInfo &cpu) {
  for (unsigned i = 0; i < 8; ++i) {
    const std::string cache =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i);
    const std::string size = systemText(cache + "/size"); // "48K"
    if (size.empty() || systemText(cache + "/type") == "Instruction")
      continue;
    size_t bytes = std::strtoull(size.c_str(), nullptr, 10);
    if (size.back() == 'K')
      bytes <<= 10;
    else if (size.back() == 'M')
      bytes <<= 20;
    const std::string level = systemText(cache + "/level");
    if (level == "1")
      cpu.l1dBytes = bytes;
    else if (level == "2")
      cpu.l2Bytes = bytes;
    else if (level == "3")
      cpu.l3Bytes = bytes;
  }
}

const CpuInfo &moe::core::hostCpu() {
  static const CpuInfo host = [] {
    CpuInfo cpu;
#if defined(__aarch64__)
    cpu.arch = CpuArch::Aarch64;
#endif
    cpu.features = detectFeatures();
    cpu.model = detectModel();
    detectCaches(cpu);
    return cpu;
  }();
  return host;
}

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

namespace {
/// What a level needs, and what code of that level may use beyond it.
struct LevelRow {
  IsaLevel level;
  std::string_view name;
  CpuFeatures needs;
  CpuFeatures mayUse;
};
} // namespace

static constexpr std::array<LevelRow, 4> x86Levels = {{
    {IsaLevel::Scalar, "scalar", moe::abi::x86_64_v2, {}},
    {IsaLevel::Avx2, "avx2", moe::abi::x86_64_v3, {CpuFeature::AvxVnni}},
    {IsaLevel::Avx512,
     "avx512",
     moe::abi::x86_64_v4,
     {CpuFeature::AvxVnni, CpuFeature::Avx512Vnni, CpuFeature::Avx512Bf16,
      CpuFeature::Avx512Fp16}},
    {IsaLevel::Amx, "amx", moe::abi::sapphireRapids, {CpuFeature::AmxFp16}},
}};

std::string_view moe::core::name(IsaLevel level) {
  return x86Levels[static_cast<size_t>(level)].name;
}

static CpuFeatures needsOf(CpuArch arch, IsaLevel level) {
  if (arch == CpuArch::Aarch64 && level == IsaLevel::Scalar)
    return moe::abi::aarch64Base;
  return x86Levels[static_cast<size_t>(level)].needs;
}

/// `host` without what is above `level`.
static CpuFeatures clampTo(CpuArch arch, CpuFeatures host, IsaLevel level) {
  if (arch == CpuArch::Aarch64)
    return host; // its only level
  const LevelRow &row = x86Levels[static_cast<size_t>(level)];
  return host & (row.needs | row.mayUse);
}

std::optional<IsaLevel> moe::core::highestIsaLevel(CpuArch arch,
                                                   CpuFeatures features) {
  for (size_t i = x86Levels.size(); i-- > 0;)
    if (features.contains(needsOf(arch, x86Levels[i].level)))
      return x86Levels[i].level;
  return std::nullopt;
}

Result<IsaSelection> moe::core::selectIsa(CpuArch arch, CpuFeatures host,
                                          std::string_view text) {
  const std::optional<IsaLevel> highest = highestIsaLevel(arch, host);
  if (!highest)
    return Error(ErrorId::IsaUnavailable,
                 "this processor lacks " +
                     (needsOf(arch, IsaLevel::Scalar) - host).str() +
                     ", which every CPU kernel may use");
  if (text.empty())
    return IsaSelection{*highest, host, host};

  constexpr std::string_view emulate = "emulate:";
  const bool emulates = text.starts_with(emulate);
  const std::string_view levelName =
      emulates ? text.substr(emulate.size()) : text;
  const LevelRow *row = nullptr;
  for (const LevelRow &candidate : x86Levels)
    if (candidate.name == levelName &&
        (!emulates || candidate.level >= IsaLevel::Avx512))
      row = &candidate;
  if (!row)
    return Error(ErrorId::EnvironmentValue,
                 "MOE_ISA is '" + std::string(text) +
                     "'; expected scalar, avx2, avx512, amx, emulate:avx512 "
                     "or emulate:amx");

  if (emulates) {
    // Emulated even where the host could do it natively: what is tested is the
    // emulation, and it runs on the next lower level.
    const auto below = static_cast<IsaLevel>(static_cast<int>(row->level) - 1);
    return IsaSelection{row->level, row->needs, clampTo(arch, host, below)};
  }
  const CpuFeatures needs = needsOf(arch, row->level);
  if (!host.contains(needs)) {
    std::string hint = row->level >= IsaLevel::Avx512
                           ? "MOE_ISA=emulate:" + std::string(row->name) +
                                 " runs the emulation"
                           : "MOE_ISA=" + std::string(name(*highest)) +
                                 " is the highest level here";
    return Error(ErrorId::IsaUnavailable, "MOE_ISA=" + std::string(row->name) +
                                              " needs " + (needs - host).str() +
                                              ", which this processor lacks; " +
                                              hint);
  }
  const CpuFeatures usable = clampTo(arch, host, row->level);
  return IsaSelection{row->level, usable, usable};
}
