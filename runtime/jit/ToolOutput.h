//===- ToolOutput.h - What the compiler's tools share -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_TOOLOUTPUT_H
#define MOE_RUNTIME_JIT_TOOLOUTPUT_H

#include "moe/runtime/core/CommandLine.h"

#include <optional>
#include <string>
#include <string_view>

namespace moe::jit {

/// Handles --help and --version; the exit code if one of them was given.
std::optional<int> printHelpOrVersion(const core::CommandLine &line,
                                      const core::Tool &tool);

/// Writes bytes to a file, aside and renamed, or to standard output ("-").
/// The exit code.
int writeOutput(const std::string &path, std::string_view bytes);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_TOOLOUTPUT_H
