//===- Options.h - What moe-run was asked to do -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_RUN_OPTIONS_H
#define MOE_TOOLS_MOE_RUN_OPTIONS_H

#include "moe/runtime/core/CommandLine.h"

#include <optional>
#include <string>

namespace moe::tools {

enum class ExecutorKind { Reference, Cpu, Cuda };

struct RunOptions {
  std::string source; ///< FILE.mlir, FILE.moe or DIR
  std::optional<int64_t> layer;
  std::optional<std::string> function;
  std::optional<std::string> weights;
  std::optional<uint64_t> weightSeed;
  std::optional<std::string> input; ///< --input or --args
  std::optional<int64_t> tokens;    ///< --tokens
  std::optional<uint32_t> repeat;   ///< of a compiled layer
  bool randomInputs = false;        ///< --tokens or --random-args
  uint64_t seed = 0;
  std::optional<std::string> output, expect, target, stats, fast, packedCache;
  std::optional<double> rtol;
  ExecutorKind executor = ExecutorKind::Cpu;
  std::string cudaDriver; ///< the simulator's path; empty: the usual driver
  uint32_t threads = 0;
  bool check = false, checkPhases = false, exact = false, explain = false;
  bool memory = false, timing = false;

  bool isCheckpoint = false; ///< source is one
};

extern const core::Tool kMoeRun;

/// UsageInvalid for flags that contradict each other.
core::Result<RunOptions> parseOptions(const core::CommandLine &line);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_RUN_OPTIONS_H
