//===- CompilerPlugin.h - The compiler, if it is here -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libmoe_compiler.so is loaded when something must be compiled or interpreted,
// never before, and never by a program that only runs packages.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_COMPILERPLUGIN_H
#define MOE_RUNTIME_CORE_COMPILERPLUGIN_H

#include "moe/codegen/abi/plugin.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Source.h"
#include "moe/runtime/core/WeightSource.h"

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace moe::core {

struct CompileOptions {
  /// "host", or a comma-separated list.
  std::string targets = "host";
  /// MOE_ISA's value; empty: the whole host.
  std::string isa;
  /// Rows' bits depend on nothing but the row.
  bool deterministic = true;
  /// Leaves IR and CUDA text out of the package.
  bool stripIr = false;
  /// "exec", "plan", "asm", ...; see codegen/abi/plugin.h.
  std::string emit = "package";
  /// Names of phases; empty: from input to object.
  std::string fromPhase, toPhase;
  /// A folder for the IR after each phase; empty: nowhere.
  std::string dumpDir;
  /// Told the milliseconds of each phase.
  std::function<void(const char *phase, double milliseconds)> timing;
  /// "approx": rewrites that change ids where scores tie are welcome; empty:
  /// what the module says.
  std::string fast;
};

/// Calls may come from several threads. Sources are no packages (sourceOfIr).
class CompilerPlugin {
public:
  /// MOE_COMPILER, else libmoe_compiler.so beside this library, else in ../lib
  /// beside the program. CompilerAbsent says where it was looked for,
  /// CompilerVersion which builds do not match.
  static Result<CompilerPlugin> load();
  /// The same from `path` only.
  static Result<CompilerPlugin> load(const std::string &path);

  /// What options.emit names: a whole package file for "package".
  Result<std::string> compile(const Source &source,
                              const CompileOptions &options) const;
  /// The reference interpreter's results, as a safetensors file.
  Result<std::string> interpret(const Source &source,
                                const WeightsSpec &weights,
                                std::span<const NamedWeight> inputs,
                                bool exact) const;
  /// A line a phase; the error names the first pass that changed the values.
  Result<std::string> checkPhases(const Source &source,
                                  const CompileOptions &options,
                                  const WeightsSpec &weights,
                                  std::span<const NamedWeight> inputs,
                                  double tolerance) const;
  /// The source as input IR.
  Result<std::string> import(const Source &source) const;
  /// Its function's inputs, outputs and bounds as JSON.
  Result<std::string> signature(const Source &source) const;
  /// The decisions of a compilation, as text or JSON.
  Result<std::string> explain(const Source &source,
                              const CompileOptions &options, bool json) const;

private:
  explicit CompilerPlugin(const moe_plugin_api *api) : api(api) {}
  const moe_plugin_api *api;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_COMPILERPLUGIN_H
