//===- Arch.cpp - Which code runs on which GPU ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code that can run is ranked; if there is none, the message is made.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Arch.h"

#include <charconv>
#include <tuple>

using namespace moe;
using namespace moe::cuda;
using core::Error;
using core::ErrorId;
using core::Result;

std::optional<Arch> moe::cuda::parseArch(std::string_view name) {
  constexpr std::string_view prefix = "sm_";
  if (!name.starts_with(prefix))
    return std::nullopt;
  name.remove_prefix(prefix.size());
  Arch arch;
  const char *end = name.data() + name.size();
  auto [stop, error] = std::from_chars(name.data(), end, arch.number);
  if (error != std::errc() || arch.number < 50 || arch.number > 999)
    return std::nullopt;
  const std::string_view rest(stop, static_cast<size_t>(end - stop));
  arch.only = rest == "a";
  if (!rest.empty() && !arch.only)
    return std::nullopt;
  return arch;
}

std::string_view moe::cuda::targetFor(int capability) {
  if (capability == 90)
    return "sm_90a";
  if (capability >= 120)
    return "sm_120";
  if (capability == 89)
    return "sm_89";
  if (capability == 86)
    return "sm_86";
  return capability >= 80 ? "sm_80" : "";
}

bool moe::cuda::runsOn(Arch arch, abi::CodeKind kind, int capability) {
  if (arch.only)
    return capability == arch.number;
  if (kind == abi::CodeKind::Cubin && capability / 10 != arch.number / 10)
    return false;
  return capability >= arch.number;
}

namespace {

/// The better the higher.
int preference(abi::CodeKind kind) {
  switch (kind) {
  case abi::CodeKind::Cubin:
    return 3;
  case abi::CodeKind::Ptx:
    return 2;
  case abi::CodeKind::CudaText:
    return 1;
  default:
    return 0;
  }
}

} // namespace

Result<Choice> moe::cuda::chooseCode(const core::Package &package,
                                     int capability, bool plays,
                                     std::string_view target,
                                     const std::string &gpu) {
  Choice best;
  std::tuple<bool, int, bool, int> bestRank;
  std::string obstacles;
  const auto &variants = *package.root().variants();
  for (flatbuffers::uoffset_t i = 0; i < variants.size(); ++i) {
    const abi::Variant &variant = *variants[i];
    const std::string_view name = variant.target()->string_view();
    const bool wanted = target.empty() || name == target;
    bool cuda = false, text = false, runs = false;
    for (const abi::Code *code : *variant.code()) {
      const int liking = preference(code->kind());
      cuda |= liking != 0;
      text |= code->kind() == abi::CodeKind::CudaText;
      std::optional<Arch> arch =
          code->arch() ? parseArch(code->arch()->string_view()) : std::nullopt;
      if (!liking || !arch)
        continue;
      const bool fits = runsOn(*arch, code->kind(), capability);
      if (plays ? code->kind() != abi::CodeKind::CudaText : !fits)
        continue;
      runs = true;
      std::tuple<bool, int, bool, int> rank{fits, arch->number, arch->only,
                                            liking};
      if (!wanted || (best.code && rank <= bestRank))
        continue;
      best = {i, code};
      bestRank = rank;
    }
    obstacles += "variant " + core::quote(name);
    if (!cuda)
      obstacles += " has no code for a GPU; ";
    else if (plays && !text)
      obstacles += " has no CUDA text, which a simulator needs; ";
    else if (!runs)
      obstacles += " is for another GPU; ";
    else
      obstacles += " is not the one asked for; ";
  }
  if (best.code)
    return best;
  if (obstacles.empty())
    obstacles = "it has none; ";
  obstacles.resize(obstacles.size() - 2);
  const std::string_view nearest =
      target.empty() ? targetFor(capability) : target;
  if (!nearest.empty())
    obstacles += "; compile with --target=" + std::string(nearest);
  return Error(ErrorId::PackageNoVariant,
               core::quote(package.name()) +
                   ": no variant of the package runs on " + gpu + ": " +
                   obstacles);
}
