//===- Run.cpp - Binding and running ----------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// moe_run allocates nothing: its operands have room in the workspace's handle.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/Handles.h"
#include "moe/runtime/api/Info.h"
#include "moe/runtime/api/Tensors.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Spelling.h"
#include "moe/runtime/cuda/DevicePacker.h"

using namespace moe;
using namespace moe::api;
using core::Result;
using core::Status;

namespace {

Result<uint32_t> threadsOr(uint32_t given) {
  if (given)
    return std::min(given, core::ThreadPool::maxThreads);
  return core::numThreads();
}

Result<core::WorkspaceSize> sizeFor(const core::Program &program,
                                    const moe_workspace_options &options) {
  std::vector<int64_t> largest(program.bounds().begin(),
                               program.bounds().end());
  std::vector<std::string> names;
  for (const abi::Dim *dim : *program.table().dims())
    names.push_back(dim->name()->str());
  if (options.num_dims && !options.dims)
    return wrongUse("moe_workspace_options.dims is null");
  for (size_t i = 0; i < options.num_dims; ++i) {
    const char *name = options.dims[i].name;
    auto found =
        name ? std::find(names.begin(), names.end(), name) : names.end();
    if (found == names.end()) {
      std::string list;
      for (const std::string &known : names)
        list += (list.empty() ? "" : ", ") + known;
      return wrongUse("there is no dimension " + core::quote(name ? name : "") +
                      core::didYouMean(name ? name : "", names) +
                      "; the program has " + (list.empty() ? "none" : list));
    }
    largest[static_cast<size_t>(found - names.begin())] = options.dims[i].value;
  }
  Result<uint32_t> threads = threadsOr(options.threads);
  if (!threads)
    return threads.takeError();
  return program.workspaceSize(largest, *threads);
}

} // namespace

moe_error *moe_bind(const moe_program *program, const moe_weights *weights,
                    const moe_bind_options *options, moe_bound **bound) {
  return guarded([&]() -> Status {
    if (!program || !bound)
      return wrongUse("moe_bind: null");
    *bound = nullptr;
    Result<moe_bind_options> how = take(options, "moe_bind_options");
    if (!how)
      return how.takeError();
    Result<std::optional<core::WeightsSpec>> spec = toSpec(weights);
    if (!spec)
      return spec.takeError();
    std::unique_ptr<core::WeightSource> source;
    if (*spec) {
      Result<std::unique_ptr<core::WeightSource>> opened =
          core::openWeights(**spec);
      if (!opened)
        return opened.takeError();
      source = *std::move(opened);
    }
    Result<uint32_t> threads = threadsOr(how->threads);
    if (!threads)
      return threads.takeError();
    core::ThreadPool pool;
    core::BindOptions bindOptions{pool.executor(), *threads, {}};
    if (how->packed_cache)
      bindOptions.packedCache = how->packed_cache;
    if (how->progress)
      bindOptions.progress = [&](uint64_t done, uint64_t total) {
        how->progress(how->context, done, total);
      };
    if (program->module) {
      bindOptions.packer = cuda::devicePacker(program->module);
      bindOptions.threads = std::min(*threads, cuda::mostPackers);
    }
    Result<std::shared_ptr<const core::Bound>> made =
        core::bind(program->program, source.get(), bindOptions);
    if (!made)
      return made.takeError();
    *bound = new moe_bound{*std::move(made), program->module};
    return {};
  });
}

void moe_bound_release(moe_bound *bound) { delete bound; }

moe_error *moe_bound_info(const moe_bound *bound, moe_text **json) {
  return guarded([&]() -> Status {
    if (!bound || !json)
      return wrongUse("moe_bound_info: null");
    *json = nullptr;
    return give(boundInfo(*bound->bound), json);
  });
}

moe_error *moe_program_memory(const moe_program *program,
                              const moe_workspace_options *options,
                              moe_memory_plan *plan) {
  return guarded([&]() -> Status {
    if (!program || !plan)
      return wrongUse("moe_program_memory: null");
    Result<moe_memory_plan> known = take(plan, "moe_memory_plan");
    Result<moe_workspace_options> how = take(options, "moe_workspace_options");
    if (!known)
      return known.takeError();
    if (!how)
      return how.takeError();
    Result<core::WorkspaceSize> size = sizeFor(*program->program, *how);
    if (!size)
      return size.takeError();
    moe_memory_plan full{};
    full.size = plan->size;
    full.buffers = size->arena;
    full.spare_outputs = size->spareOutputs;
    if (program->module) {
      full.input_copies = size->inputCopies;
      full.workspace = cuda::Workspace::bytes(*size);
    } else {
      full.scratch = size->scratch * size->threads;
      full.workspace = size->bytes();
    }
    full.weights = weightBytes(*program->program);
    full.code = codeBytes(*program->program);
    std::memcpy(plan, &full, std::min(plan->size, sizeof(full)));
    return {};
  });
}

moe_error *moe_workspace_create(const moe_bound *bound,
                                const moe_workspace_options *options,
                                moe_workspace **workspace) {
  return guarded([&]() -> Status {
    if (!bound || !workspace)
      return wrongUse("moe_workspace_create: null");
    *workspace = nullptr;
    Result<moe_workspace_options> how = take(options, "moe_workspace_options");
    if (!how)
      return how.takeError();
    Result<core::WorkspaceSize> size = sizeFor(bound->bound->program(), *how);
    if (!size)
      return size.takeError();
    auto handle = std::make_unique<moe_workspace>();
    if (bound->module) {
      Result<std::unique_ptr<cuda::Workspace>> made =
          cuda::Workspace::create(*bound->module, *size, how->poison);
      if (!made)
        return made.takeError();
      handle->gpu = *std::move(made);
    } else {
      core::WorkspaceOptions workspaceOptions;
      workspaceOptions.poison = how->poison;
      if (how->parallel_for)
        workspaceOptions.executor =
            core::Executor{how->parallel_for, how->context};
      Result<std::unique_ptr<core::Workspace>> made =
          core::Workspace::create(*size, std::move(workspaceOptions));
      if (!made)
        return made.takeError();
      handle->workspace = *std::move(made);
    }
    handle->inputs.reserve(size->inputs);
    handle->outputs.reserve(size->outputs);
    *workspace = handle.release();
    return {};
  });
}

void moe_workspace_release(moe_workspace *workspace) { delete workspace; }

uint32_t moe_workspace_kernel(const moe_workspace *workspace, size_t index,
                              moe_kernel_use *use) {
  if (!workspace || !use || !workspace->last)
    return 0;
  std::span<const core::KernelUse> used = workspace->gpu
                                              ? workspace->gpu->kernels()
                                              : workspace->workspace->kernels();
  if (index >= used.size())
    return 0;
  moe_kernel_use full{};
  full.size = use->size;
  full.name = workspace->last->variant()
                  .kernels()
                  ->Get(static_cast<flatbuffers::uoffset_t>(index))
                  ->name()
                  ->c_str();
  full.launches = used[index].launches;
  full.tasks = used[index].tasks;
  full.nanoseconds = used[index].nanoseconds;
  std::memcpy(use, &full, std::min(use->size, sizeof(full)));
  return 1;
}

moe_error *moe_run(const moe_bound *bound, const moe_named_tensor *inputs,
                   size_t numInputs, const moe_named_tensor *outputs,
                   size_t numOutputs, moe_workspace *workspace,
                   const moe_run_options *options) {
  return guarded([&]() -> Status {
    if (!bound || !workspace)
      return wrongUse("moe_run: null");
    Result<moe_run_options> how = take(options, "moe_run_options");
    if (!how)
      return how.takeError();
    cuda::Workspace *const gpu = workspace->gpu.get();
    const cuda::Module *const module = bound->module.get();
    if (module ? !gpu || !gpu->device().is(module->device()) : gpu != nullptr)
      return wrongUse("moe_run: the workspace is not on the program's device");
    core::Seat seat(workspace->busy);
    if (!seat)
      return core::Seat::taken();
    const int device = gpu ? gpu->device().ordinal() : -1;
    Status status =
        toOperands(inputs, numInputs, "input", device, workspace->inputs);
    if (status)
      status =
          toOperands(outputs, numOutputs, "output", device, workspace->outputs);
    if (!status)
      return status;
    workspace->last = bound->bound->sharedProgram();
    if (gpu)
      return cuda::run(
          *bound->bound, *module, workspace->inputs, workspace->outputs, *gpu,
          {static_cast<cuda::CuStream>(how->stream), how->timing != 0});
    return core::run(*bound->bound, workspace->inputs, workspace->outputs,
                     *workspace->workspace, {how->threads, how->timing != 0});
  });
}

moe_error *moe_workspace_wait(moe_workspace *workspace) {
  return guarded([&]() -> Status {
    if (!workspace)
      return wrongUse("moe_workspace_wait: null");
    core::Seat seat(workspace->busy);
    if (!seat)
      return core::Seat::taken();
    return workspace->gpu ? workspace->gpu->wait() : Status();
  });
}
