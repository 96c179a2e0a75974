//===- Run.h - The program executor -----------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the steps of a bound program over named tensors. Everything a caller can
// get wrong is found before the first step; nothing is allocated.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_RUN_H
#define MOE_RUNTIME_CORE_RUN_H

#include "moe/runtime/core/Bind.h"
#include "moe/runtime/core/Workspace.h"

namespace moe::core {

struct RunOptions {
  /// At most the workspace's; 0: all of them.
  uint32_t threads = 0;
  /// Measures each kernel (Workspace::kernels).
  bool timing = false;
};

/// Runs the program once. Inputs are not written; they may overlap each other,
/// outputs may overlap nothing. An output that is left out is computed and
/// dropped. Errors: InputMissing, InputUnknown, InputShape, InputDType,
/// BoundExceeded, OutputUnknown, BuffersAlias, WorkspaceTooSmall,
/// WorkspaceBusy, what a check step says (IdOutOfRange), PackageCorrupt where
/// steps do not fit their buffers. After an error outputs are unspecified.
Status run(const Bound &bound, std::span<const Operand> inputs,
           std::span<const Operand> outputs, Workspace &workspace,
           const RunOptions &options = {});

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_RUN_H
