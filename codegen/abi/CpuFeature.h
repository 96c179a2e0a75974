//===- CpuFeature.h - What CPU code may require ------------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code generator says what a kernel needs, the runtime says what the host
// has, a package carries the former and compares it with the latter. All three
// speak of the features listed here; code is generated for exactly a set of
// them, never for "a CPU", so what an image needs is known and complete.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_ABI_CPUFEATURE_H
#define MOE_CODEGEN_ABI_CPUFEATURE_H

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace moe::abi {

enum class CpuArch : uint8_t { X86_64 = 0, Aarch64 = 1 };

/// The values are bit numbers in packages: append only.
enum class CpuFeature : uint8_t {
  Sse3,
  Ssse3,
  Sse41,
  Sse42,
  Popcnt,
  Cx16,
  Lahf,
  Avx,
  Avx2,
  F16c,
  Fma,
  Bmi1,
  Bmi2,
  Lzcnt,
  Movbe,
  Avx512f,
  Avx512cd,
  Avx512bw,
  Avx512dq,
  Avx512vl,
  Avx512Vnni,
  Avx512Bf16,
  Avx512Fp16,
  AvxVnni,
  AmxTile,
  AmxInt8,
  AmxBf16,
  AmxFp16,
  Neon,
};

/// Indexed by CpuFeature; also the spelling in target names.
inline constexpr std::array<std::string_view, 29> cpuFeatureNames = {
    "sse3",        "ssse3",       "sse4_1",      "sse4_2",   "popcnt",
    "cx16",        "lahf",        "avx",         "avx2",     "f16c",
    "fma",         "bmi1",        "bmi2",        "lzcnt",    "movbe",
    "avx512f",     "avx512cd",    "avx512bw",    "avx512dq", "avx512vl",
    "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni", "amx_tile",
    "amx_int8",    "amx_bf16",    "amx_fp16",    "neon"};

constexpr std::string_view name(CpuFeature feature) {
  return cpuFeatureNames[static_cast<size_t>(feature)];
}

constexpr std::optional<CpuFeature> cpuFeatureFromName(std::string_view text) {
  for (size_t i = 0; i < cpuFeatureNames.size(); ++i)
    if (cpuFeatureNames[i] == text)
      return static_cast<CpuFeature>(i);
  return std::nullopt;
}

/// A set of features.
class CpuFeatures {
public:
  constexpr CpuFeatures() = default;
  constexpr CpuFeatures(std::initializer_list<CpuFeature> list) {
    for (CpuFeature feature : list)
      insert(feature);
  }
  static constexpr CpuFeatures fromBits(uint64_t bits) {
    CpuFeatures result;
    result.word = bits;
    return result;
  }
  constexpr uint64_t bits() const { return word; }

  constexpr void insert(CpuFeature feature) {
    word |= uint64_t{1} << static_cast<unsigned>(feature);
  }
  constexpr bool has(CpuFeature feature) const {
    return word >> static_cast<unsigned>(feature) & 1;
  }
  constexpr bool contains(CpuFeatures other) const {
    return (other - *this).empty();
  }
  constexpr bool empty() const { return word == 0; }
  friend constexpr CpuFeatures operator|(CpuFeatures a, CpuFeatures b) {
    return fromBits(a.word | b.word);
  }
  friend constexpr CpuFeatures operator&(CpuFeatures a, CpuFeatures b) {
    return fromBits(a.word & b.word);
  }
  friend constexpr CpuFeatures operator-(CpuFeatures a, CpuFeatures b) {
    return fromBits(a.word & ~b.word);
  }
  friend constexpr bool operator==(CpuFeatures, CpuFeatures) = default;

  /// Names in the order of the list. A bit that this version does not know
  /// (of a newer package) is named "feature 40".
  std::string str(std::string_view separator = ", ") const {
    std::string text;
    for (unsigned i = 0; i < 64; ++i) {
      if (!(word >> i & 1))
        continue;
      if (!text.empty())
        text += separator;
      if (i < cpuFeatureNames.size())
        text += cpuFeatureNames[i];
      else
        text += "feature " + std::to_string(i);
    }
    return text;
  }

private:
  uint64_t word = 0;
};

/// The levels of the x86-64 psABI, as sets of the features above.
inline constexpr CpuFeatures x86_64_v2 = {
    CpuFeature::Sse3,   CpuFeature::Ssse3, CpuFeature::Sse41, CpuFeature::Sse42,
    CpuFeature::Popcnt, CpuFeature::Cx16,  CpuFeature::Lahf};
inline constexpr CpuFeatures x86_64_v3 =
    x86_64_v2 | CpuFeatures{CpuFeature::Avx,   CpuFeature::Avx2,
                            CpuFeature::F16c,  CpuFeature::Fma,
                            CpuFeature::Bmi1,  CpuFeature::Bmi2,
                            CpuFeature::Lzcnt, CpuFeature::Movbe};
inline constexpr CpuFeatures x86_64_v4 =
    x86_64_v3 | CpuFeatures{CpuFeature::Avx512f, CpuFeature::Avx512cd,
                            CpuFeature::Avx512bw, CpuFeature::Avx512dq,
                            CpuFeature::Avx512vl};
/// The 4th generation of Xeon: AVX-512 with 16-bit floats, and AMX.
inline constexpr CpuFeatures sapphireRapids =
    x86_64_v4 | CpuFeatures{CpuFeature::Avx512Vnni, CpuFeature::Avx512Bf16,
                            CpuFeature::Avx512Fp16, CpuFeature::AvxVnni,
                            CpuFeature::AmxTile,    CpuFeature::AmxInt8,
                            CpuFeature::AmxBf16};
inline constexpr CpuFeatures aarch64Base = {CpuFeature::Neon};

} // namespace moe::abi

#endif // MOE_CODEGEN_ABI_CPUFEATURE_H
