//===- Phases.h - From one phase to the next --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// input -> group -> plan -> exec -> lower: each step is a pass pipeline over
// one module, can be stopped after and started from, and can be dumped.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_PHASES_H
#define MOE_RUNTIME_JIT_PHASES_H

#include "moe/codegen/Backend.h"
#include "moe/runtime/core/Error.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>

namespace moe::jit {

enum class Phase { Input, Group, Plan, Exec, Lower, Object };
/// "input", "group", ...
std::string_view nameOf(Phase phase);
/// PhaseUnknown lists the names.
core::Result<Phase> phaseFromName(std::string_view name);
/// Whether --moe-fast=NAME is "approx" and not "none"; UsageInvalid for others.
core::Result<bool> approxFromName(std::string_view name);

struct PhaseOptions {
  Phase from = Phase::Input;
  Phase to = Phase::Object;
  std::string dumpDir; ///< a file NN-phase.mlir after each phase; empty: none
  bool rowDeterminism = true;
  /// Sets moe.fast = "approx"; else the module's own stays.
  bool approx = false;
  bool overrideIds = false;
  std::function<void(std::string_view phase, double ms)> timing;
  /// Called with the module after each phase up to plan, and before the first:
  /// --check-phases interprets it there.
  std::function<core::Status(Phase, mlir::ModuleOp)> inspect;
};

/// Appends the passes after phase `from` up to `to` (at most Lower). The input
/// phase is simplified in place; later ones start after their own.
void buildPhases(mlir::OpPassManager &pm, const Backend &backend,
                 TargetAttrInterface target, Phase from, Phase to);

/// Runs the module from `options.from` to `options.to` (at most Lower) for a
/// target, in place. An Error is CompileFailed with the collected diagnostics,
/// the pass that failed, and the path of a reproducer.
core::Status runPhases(mlir::ModuleOp module, const Backend &backend,
                       TargetAttrInterface target, const PhaseOptions &options);

/// A new file for what shows a failure again: in MOE_DUMP_DIR, or a folder for
/// temporary files.
std::string reproducerPath(std::string_view extension);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_PHASES_H
