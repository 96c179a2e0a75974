//===- OptPhases.h - The compiler's phases as a flag of moe-opt -*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// moe-opt runs single passes; --moe-pipeline="target=T to=PHASE" runs what
// moe-compile would, under everything that mlir-opt offers around passes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_OPTPHASES_H
#define MOE_RUNTIME_JIT_OPTPHASES_H

#include "moe/runtime/core/Error.h"
#include "moe/runtime/jit/Phases.h"

#include "mlir/Pass/PassManager.h"

#include <string>
#include <string_view>

namespace moe::jit {

struct OptPhases {
  std::string target = "host";
  Phase from = Phase::Input;
  Phase to = Phase::Exec;
  bool approx = false; ///< moe.fast = "approx"
};

/// Reads "target=T from=PHASE to=PHASE", each part optional. Errors:
/// UsageInvalid names the part, PhaseUnknown lists the phases.
core::Result<OptPhases> parseOptPhases(std::string_view text);

/// Appends a pass that sets the module's target, and the phases' passes. A
/// failure is emitted as a diagnostic.
llvm::LogicalResult addOptPhases(mlir::PassManager &pm,
                                 const OptPhases &phases);

/// Registers moe-set-target, so that a reproducer can be run.
void registerSetTarget();

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_OPTPHASES_H
