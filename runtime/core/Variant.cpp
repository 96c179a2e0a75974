//===- Variant.cpp - Which code of a package this host runs -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The variants that can run are ranked; if there are none, the message is made.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Variant.h"

#include <tuple>

using namespace moe;
using namespace moe::core;

namespace {

const abi::Code *cpuImage(const abi::Variant &variant) {
  for (const abi::Code *code : *variant.code())
    if (code->kind() == abi::CodeKind::CpuImage)
      return code;
  return nullptr;
}

/// What keeps `variant` from running, as "lacks ..."; empty if nothing does.
std::string obstacle(const abi::Variant &variant, abi::CpuArch arch,
                     abi::CpuFeatures usable) {
  const abi::Code *image = cpuImage(variant);
  if (!image)
    return "has no code for a CPU";
  const std::string_view built =
      image->arch() ? image->arch()->string_view() : std::string_view();
  if (built != archName(arch))
    return "is for " + std::string(built);
  std::string missing;
  for (const flatbuffers::String *feature : *variant.features()) {
    // A name that this version does not know is nothing it can vouch for.
    std::optional<abi::CpuFeature> known =
        abi::cpuFeatureFromName(feature->string_view());
    if (!known || !usable.has(*known))
      missing += (missing.empty() ? "" : ", ") + feature->str();
  }
  return missing.empty() ? missing : "needs " + missing;
}

/// What moe-compile would be told to compile for this host.
std::string_view nearestTarget(abi::CpuArch arch, abi::CpuFeatures usable) {
  if (arch == abi::CpuArch::Aarch64)
    return "aarch64";
  if (usable.contains(abi::x86_64_v4))
    return "x86-64-v4";
  return usable.contains(abi::x86_64_v3) ? "x86-64-v3" : "x86-64-v2";
}

} // namespace

std::string_view moe::core::archName(abi::CpuArch arch) {
  return arch == abi::CpuArch::X86_64 ? "x86_64" : "aarch64";
}

Result<size_t> moe::core::chooseVariant(const Package &package,
                                        abi::CpuArch arch,
                                        const IsaSelection &isa) {
  std::optional<size_t> best;
  std::tuple<bool, size_t> bestRank;
  std::string obstacles;
  const auto &variants = *package.root().variants();
  for (flatbuffers::uoffset_t i = 0; i < variants.size(); ++i) {
    const abi::Variant &variant = *variants[i];
    const std::string reason = obstacle(variant, arch, isa.code);
    if (!reason.empty()) {
      obstacles += "variant " + quote(variant.target()->string_view()) + " " +
                   reason + "; ";
      continue;
    }
    std::tuple<bool, size_t> rank{variant.emulated() == isa.emulates(),
                                  variant.features()->size()};
    if (!best || rank > bestRank) {
      best = i;
      bestRank = rank;
    }
  }
  if (best)
    return *best;
  if (obstacles.empty())
    obstacles = "it has none; ";
  return Error(ErrorId::PackageNoVariant,
               quote(package.name()) +
                   ": no variant of the package runs here: " + obstacles +
                   "usable here are " + std::string(archName(arch)) + " with " +
                   isa.code.str() + "; compile with --target=" +
                   std::string(nearestTarget(arch, isa.code)));
}

Result<size_t> moe::core::chooseVariant(const Package &package,
                                        std::string_view isaText) {
  const CpuInfo &host = hostCpu();
  Result<IsaSelection> isa = selectIsa(host.arch, host.features, isaText);
  if (!isa)
    return isa.takeError();
  return chooseVariant(package, host.arch, *isa);
}
