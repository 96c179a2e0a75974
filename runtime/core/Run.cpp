//===- Run.cpp - The program executor ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Entry checks are in RunEntry.cpp; here are the steps. What depends on the
// dimensions alone (offsets, lengths of copies) is compared with the memory
// there is before it is used, so that a wrong program is an error and not a
// wild write; what kernels do is their compiler's word.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DimExpr.h"
#include "moe/runtime/core/RunState.h"

#include <chrono>
#include <cstring>

using namespace moe;
using namespace moe::core;

Run::Buffer Run::resolve(const abi::BufferRef &reference) const {
  switch (reference.kind()) {
  case abi::BufferKind::Input:
    return workspace.inputs[reference.index()];
  case abi::BufferKind::Output:
    return workspace.outputs[reference.index()];
  case abi::BufferKind::Slice:
    return workspace.slices[reference.index()];
  default:
    return {bound.param(reference.index()),
            program.variant().params()->Get(reference.index())->bytes()};
  }
}

Error Run::broken(const std::string &what) const {
  return {ErrorId::PackageCorrupt, quote(program.package().name()) +
                                       ": program " + quote(program.name()) +
                                       ": " + what};
}

/// An i64 that a kernel wrote, wherever it lies.
std::optional<int64_t> Run::readI64(const abi::BufferRef &reference) const {
  const Buffer buffer = resolve(reference);
  int64_t value;
  if (buffer.bytes < sizeof(value))
    return std::nullopt;
  std::memcpy(&value, buffer.data, sizeof(value));
  return value;
}

Status Run::placeSlices(int64_t arena) {
  const abi::Program &table = program.table();
  for (flatbuffers::uoffset_t i = 0; i < table.slices()->size(); ++i) {
    const abi::Slice &slice = *table.slices()->Get(i);
    const int64_t offset = evaluate(*slice.offset(), workspace.dims);
    const int64_t bytes = evaluate(*slice.bytes(), workspace.dims);
    if (offset < 0 || bytes < 0 || offset + bytes > arena)
      return broken("slice " + std::to_string(i) +
                    " lies outside of the workspace");
    workspace.slices[i] = {workspace.memory.data() + offset,
                           static_cast<size_t>(bytes)};
  }
  return {};
}

Status Run::execute(const abi::StepList &list) {
  for (const abi::Step *step : *list.steps()) {
    Status status;
    switch (step->body_type()) {
    case abi::StepBody::Launch:
      status = launch(*step->body_as_Launch());
      break;
    case abi::StepBody::Copy:
      status = copy(*step->body_as_Copy());
      break;
    case abi::StepBody::Check:
      status = check(*step->body_as_Check());
      break;
    default: {
      const abi::Switch &choice = *step->body_as_Switch();
      const int64_t value = workspace.dims[choice.dim()];
      flatbuffers::uoffset_t i = 0;
      while (i < choice.buckets()->size() && value >= choice.buckets()->Get(i))
        ++i;
      status = execute(*choice.cases()->Get(i));
    }
    }
    if (!status)
      return status;
  }
  return {};
}

Status Run::launch(const abi::Launch &launch) {
  int64_t tasks = 0;
  if (launch.tasks()) {
    tasks = evaluate(*launch.tasks(), workspace.dims);
  } else {
    std::optional<int64_t> count = readI64(*launch.count());
    if (!count || __builtin_mul_overflow(*count, launch.multiplier(), &tasks))
      return broken("a launch has a count that is no i64");
  }
  if (tasks == 0)
    return {};
  if (tasks < 0)
    return broken("a launch has " + std::to_string(tasks) + " tasks");

  for (flatbuffers::uoffset_t i = 0; i < launch.args()->size(); ++i)
    workspace.launchArgs[i] = resolve(*launch.args()->Get(i)).data;
  const moe_kernel_args args{workspace.launchArgs.data(),
                             workspace.dims.data()};
  const moe_kernel_fn function = program.function(launch.kernel());
  std::byte *const scratch = this->scratch;
  const size_t scratchBytes = this->scratchBytes;

  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = timing ? Clock::now() : Clock::time_point();
  workspace.executor.run(static_cast<uint64_t>(tasks), threads,
                         [&](uint64_t first, uint64_t last, uint32_t worker) {
                           function(&args, first, last, worker,
                                    scratch + worker * scratchBytes);
                         });
  KernelUse &use = workspace.used[launch.kernel()];
  ++use.launches;
  use.tasks += static_cast<uint64_t>(tasks);
  if (timing)
    use.nanoseconds += static_cast<uint64_t>(
        std::chrono::nanoseconds(Clock::now() - begin).count());
  return {};
}

Status Run::copy(const abi::Copy &copy) {
  const Buffer source = resolve(*copy.source());
  const Buffer target = resolve(*copy.target());
  const int64_t bytes = evaluate(*copy.bytes(), workspace.dims);
  if (bytes < 0 || static_cast<size_t>(bytes) > source.bytes ||
      static_cast<size_t>(bytes) > target.bytes)
    return broken("a copy of " + std::to_string(bytes) +
                  " bytes exceeds its buffers");
  if (bytes == 0)
    return {};
  // Pieces that keep a thread busy for about as long as handing it over takes.
  constexpr uint64_t piece = uint64_t(256) << 10;
  const auto length = static_cast<uint64_t>(bytes);
  workspace.executor.run(
      (length + piece - 1) / piece, threads,
      [&](uint64_t first, uint64_t last, uint32_t) {
        const uint64_t begin = first * piece;
        std::memmove(static_cast<std::byte *>(target.data) + begin,
                     static_cast<const std::byte *>(source.data) + begin,
                     std::min(last * piece, length) - begin);
      });
  return {};
}

Status Run::check(const abi::Check &check) {
  std::optional<int64_t> status = readI64(*check.status());
  if (!status)
    return broken("a status is no i64");
  if (*status == -1)
    return {};
  return Error(static_cast<ErrorId>(check.id()),
               "program " + quote(program.name()) + ": the value at position " +
                   std::to_string(*status) + " is out of range");
}

Status moe::core::run(const Bound &bound, std::span<const Operand> inputs,
                      std::span<const Operand> outputs, Workspace &workspace,
                      const RunOptions &options) {
  return Run(bound, workspace, options).run(inputs, outputs);
}
