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

#include "moe/runtime/core/Run.h"
#include "moe/runtime/core/DefaultFloats.h"
#include "moe/runtime/core/DimExpr.h"
#include "moe/runtime/core/Steps.h"

#include <algorithm>
#include <chrono>
#include <cstring>

using namespace moe;
using namespace moe::core;

namespace moe::core {

/// A run in progress.
class Run {
public:
  Run(const Bound &bound, Workspace &workspace, const RunOptions &options);
  Status run(std::span<const Operand> inputs, std::span<const Operand> outputs);

private:
  using Buffer = RunTables::Buffer;

  // Before the first step.
  Status placeBuffers();
  Status placeSlices(int64_t arena);

  // The steps.
  template <typename Each>
  friend Status core::runSteps(const abi::StepList &,
                               const std::vector<int64_t> &, Each &);
  Status launch(const abi::Launch &launch);
  Status copy(const abi::Copy &copy);
  Status check(const abi::Check &check);
  Buffer resolve(const abi::BufferRef &reference) const;
  std::optional<int64_t> readI64(const abi::BufferRef &reference) const;
  Error broken(const std::string &what) const;

  const Bound &bound;
  const Program &program;
  Workspace &workspace;
  RunTables &tables;
  uint32_t threads;
  bool timing;
  std::byte *scratch = nullptr;
  size_t scratchBytes = 0;
};

} // namespace moe::core

Run::Run(const Bound &bound, Workspace &workspace, const RunOptions &options)
    : bound(bound), program(bound.program()), workspace(workspace),
      tables(workspace.tables),
      threads(options.threads ? options.threads : workspace.capacity.threads),
      timing(options.timing) {}

Status Run::run(std::span<const Operand> inputs,
                std::span<const Operand> outputs) {
  Seat seat(workspace.busy);
  if (!seat)
    return Seat::taken();
  Status status = tables.take(program, inputs, outputs);
  if (status && threads > workspace.capacity.threads)
    status = Error(ErrorId::WorkspaceTooSmall,
                   "the workspace was made for " +
                       std::to_string(workspace.capacity.threads) +
                       " threads, the run asks for " + std::to_string(threads));
  if (status)
    status = placeBuffers();
  if (!status)
    return status;
  return runSteps(*program.table().steps(), tables.dims, *this);
}

/// Lays slices, outputs that nobody asked for and scratch out in the memory.
Status Run::placeBuffers() {
  const abi::Program &table = program.table();
  const int64_t arena = evaluate(*table.workspace(), tables.dims);
  if (arena < 0)
    return broken("the workspace has a negative size");
  std::byte *const memory = workspace.memory.data();
  size_t used = roundUp64(static_cast<size_t>(arena));
  for (flatbuffers::uoffset_t i = 0; i < table.outputs()->size(); ++i) {
    RunTables::Buffer &output = tables.outputs[i];
    if (output.data)
      continue;
    output.data = memory + used;
    used += roundUp64(output.bytes);
  }
  scratch = memory + used;
  scratchBytes = program.scratchBytes();
  used += scratchBytes * threads;
  if (used > workspace.memory.size())
    return Error(ErrorId::WorkspaceTooSmall,
                 "the run needs a workspace of " + std::to_string(used) +
                     " bytes, this one has " +
                     std::to_string(workspace.memory.size()) +
                     "; make it for larger dimensions or more threads");
  if (workspace.options.poison && used)
    std::fill_n(reinterpret_cast<uint32_t *>(memory), used / sizeof(kPoison),
                kPoison);
  return placeSlices(arena);
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
    const int64_t offset = evaluate(*slice.offset(), tables.dims);
    const int64_t bytes = evaluate(*slice.bytes(), tables.dims);
    if (offset < 0 || bytes < 0 || offset + bytes > arena)
      return broken("slice " + std::to_string(i) +
                    " lies outside of the workspace");
    tables.slices[i] = {workspace.memory.data() + offset,
                        static_cast<size_t>(bytes)};
  }
  return {};
}

Status Run::launch(const abi::Launch &launch) {
  int64_t tasks = 0;
  if (launch.tasks()) {
    tasks = evaluate(*launch.tasks(), tables.dims);
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
  const moe_kernel_args args{workspace.launchArgs.data(), tables.dims.data()};
  const moe_kernel_fn function = program.function(launch.kernel());
  std::byte *const scratch = this->scratch;
  const size_t scratchBytes = this->scratchBytes;

  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = timing ? Clock::now() : Clock::time_point();
  workspace.executor.run(static_cast<uint64_t>(tasks), threads,
                         [&](uint64_t first, uint64_t last, uint32_t worker) {
                           DefaultFloats floats;
                           function(&args, first, last, worker,
                                    scratch + worker * scratchBytes);
                         });
  KernelUse &use = tables.used[launch.kernel()];
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
  const int64_t bytes = evaluate(*copy.bytes(), tables.dims);
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
  return failedCheck(program.name(), check, *status);
}

Error moe::core::failedCheck(std::string_view program, const abi::Check &check,
                             int64_t status) {
  std::string text = "program " + quote(program) + ": ";
  if (check.message() && check.message()->size() > 0)
    text += check.message()->str();
  else
    text +=
        "the value at position " + std::to_string(status) + " is out of range";
  return Error(static_cast<ErrorId>(check.id()), text);
}

Status moe::core::run(const Bound &bound, std::span<const Operand> inputs,
                      std::span<const Operand> outputs, Workspace &workspace,
                      const RunOptions &options) {
  return Run(bound, workspace, options).run(inputs, outputs);
}
