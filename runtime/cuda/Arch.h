//===- Arch.h - Which code runs on which GPU --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CUDA's rules of compatibility, and the choice of a variant by them. It
// depends only on the package and the GPU's number, so that any GPU can be
// tested anywhere.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_ARCH_H
#define MOE_RUNTIME_CUDA_ARCH_H

#include "moe/runtime/core/Package.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moe::cuda {

/// "sm_90a": number 90, which uses what only that one has.
struct Arch {
  int number = 0; ///< 90 for compute capability 9.0
  bool only = false;
};
/// None for what is no name of an architecture.
std::optional<Arch> parseArch(std::string_view name);

/// What moe-compile would be told to compile for a GPU of this capability;
/// empty for one that is too old. One that is newer than this version of moec
/// gets code that the driver compiles further.
std::string_view targetFor(int capability);

/// Machine code runs on later GPUs of its generation, PTX (and text, which is
/// compiled for the GPU) on all later ones; what is for one only, on that.
bool runsOn(Arch arch, abi::CodeKind kind, int capability);

struct Choice {
  size_t variant = 0;
  /// Its code that runs, the best first: cubin, PTX, text; only text if texts
  /// are played.
  std::vector<const abi::Code *> codes;
};
/// What a package has for a GPU. `target` names one variant; empty: the newest
/// architecture that runs. `plays`: the driver plays whatever architecture a
/// text is for; then the one of `capability` is preferred. `gpu` is what
/// messages call it. PackageNoVariant says why each variant does not run.
core::Result<Choice> chooseCode(const core::Package &package, int capability,
                                bool plays, std::string_view target,
                                const std::string &gpu);

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_ARCH_H
