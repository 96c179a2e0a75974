//===- CpuTargets.h - What CPU code is generated for -------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A target is an architecture and a set of features, nothing else: code uses
// what is in the set and requires what is in the set. A named target such as
// x86-64-v3 is a set with a name. "host" is the set the host has; its CPU's
// name plays no part, since hypervisors report another one.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_CPUTARGETS_H
#define MOE_CODEGEN_CPU_CPUTARGETS_H

#include "moe/codegen/abi/CpuFeature.h"

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace moe::cpu {

struct CpuTarget {
  abi::CpuArch arch = abi::CpuArch::X86_64;
  /// What the code may use, hence what it requires.
  abi::CpuFeatures features;

  /// "x86-64-v3", "aarch64", ..., with what goes beyond it attached by '+':
  /// "x86-64-v4+avx512_bf16". parse() takes it back.
  std::string name() const;
  static std::optional<CpuTarget> parse(llvm::StringRef name);
  /// The names parse() knows, for a diagnostic: "x86-64-v2, ..., aarch64".
  static std::string knownNames();

  /// What LLVM is told.
  llvm::StringRef triple() const;
  llvm::StringRef llvmCpu() const;
  /// Whose instruction costs to schedule for.
  llvm::StringRef llvmTuneCpu() const;
  std::string llvmFeatures() const;

  bool has(abi::CpuFeature feature) const { return features.has(feature); }
  /// f32 elements in a vector register.
  unsigned vectorLanes() const;
  unsigned vectorRegisters() const;
  bool hasFma() const;
  /// Whether f32 -> bf16, and f32 <-> f16, are instructions.
  bool hasBf16Conversion() const;
  bool hasF16Conversion() const;
  /// Whether f16 has more than conversions.
  bool hasF16Arithmetic() const;

  friend bool operator==(const CpuTarget &, const CpuTarget &) = default;
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_CPUTARGETS_H
