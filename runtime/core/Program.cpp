//===- Program.cpp - A function of a package, ready to be bound and run -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One walk over the steps collects what run() and bind() would otherwise look
// for each time.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Program.h"
#include "moe/runtime/core/DimExpr.h"
#include "moe/runtime/core/Spelling.h"

#include <algorithm>

using namespace moe;
using namespace moe::core;

Result<std::shared_ptr<const KernelCode>>
moe::core::loadKernels(const Package &package, size_t variantIndex,
                       bool perfMap) {
  const abi::Variant &variant = *package.root().variants()->Get(
      static_cast<flatbuffers::uoffset_t>(variantIndex));
  auto code = std::make_shared<KernelCode>();
  if (variant.kernels()->size() == 0)
    return std::shared_ptr<const KernelCode>(std::move(code));
  std::span<const uint8_t> bytes;
  for (const abi::Code *part : *variant.code())
    if (part->kind() == abi::CodeKind::CpuImage)
      bytes = {part->bytes()->data(), part->bytes()->size()};
  std::vector<abi::CodeEntry> entries;
  for (const abi::Kernel *kernel : *variant.kernels())
    entries.push_back({kernel->name()->str(), kernel->entry(), kernel->size()});
  Result<LoadedCode> loaded = LoadedCode::load(bytes, entries);
  if (!loaded)
    return loaded.takeError();
  if (perfMap)
    if (Status told = appendPerfMap(*loaded, entries); !told)
      return told.takeError();
  code->image = *std::move(loaded);
  for (size_t i = 0; i < entries.size(); ++i)
    code->functions.push_back(code->image->function(i));
  return std::shared_ptr<const KernelCode>(std::move(code));
}

Result<std::shared_ptr<const Program>>
Program::create(std::shared_ptr<const Package> package, size_t variant,
                std::string_view function,
                std::shared_ptr<const KernelCode> code) {
  std::shared_ptr<Program> result(new Program);
  result->holder = std::move(package);
  result->code = std::move(code);
  result->chosen = variant;

  std::vector<std::string> names;
  for (const abi::Program *candidate : *result->variant().programs()) {
    names.push_back(candidate->name()->str());
    if (function.empty() || names.back() == function)
      result->program = candidate;
  }
  if (!result->program || (function.empty() && names.size() != 1)) {
    std::string list;
    for (const std::string &name : names)
      list += (list.empty() ? "" : ", ") + quote(name);
    const std::string file = quote(result->holder->name());
    if (names.empty())
      return Error(ErrorId::FunctionNotFound,
                   file + ": the package holds no function");
    if (function.empty())
      return Error(ErrorId::FunctionNotFound,
                   file + " holds several functions, name one of " + list);
    return Error(ErrorId::FunctionNotFound,
                 file + " has no function " + quote(function) + ", but " +
                     list + didYouMean(function, names));
  }

  for (const abi::Dim *dim : *result->program->dims())
    result->dimBounds.push_back(dim->bound());
  result->visit(*result->program->steps());
  std::vector<uint32_t> &used = result->usedParams;
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  return std::shared_ptr<const Program>(std::move(result));
}

void Program::visit(const abi::StepList &list) {
  auto name = [&](const abi::BufferRef *buffer) {
    if (buffer->kind() == abi::BufferKind::Param)
      usedParams.push_back(buffer->index());
  };
  for (const abi::Step *step : *list.steps()) {
    if (const abi::Launch *launch = step->body_as_Launch()) {
      for (const abi::BufferRef *buffer : *launch->args())
        name(buffer);
      if (launch->count())
        name(launch->count());
      maxLaunchArgs = std::max<size_t>(maxLaunchArgs, launch->args()->size());
      const uint64_t bytes =
          variant().kernels()->Get(launch->kernel())->scratch();
      maxScratch = std::max<size_t>(maxScratch, (bytes + 63) / 64 * 64);
    } else if (const abi::Copy *copy = step->body_as_Copy()) {
      name(copy->source());
      name(copy->target());
    } else if (const abi::Check *check = step->body_as_Check()) {
      name(check->status());
      ++checkSteps;
    } else if (const abi::Switch *choice = step->body_as_Switch()) {
      for (const abi::StepList *nested : *choice->cases())
        visit(*nested);
    }
  }
}

int64_t moe::core::argBytes(const abi::Arg &arg,
                            std::span<const int64_t> dims) {
  auto bytes = static_cast<int64_t>(byteSize(static_cast<DType>(arg.dtype())));
  for (flatbuffers::uoffset_t i = 0; i < arg.sizes()->size(); ++i) {
    const int32_t dim = arg.dims()->Get(i);
    bytes *= dim < 0 ? arg.sizes()->Get(i) : dims[static_cast<size_t>(dim)];
  }
  return bytes;
}

Result<WorkspaceSize> Program::workspaceSize(std::span<const int64_t> largest,
                                             uint32_t threads) const {
  for (size_t i = 0; i < dimBounds.size(); ++i)
    if (largest[i] < 0 || largest[i] > dimBounds[i])
      return Error(ErrorId::BoundExceeded,
                   "a workspace for " + program->dims()->Get(i)->name()->str() +
                       " = " + std::to_string(largest[i]) +
                       " is asked for; the program's bound is " +
                       std::to_string(dimBounds[i]));
  WorkspaceSize size;
  // Checked for the bounds, so it holds for less.
  Result<DimRange> arena = rangeOf(*program->workspace(), largest);
  if (!arena)
    return arena.takeError();
  size.arena =
      (static_cast<size_t>(std::max<int64_t>(arena->high, 0)) + 63) / 64 * 64;
  for (const abi::Arg *output : *program->outputs())
    size.spareOutputs +=
        (static_cast<size_t>(argBytes(*output, largest)) + 63) / 64 * 64;
  for (const abi::Arg *input : *program->inputs())
    size.inputCopies +=
        (static_cast<size_t>(argBytes(*input, largest)) + 63) / 64 * 64;
  size.scratch = maxScratch;
  size.threads = std::max(threads, 1u);
  size.inputs = program->inputs()->size();
  size.outputs = program->outputs()->size();
  size.slices = program->slices()->size();
  size.launchArgs = maxLaunchArgs;
  size.dims = dimBounds.size();
  size.kernels = variant().kernels()->size();
  size.checks = checkSteps;
  size_t total = 0;
  if (__builtin_mul_overflow(size.scratch, size_t(size.threads), &total) ||
      __builtin_add_overflow(total, size.arena, &total) ||
      __builtin_add_overflow(total, size.spareOutputs, &total) ||
      __builtin_add_overflow(total, size.inputCopies, &total))
    return Error(ErrorId::OutOfMemory,
                 "the workspace needs more bytes than there are addresses");
  return size;
}
