//===- Compile.h - From a source to what was asked for ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_COMPILE_H
#define MOE_RUNTIME_JIT_COMPILE_H

#include "moe/codegen/abi/plugin.h"
#include "moe/runtime/core/Error.h"

#include <functional>
#include <span>
#include <string>

namespace moe::jit {

using Timing = std::function<void(std::string_view phase, double ms)>;

/// What `options.emit` names: a whole package file for "package" (one variant a
/// target), else the text or bytes for the one target.
core::Result<std::string> compile(const moe_plugin_source &source,
                                  const moe_plugin_options &options,
                                  const Timing &timing);

/// Interprets the source after each phase up to plan and compares: one line a
/// phase. An Error names the first pass that changed the values.
core::Result<std::string> checkPhases(const moe_plugin_source &source,
                                      const moe_plugin_options &options,
                                      const moe_plugin_weights *weights,
                                      std::span<const moe_plugin_tensor> inputs,
                                      double rtol);

/// The decisions behind a compilation, as text or JSON.
core::Result<std::string> explain(const moe_plugin_source &source,
                                  const moe_plugin_options &options, bool json);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_COMPILE_H
