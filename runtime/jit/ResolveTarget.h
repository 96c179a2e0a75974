//===- ResolveTarget.h - From a target's name to its backend ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_RESOLVETARGET_H
#define MOE_RUNTIME_JIT_RESOLVETARGET_H

#include "moe/codegen/Backend.h"
#include "moe/runtime/core/Error.h"

#include <string>
#include <vector>

namespace moe::jit {

struct Target {
  const Backend *backend;
  TargetAttrInterface attribute;
};

/// "host" is what this machine has, or the level that `isa` (MOE_ISA's value,
/// may be null) names; another name stands for itself. Errors: TargetUnknown
/// lists the names there are; IsaUnavailable, EnvironmentValue.
core::Result<Target> resolveTarget(mlir::MLIRContext &context,
                                   const std::string &name, const char *isa);

/// The names in a comma-separated list; "host" where it is null or empty.
std::vector<std::string> splitTargets(const char *list);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_RESOLVETARGET_H
