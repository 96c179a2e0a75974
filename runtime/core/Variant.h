//===- Variant.h - Which code of a package this host runs -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A package may hold code for several processors. The choice depends only on
// the package and on what the host offers, so any host can be tested anywhere.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_VARIANT_H
#define MOE_RUNTIME_CORE_VARIANT_H

#include "moe/runtime/core/CpuInfo.h"
#include "moe/runtime/core/Package.h"

namespace moe::core {

/// How a package spells the architecture of its code: "x86_64", "aarch64".
std::string_view archName(abi::CpuArch arch);

/// Index of the variant whose CPU code needs the most of what `isa.code` has,
/// and nothing else; emulated ones only before all others where `isa` emulates,
/// and after all others where it does not. PackageNoVariant says what each
/// variant lacks.
Result<size_t> chooseVariant(const Package &package, abi::CpuArch arch,
                             const IsaSelection &isa);

/// The same for this host under MOE_ISA (`isaText`; empty: the whole host).
/// Also IsaUnavailable, EnvironmentValue.
Result<size_t> chooseVariant(const Package &package, std::string_view isaText);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_VARIANT_H
