//===- Compiled.cpp - A compiled program as a layer -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Os.h"
#include "moe/tools/moe-run/Layer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace moe;
using namespace moe::tools;
using core::Result;
using core::Status;

static double milliseconds() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

namespace {

class CompiledLayer final : public Layer {
public:
  explicit CompiledLayer(const RunOptions &options) : options(options) {}
  Status open(const std::string &dtype);

  const Signature &signature() const override { return values; }
  Result<HostTensors> run(HostTensors &inputs) override;
  std::vector<std::string> kernels() const override;
  void report() const override;

private:
  /// A workspace for these dimensions; made anew only where one is too small.
  Status prepare(const std::map<std::string, int64_t> &dims);
  moe_workspace_options
  workspaceOptions(const std::map<std::string, int64_t> &dims,
                   std::vector<moe_dim> &list) const;

  const RunOptions &options;
  Signature values;
  Program program;
  Bound bound;
  Workspace workspace;
  std::map<std::string, int64_t> room;
  double compileMs = 0, bindMs = 0;
  std::vector<double> runMs; ///< of the last inputs, sorted
  moe_memory_plan plan{};
  std::vector<std::pair<std::string, double>> phases;
};

} // namespace

Status CompiledLayer::open(const std::string &dtype) {
  moe_source source = sourceOf(options, dtype);
  moe_compile_options compile = compileOptionsOf(options);
  compile.context = this;
  compile.timing = [](void *context, const char *phase, double ms) {
    static_cast<CompiledLayer *>(context)->phases.emplace_back(phase, ms);
  };
  double start = milliseconds();
  moe_program *made = nullptr;
  if (Status status = take(moe_compile(&source, &compile, &made)); !status)
    return status;
  program.reset(made);
  compileMs = milliseconds() - start;

  moe_text *json = nullptr;
  if (Status status = take(moe_program_info(made, &json)); !status)
    return status;
  Text text(json);
  Result<Signature> signature = parseSignature(view(text));
  if (!signature)
    return signature.takeError();
  values = std::move(*signature);

  std::optional<moe_weights> weights = weightsOf(options);
  moe_bind_options bind{};
  bind.size = sizeof bind;
  bind.threads = options.threads;
  if (options.packedCache)
    bind.packed_cache = options.packedCache->c_str();
  start = milliseconds();
  moe_bound *packed = nullptr;
  if (Status status =
          take(moe_bind(made, weights ? &*weights : nullptr, &bind, &packed));
      !status)
    return status;
  bound.reset(packed);
  bindMs = milliseconds() - start;
  return Status::ok();
}

moe_workspace_options
CompiledLayer::workspaceOptions(const std::map<std::string, int64_t> &dims,
                                std::vector<moe_dim> &list) const {
  for (const auto &[name, value] : dims)
    list.push_back({name.c_str(), value});
  moe_workspace_options made{};
  made.size = sizeof made;
  made.dims = list.data();
  made.num_dims = list.size();
  made.threads = options.threads;
  return made;
}

Status CompiledLayer::prepare(const std::map<std::string, int64_t> &dims) {
  bool fits = workspace != nullptr;
  for (const auto &[name, value] : dims)
    fits &= room.contains(name) && value <= room.at(name);
  if (fits)
    return Status::ok();
  workspace.reset();
  std::vector<moe_dim> list;
  moe_workspace_options wanted = workspaceOptions(dims, list);
  plan.size = sizeof plan;
  if (Status status = take(moe_program_memory(program.get(), &wanted, &plan));
      !status)
    return status;
  moe_workspace *made = nullptr;
  if (Status status = take(moe_workspace_create(bound.get(), &wanted, &made));
      !status)
    return status;
  workspace.reset(made);
  room = dims;
  return Status::ok();
}

Result<HostTensors> CompiledLayer::run(HostTensors &inputs) {
  std::map<std::string, int64_t> dims = dimsOf(values, inputs);
  if (Status status = prepare(dims); !status)
    return status.takeError();
  HostTensors outputs;
  for (const Signature::Value &value : values.outputs) {
    Result<std::vector<int64_t>> shape = shapeOf(value, dims);
    if (!shape)
      return shape.takeError();
    outputs.add(value.name, core::Tensor(value.dtype, *shape));
  }
  moe_run_options run{};
  run.size = sizeof run;
  run.threads = options.threads;
  run.timing = options.timing;
  const auto &in = inputs.named();
  const auto &out = outputs.named();
  runMs.clear();
  for (uint32_t i = 0; i < std::max(options.repeat.value_or(1), 1u); ++i) {
    double start = milliseconds();
    if (Status status =
            take(moe_run(bound.get(), in.data(), in.size(), out.data(),
                         out.size(), workspace.get(), &run));
        !status)
      return status.takeError();
    runMs.push_back(milliseconds() - start);
  }
  std::ranges::sort(runMs);
  return outputs;
}

std::vector<std::string> CompiledLayer::kernels() const {
  std::vector<std::string> names;
  moe_kernel_use use{};
  use.size = sizeof use;
  for (size_t i = 0; moe_workspace_kernel(workspace.get(), i, &use); ++i)
    if (use.launches)
      names.emplace_back(use.name);
  return names;
}

void CompiledLayer::report() const {
  if (options.timing) {
    std::printf("compile %.2f ms (", compileMs);
    const char *separator = "";
    for (const auto &[name, ms] : phases) {
      std::printf("%s%s %.2f", separator, name.c_str(), ms);
      separator = ", ";
    }
    std::printf("), bind %.2f ms, run %.3f ms", bindMs,
                runMs[runMs.size() / 2]);
    if (runMs.size() > 1)
      std::printf(" (the median of %zu; the best %.3f)", runMs.size(),
                  runMs.front());
    std::printf("\n");
    moe_kernel_use use{};
    use.size = sizeof use;
    for (size_t i = 0; moe_workspace_kernel(workspace.get(), i, &use); ++i)
      if (use.launches)
        std::printf("  %8.1f us  %6llu tasks  %s\n",
                    static_cast<double>(use.nanoseconds) / 1e3,
                    static_cast<unsigned long long>(use.tasks), use.name);
  }
  if (options.memory) {
    auto mib = [](uint64_t bytes) {
      return static_cast<double>(bytes) / (1 << 20);
    };
    std::printf("memory plan: workspace %.2f MiB (buffers %.2f, outputs not "
                "asked for %.2f, copies of inputs %.2f, scratch %.2f), weights "
                "%.2f MiB, code %.3f "
                "MiB; peak of the process %.2f MiB\n",
                mib(plan.workspace), mib(plan.buffers), mib(plan.spare_outputs),
                mib(plan.input_copies), mib(plan.scratch), mib(plan.weights),
                mib(plan.code), mib(core::os::peakResidentBytes()));
  }
}

Result<std::unique_ptr<Layer>> tools::openCompiled(const RunOptions &options,
                                                   const std::string &dtype) {
  auto layer = std::make_unique<CompiledLayer>(options);
  if (Status status = layer->open(dtype); !status)
    return status.takeError();
  return std::unique_ptr<Layer>(std::move(layer));
}
