//===- Run.cpp - One run of a program on a GPU ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing is read back between steps: task counts are affine in the dimensions
// and whatever else depends on data is decided by the kernels.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Run.h"
#include "moe/runtime/core/DimExpr.h"
#include "moe/runtime/core/Steps.h"
#include "moe/runtime/core/Workspace.h"
#include "moe/runtime/cuda/TensorMap.h"

#include <algorithm>

using namespace moe;
using namespace moe::cuda;
using core::Error;
using core::ErrorId;
using core::Status;

namespace {

/// What a buffer must begin at a multiple of.
constexpr uintptr_t bufferAlignment = 16;

CuDevicePtr address(const void *data) {
  return reinterpret_cast<CuDevicePtr>(data);
}

} // namespace

namespace moe::cuda {

/// A run in progress.
class Run {
public:
  Run(const core::Bound &bound, const Module &module, Workspace &workspace,
      const RunOptions &options)
      : bound(bound), program(bound.program()), module(module),
        workspace(workspace), tables(workspace.tables),
        driver(module.device().driver()), stream(options.stream),
        timing(options.timing) {}
  Status run(std::span<const core::Operand> inputs,
             std::span<const core::Operand> outputs);

private:
  using Buffer = core::RunTables::Buffer;

  Status placeBuffers();
  Status placeOutput(size_t index, size_t &used);
  Status placeInput(Buffer &input, size_t &used);
  Status placeSlices(int64_t arena);
  Status fetchOutputs();

  template <typename Each>
  friend Status core::runSteps(const abi::StepList &,
                               const std::vector<int64_t> &, Each &);
  Status launch(const abi::Launch &launch);
  Status copy(const abi::Copy &copy);
  Status check(const abi::Check &check);
  Buffer resolve(const abi::BufferRef &reference) const;
  Error broken(const std::string &what) const;
  /// The place `used` in the workspace, and past it; null past its end.
  void *take(size_t bytes, size_t &used);

  const core::Bound &bound;
  const core::Program &program;
  const Module &module;
  Workspace &workspace;
  core::RunTables &tables;
  const Driver &driver;
  const CuStream stream;
  const bool timing;
  bool host = false; ///< tensors in host memory take part
};

} // namespace moe::cuda

Status Run::run(std::span<const core::Operand> inputs,
                std::span<const core::Operand> outputs) {
  core::Seat seat(workspace.busy);
  if (!seat)
    return core::Seat::taken();
  Status status = tables.take(program, inputs, outputs);
  if (status && (program.checks() > workspace.checked.size() ||
                 module.tensorMaps() > workspace.maps.size()))
    status = Error(ErrorId::WorkspaceTooSmall,
                   "the workspace was made for another program, which has "
                   "fewer checks or tensor maps than " +
                       core::quote(program.name()));
  if (!status)
    return status;
  Current current(module.device());
  if (!current.status())
    return current.status();
  workspace.checks = 0;
  workspace.stream = stream;
  workspace.last = bound.sharedProgram();
  status = placeBuffers();
  if (status)
    status = core::runSteps(*program.table().steps(), tables.dims, *this);
  if (status)
    status = fetchOutputs();
  if (!host)
    return status;
  // The caller's memory is in use until then, whatever went wrong.
  Status finished = workspace.wait();
  return status ? finished : status;
}

Error Run::broken(const std::string &what) const {
  return {ErrorId::PackageCorrupt,
          core::quote(program.package().name()) + ": program " +
              core::quote(program.name()) + ": " + what};
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

void *Run::take(size_t bytes, size_t &used) {
  const size_t begin = used;
  used += core::roundUp64(bytes);
  return reinterpret_cast<void *>(workspace.memory.data() + begin);
}

Status Run::placeBuffers() {
  const abi::Program &table = program.table();
  const int64_t arena = core::evaluate(*table.workspace(), tables.dims);
  if (arena < 0)
    return broken("the workspace has a negative size");
  // Looked at before anything is written.
  size_t needed = core::roundUp64(static_cast<size_t>(arena));
  for (size_t i = 0; i < table.outputs()->size(); ++i)
    needed += core::roundUp64(tables.outputs[i].bytes);
  for (size_t i = 0; i < table.inputs()->size(); ++i)
    needed += core::roundUp64(tables.inputs[i].bytes);
  if (needed > workspace.memory.size())
    return Error(ErrorId::WorkspaceTooSmall,
                 "the run needs a workspace of " + std::to_string(needed) +
                     " bytes, this one has " +
                     std::to_string(workspace.memory.size()) +
                     "; make it for larger dimensions");
  if (workspace.poison && needed)
    if (Status status = driver.checked(
            driver.cuMemsetD32Async(workspace.memory.data(), core::kPoison,
                                    needed / sizeof(core::kPoison), stream),
            [] { return "filling the workspace"; });
        !status)
      return status;
  size_t used = core::roundUp64(static_cast<size_t>(arena));
  for (size_t i = 0; i < table.outputs()->size(); ++i)
    if (Status status = placeOutput(i, used); !status)
      return status;
  for (size_t i = 0; i < table.inputs()->size(); ++i)
    if (Status status = placeInput(tables.inputs[i], used); !status)
      return status;
  return placeSlices(arena);
}

Status Run::placeOutput(size_t index, size_t &used) {
  Buffer &output = tables.outputs[index];
  Buffer &fetched = workspace.fetched[index];
  fetched = {};
  if (output.data && output.onDevice &&
      address(output.data) % bufferAlignment == 0)
    return {};
  if (output.data && output.bytes) {
    fetched = output;
    host |= !output.onDevice;
  }
  output.data = take(output.bytes, used);
  return {};
}

Status Run::placeInput(Buffer &input, size_t &used) {
  if (input.onDevice && address(input.data) % bufferAlignment == 0)
    return {};
  void *const given = input.data;
  input.data = take(input.bytes, used);
  if (input.bytes == 0)
    return {};
  host |= !input.onDevice;
  return driver.checked(
      input.onDevice
          ? driver.cuMemcpyDtoDAsync(address(input.data), address(given),
                                     input.bytes, stream)
          : driver.cuMemcpyHtoDAsync(address(input.data), given, input.bytes,
                                     stream),
      [] { return "an input could not be copied"; });
}

Status Run::placeSlices(int64_t arena) {
  const abi::Program &table = program.table();
  for (flatbuffers::uoffset_t i = 0; i < table.slices()->size(); ++i) {
    const abi::Slice &slice = *table.slices()->Get(i);
    const int64_t offset = core::evaluate(*slice.offset(), tables.dims);
    const int64_t bytes = core::evaluate(*slice.bytes(), tables.dims);
    if (offset < 0 || bytes < 0 || offset + bytes > arena)
      return broken("slice " + std::to_string(i) +
                    " lies outside of the workspace");
    tables.slices[i] = {
        reinterpret_cast<void *>(workspace.memory.data() +
                                 static_cast<CuDevicePtr>(offset)),
        static_cast<size_t>(bytes), true};
  }
  return {};
}

Status Run::fetchOutputs() {
  for (size_t i = 0; i < program.table().outputs()->size(); ++i) {
    const Buffer &wanted = workspace.fetched[i];
    if (!wanted.data)
      continue;
    const CuDevicePtr made = address(tables.outputs[i].data);
    if (Status status = driver.checked(
            wanted.onDevice
                ? driver.cuMemcpyDtoDAsync(address(wanted.data), made,
                                           wanted.bytes, stream)
                : driver.cuMemcpyDtoHAsync(wanted.data, made, wanted.bytes,
                                           stream),
            [] { return "an output could not be copied"; });
        !status)
      return status;
  }
  return {};
}

Run::Buffer Run::resolve(const abi::BufferRef &reference) const {
  switch (reference.kind()) {
  case abi::BufferKind::Input:
    return tables.inputs[reference.index()];
  case abi::BufferKind::Output:
    return tables.outputs[reference.index()];
  case abi::BufferKind::Slice:
    return tables.slices[reference.index()];
  default:
    return {bound.param(reference.index()),
            program.variant().params()->Get(reference.index())->bytes(), true};
  }
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Status Run::launch(const abi::Launch &launch) {
  int64_t tasks = core::evaluate(*launch.tasks(), tables.dims);
  if (tasks == 0)
    return {};
  if (tasks < 0)
    return broken("a launch has " + std::to_string(tasks) + " tasks");
  const Module::Kernel &kernel = module.kernels()[launch.kernel()];

  size_t count = 0;
  for (flatbuffers::uoffset_t i = 0; i < launch.args()->size(); ++i) {
    workspace.buffers[i] = address(resolve(*launch.args()->Get(i)).data);
    workspace.parameters[count++] = &workspace.buffers[i];
  }
  for (size_t i = 0; i < program.bounds().size(); ++i)
    workspace.parameters[count++] = &tables.dims[i];
  workspace.parameters[count++] = &tasks;
  if (const auto *maps = kernel.table->cuda()->tensor_maps())
    for (flatbuffers::uoffset_t i = 0; i < maps->size(); ++i) {
      const abi::TensorMap &map = *maps->Get(i);
      if (Status status = encodeTensorMap(
              driver, map, workspace.buffers[map.arg()], tables.dims,
              kernel.table->name()->string_view(), workspace.maps[i]);
          !status)
        return status;
      workspace.parameters[count++] = &workspace.maps[i];
    }

  if (timing)
    driver.cuEventRecord(workspace.begin.get(), stream);
  Status status =
      module.launch(kernel, tasks, workspace.parameters.data(), stream);
  if (!status)
    return status;
  core::KernelUse &use = tables.used[launch.kernel()];
  ++use.launches;
  use.tasks += static_cast<uint64_t>(tasks);
  if (!timing)
    return {};
  float milliseconds = 0;
  driver.cuEventRecord(workspace.end.get(), stream);
  status = driver.checked(driver.cuEventSynchronize(workspace.end.get()), [&] {
    return "running kernel " + core::quote(kernel.table->name()->string_view());
  });
  if (status &&
      driver.cuEventElapsedTime(&milliseconds, workspace.begin.get(),
                                workspace.end.get()) == CuResult::Success)
    use.nanoseconds += static_cast<uint64_t>(milliseconds * 1e6);
  return status;
}

Status Run::copy(const abi::Copy &copy) {
  const Buffer source = resolve(*copy.source());
  const Buffer target = resolve(*copy.target());
  const int64_t bytes = core::evaluate(*copy.bytes(), tables.dims);
  if (bytes < 0 || static_cast<size_t>(bytes) > source.bytes ||
      static_cast<size_t>(bytes) > target.bytes)
    return broken("a copy of " + std::to_string(bytes) +
                  " bytes exceeds its buffers");
  if (bytes == 0)
    return {};
  return driver.checked(
      driver.cuMemcpyDtoDAsync(address(target.data), address(source.data),
                               static_cast<size_t>(bytes), stream),
      [] { return "a buffer could not be copied"; });
}

/// The status goes to the host with the run; Workspace::wait() looks at it.
Status Run::check(const abi::Check &check) {
  const Buffer status = resolve(*check.status());
  if (status.bytes < sizeof(int64_t))
    return broken("a status is no i64");
  const size_t index = workspace.checks++;
  workspace.checked[index] = &check;
  return driver.checked(driver.cuMemcpyDtoHAsync(
                            workspace.statuses.data() + index * sizeof(int64_t),
                            address(status.data), sizeof(int64_t), stream),
                        [] { return "a status could not be copied"; });
}

Status moe::cuda::run(const core::Bound &bound, const Module &module,
                      std::span<const core::Operand> inputs,
                      std::span<const core::Operand> outputs,
                      Workspace &workspace, const RunOptions &options) {
  return Run(bound, module, workspace, options).run(inputs, outputs);
}
