//===- Executors.h - What a tool runs programs with -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// --executor of moe-run and moe-bench.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_COMMON_EXECUTORS_H
#define MOE_TOOLS_COMMON_EXECUTORS_H

#include "moe/runtime/core/Error.h"

#include <string>

namespace moe::tools {

struct ExecutorChoice {
  bool cuda = false;
  /// Path of the driver; empty: the usual one.
  std::string driver;
};

/// "cpu", "cuda", or "cuda-sim": cuda with a driver that simulates,
/// libmoe_cudasim.so of this installation. UsageInvalid for another name.
core::Result<ExecutorChoice> executorFromName(const std::string &name);

} // namespace moe::tools

#endif // MOE_TOOLS_COMMON_EXECUTORS_H
