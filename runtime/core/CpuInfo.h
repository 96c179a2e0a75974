//===- CpuInfo.h - The host processor and its ISA levels ---------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which variant of a package runs here, and what a JIT may generate, depends on
// features that the processor has *and* the operating system lets us use.
// Names of processors are no guide: hypervisors change them. MOE_ISA narrows or
// emulates a level; the rule for that is a pure function, so that every level
// of every host can be tested on any host.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_CPUINFO_H
#define MOE_RUNTIME_CORE_CPUINFO_H

#include "moe/codegen/abi/CpuFeature.h"
#include "moe/runtime/core/Error.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace moe::core {

/// What MOE_ISA selects and kernel names carry. Scalar is what every supported
/// processor has: x86-64-v2, or the base of aarch64.
enum class IsaLevel : uint8_t { Scalar, Avx2, Avx512, Amx };

/// "scalar", "avx2", "avx512", "amx".
std::string_view name(IsaLevel level);

struct CpuInfo {
  abi::CpuArch arch = abi::CpuArch::X86_64;
  abi::CpuFeatures features; ///< usable: present and enabled by the system
  std::string model;         ///< for people only
  size_t l1dBytes = 0;       ///< caches that a core sees; 0: not known
  size_t l2Bytes = 0;
  size_t l3Bytes = 0;
};

/// The host, examined once. Asks the system for the AMX state: the first call
/// belongs before threads with alternate signal stacks start.
const CpuInfo &hostCpu();

/// The words that CPUID and XGETBV answer, as far as we read them.
struct X86CpuWords {
  uint32_t leaf1Ecx = 0;
  uint32_t leaf7Ebx = 0;
  uint32_t leaf7Ecx = 0;
  uint32_t leaf7Edx = 0;
  uint32_t leaf7Sub1Eax = 0;
  uint32_t extended1Ecx = 0;
  uint64_t xcr0 = 0; ///< 0 without OSXSAVE
  bool amxPermitted = false;
};

/// The usable features: those whose register state the system saves.
abi::CpuFeatures decodeX86Features(const X86CpuWords &words);

/// The highest level that `features` cover; no value below the lowest.
std::optional<IsaLevel> highestIsaLevel(abi::CpuArch arch,
                                        abi::CpuFeatures features);

struct IsaSelection {
  IsaLevel level = IsaLevel::Scalar;
  /// Plan kernels for these features ...
  abi::CpuFeatures plan;
  /// ... and generate code for these. Where `plan` has more, moe-emulate-isa
  /// turns the operations that `code` lacks into others.
  abi::CpuFeatures code;

  bool emulates() const { return !code.contains(plan); }
};

/// Applies MOE_ISA (`text`; empty means the whole host). IsaUnavailable if the
/// host lacks the level, EnvironmentValue if there is no such level.
Result<IsaSelection> selectIsa(abi::CpuArch arch, abi::CpuFeatures host,
                               std::string_view text);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_CPUINFO_H
