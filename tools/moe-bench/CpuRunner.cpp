//===- CpuRunner.cpp - Timed runs on the host ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs on the caller's tensors, timed by the system's clock.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-bench/Runner.h"

#include <chrono>

using namespace moe;
using namespace moe::tools;
using core::Result;
using core::Status;

namespace {

class CpuRunner final : public Runner {
public:
  CpuRunner(const Runs &runs, core::HostLimits &limits)
      : runs(runs), limits(limits) {}
  Status open();

  Result<double> run(int routing, size_t copy) override;
  Result<const HostTensors *> outputs() override { return runs.outputs; }
  const moe_workspace *workspace() const override { return memory.get(); }
  void measureLimits() override { limits.measure(); }
  double gflops(core::DType weight) const override {
    return limits.gflops(weight);
  }
  double gbps() const override { return limits.gbps(); }

private:
  Runs runs;
  core::HostLimits &limits;
  Workspace memory;
};

} // namespace

Status CpuRunner::open() {
  moe_dim dim{"T", runs.tokens};
  moe_workspace_options wanted{};
  wanted.size = sizeof wanted;
  wanted.dims = &dim;
  wanted.num_dims = 1;
  wanted.threads = runs.threads;
  moe_workspace *made = nullptr;
  Status status =
      take(moe_workspace_create(runs.copies.front().get(), &wanted, &made));
  memory.reset(made);
  return status;
}

Result<double> CpuRunner::run(int routing, size_t copy) {
  moe_run_options options{};
  options.size = sizeof options;
  options.threads = runs.threads;
  const auto &in = runs.inputs[static_cast<size_t>(routing)].named();
  const auto &out = runs.outputs->named();
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  if (Status status =
          take(moe_run(runs.copies[copy].get(), in.data(), in.size(),
                       out.data(), out.size(), memory.get(), &options));
      !status)
    return status.takeError();
  return std::chrono::duration<double, std::milli>(Clock::now() - begin)
      .count();
}

Result<std::unique_ptr<Runner>> tools::cpuRunner(const Runs &runs,
                                                 core::HostLimits &limits) {
  auto runner = std::make_unique<CpuRunner>(runs, limits);
  if (Status status = runner->open(); !status)
    return status.takeError();
  return std::unique_ptr<Runner>(std::move(runner));
}
