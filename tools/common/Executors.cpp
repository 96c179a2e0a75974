//===- Executors.cpp - What a tool runs programs with -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The simulator is a driver like any other; only its path is special.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/common/Executors.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/OsLibrary.h"

using namespace moe::core;
using namespace moe::tools;

/// Beside the tool, or beside the libraries.
static std::string simulatorPath() {
  const std::string folder = os::folderOfProgram();
  const std::string beside = folder + "/libmoe_cudasim.so";
  return os::fileInfo(beside) ? beside : folder + "/../lib/libmoe_cudasim.so";
}

Result<ExecutorChoice> moe::tools::executorFromName(const std::string &name) {
  if (name == "cpu")
    return ExecutorChoice{};
  if (name == "cuda")
    return ExecutorChoice{true, ""};
  if (name == "cuda-sim")
    return ExecutorChoice{true, simulatorPath()};
  return Error(ErrorId::UsageInvalid, "unknown --executor=" + name +
                                          ", expected cpu, cuda or cuda-sim");
}
