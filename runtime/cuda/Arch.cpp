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

#include <algorithm>
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

/// The better the lower; none for a CPU's.
std::optional<int> place(abi::CodeKind kind) {
  switch (kind) {
  case abi::CodeKind::Cubin:
    return 0;
  case abi::CodeKind::Ptx:
    return 1;
  case abi::CodeKind::CudaText:
    return 2;
  default:
    return std::nullopt;
  }
}

struct Candidate {
  std::vector<const abi::Code *> codes;
  /// The better the higher: whether it is for this GPU, number, only for it.
  std::tuple<bool, int, bool> rank;
  /// Why there are no codes.
  const char *obstacle = nullptr;
};

Candidate candidateOf(const abi::Variant &variant, int capability, bool plays) {
  Candidate made;
  bool cuda = false, text = false;
  for (const abi::Code *code : *variant.code()) {
    const bool isText = code->kind() == abi::CodeKind::CudaText;
    cuda |= place(code->kind()).has_value();
    text |= isText;
    std::optional<Arch> arch =
        code->arch() ? parseArch(code->arch()->string_view()) : std::nullopt;
    if (!place(code->kind()) || !arch)
      continue;
    const bool fits = runsOn(*arch, code->kind(), capability);
    if (plays ? !isText : !fits)
      continue;
    made.codes.push_back(code);
    made.rank = std::max(made.rank, {fits, arch->number, arch->only});
  }
  std::sort(made.codes.begin(), made.codes.end(),
            [](const abi::Code *a, const abi::Code *b) {
              return place(a->kind()) < place(b->kind());
            });
  if (made.codes.empty())
    made.obstacle = !cuda ? "has no code for a GPU"
                    : plays && !text
                        ? "has no CUDA text, which a simulator needs"
                        : "is for another GPU";
  return made;
}

} // namespace

Result<Choice> moe::cuda::chooseCode(const core::Package &package,
                                     int capability, bool plays,
                                     std::string_view target,
                                     const std::string &gpu) {
  Choice best;
  std::tuple<bool, int, bool> bestRank;
  std::string obstacles;
  const auto &variants = *package.root().variants();
  for (flatbuffers::uoffset_t i = 0; i < variants.size(); ++i) {
    const std::string_view name = variants[i]->target()->string_view();
    Candidate candidate = candidateOf(*variants[i], capability, plays);
    if (!candidate.obstacle && !target.empty() && name != target)
      candidate.obstacle = "is not the one asked for";
    if (candidate.obstacle) {
      obstacles +=
          "variant " + core::quote(name) + " " + candidate.obstacle + "; ";
    } else if (best.codes.empty() || candidate.rank > bestRank) {
      best = {i, std::move(candidate.codes)};
      bestRank = candidate.rank;
    }
  }
  if (!best.codes.empty())
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
