//===- Decisions.h - What the compiler decided, for readers -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_DECISIONS_H
#define MOE_RUNTIME_JIT_DECISIONS_H

#include "moe/runtime/jit/Remarks.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace moe::jit {

/// What passes remarked, then the #moe.decision attributes of a module's
/// functions or programs, in order: a JSON list of {function, what, chosen,
/// reason, runner_up, figures}. Of a remark `what` is the pass, `chosen` "done"
/// or "left", `function` the place in the input; of figures `what` is "cost
/// before" or "cost after".
std::string decisionsAsJson(mlir::ModuleOp module, const PassRemarks &remarks);
/// The same as lines to read.
std::string decisionsAsText(mlir::ModuleOp module, const PassRemarks &remarks);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_DECISIONS_H
