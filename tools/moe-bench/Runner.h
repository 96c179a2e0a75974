//===- Runner.h - What executes and limits a layer ----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A CPU and a GPU are timed by the same loop. They differ in where tensors
// are, in what a clock is, and in how a limit is measured.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_BENCH_RUNNER_H
#define MOE_TOOLS_MOE_BENCH_RUNNER_H

#include "moe/runtime/core/HostLimits.h"
#include "moe/tools/common/Handles.h"
#include "moe/tools/common/HostTensors.h"

#include <memory>
#include <span>

namespace moe::tools {

class Runner {
public:
  virtual ~Runner() = default;
  /// Runs bound program `copy` on inputs `routing`; the milliseconds it took.
  virtual core::Result<double> run(int routing, size_t copy) = 0;
  /// The outputs of the last run, in host memory.
  virtual core::Result<const HostTensors *> outputs() = 0;
  /// The workspace of the runs.
  virtual const moe_workspace *workspace() const = 0;
  /// One round more of what the machine can do at most.
  virtual void measureLimits() = 0;
  /// GFLOP/s for weights of a type, and GB/s; 0 where it is not known.
  virtual double gflops(core::DType weight) const = 0;
  virtual double gbps() const = 0;
};

/// What a runner is made for; all of it must outlive the runner.
struct Runs {
  std::span<Bound> copies;
  std::span<HostTensors> inputs;
  HostTensors *outputs;
  int64_t tokens;
  uint32_t threads;
};

core::Result<std::unique_ptr<Runner>> cpuRunner(const Runs &runs,
                                                core::HostLimits &limits);
/// On GPU 0 of the driver (empty: the usual one). Tensors are in its memory;
/// runs are replayed from graphs where the driver has them.
core::Result<std::unique_ptr<Runner>> gpuRunner(const Runs &runs,
                                                const std::string &driver);
/// The GPU's name.
core::Result<std::string> gpuName(const std::string &driver);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_BENCH_RUNNER_H
