//===- Environment.h - The MOE_* variables ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one table of environment variables: --help prints it. Beside them only
// the system's own folders are read, and only here.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_ENVIRONMENT_H
#define MOE_RUNTIME_CORE_ENVIRONMENT_H

#include "moe/runtime/core/Error.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moe::core {

enum class Variable {
  CacheDir,
  DumpDir,
  Isa,
  NumThreads,
  Compiler,
  CudaDriver,
  Nvrtc,
  Log
};

struct VariableInfo {
  std::string_view name;
  std::string_view meaning;
  /// The values there are; empty where any text is one.
  std::span<const std::string_view> choices;
};

/// In the order of Variable.
std::span<const VariableInfo> variables();

/// What the user set; none where it is unset or empty. Error: EnvironmentValue
/// for a value that is none of the choices.
Result<std::optional<std::string>> environment(Variable variable);

/// MOE_NUM_THREADS, at least 1: 0 and unset are the physical cores that this
/// process may use. Error: EnvironmentValue.
Result<unsigned> numThreads();

/// MOE_CACHE_DIR, else the user's cache folder; none where there is neither.
std::optional<std::string> cacheDirectory();

/// Folders of Python packages, those of a virtual environment first, then the
/// user's, then the system's: libraries of NVIDIA's are installed there.
std::vector<std::string> pythonFolders();

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_ENVIRONMENT_H
