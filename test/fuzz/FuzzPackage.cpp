//===- FuzzPackage.cpp - The package reader and the executor ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any bytes under a valid header are an error with a text, or a package whose
// programs can be bound and run: kernels that do nothing stand in for the code,
// so that every address and length that the executor makes is the package's.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Run.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include <cstdlib>
#include <cstring>

namespace moe::test {
using namespace core;

/// The first byte chooses: the rest is a FlatBuffer, or a list of changes to
/// the sample's (position, position, value).
static std::string fileOf(const uint8_t *data, size_t size) {
  if (size == 0 || data[0] % 2 == 0)
    return writePackage(
        std::span<const uint8_t>(data + (size != 0), size - (size != 0)));
  static const std::string sample = writePackage(samplePackage());
  std::vector<uint8_t> payload(sample.begin() + packageHeaderBytes,
                               sample.end());
  for (size_t i = 1; i + 3 <= size; i += 3)
    payload[(data[i] * size_t(256) + data[i + 1]) % payload.size()] =
        data[i + 2];
  return writePackage(std::span<const uint8_t>(payload));
}

static void check(const Status &status) {
  if (!status && status.error().message.empty())
    std::abort();
}

/// Weights of more than a megabyte show nothing new.
static bool isSmall(const Program &program) {
  size_t total = 0;
  for (const uint32_t index : program.params()) {
    const abi::Param &param = *program.variant().params()->Get(index);
    total += param.bytes() + param.units();
    for (const abi::Source *source : *param.sources()) {
      const auto &shape = *source->stored_shape();
      total += *checkedBytes(static_cast<DType>(source->dtype()),
                             {shape.begin(), shape.end()});
    }
    if (total > (size_t(1) << 20))
      return false;
  }
  return true;
}

static void runOnce(const Bound &bound, int64_t size) {
  const Program &program = bound.program();
  std::vector<int64_t> dims;
  for (const int64_t limit : program.bounds())
    dims.push_back(std::min(limit, size));
  Result<WorkspaceSize> needed = program.workspaceSize(dims, 1);
  if (!needed || needed->bytes() > (size_t(1) << 22))
    return;
  Result<std::unique_ptr<Workspace>> workspace =
      Workspace::create(*needed, {{}, size % 2 == 0});
  if (!workspace)
    return;
  // Each tensor in memory of its own, of exactly its size.
  std::vector<std::vector<int64_t>> shapes;
  std::vector<std::unique_ptr<char[]>> memory;
  auto operands = [&](const auto &args) {
    std::vector<Operand> list;
    for (const abi::Arg *arg : args) {
      std::vector<int64_t> shape;
      for (flatbuffers::uoffset_t i = 0; i < arg->sizes()->size(); ++i) {
        const int32_t dim = arg->dims()->Get(i);
        shape.push_back(dim < 0 ? arg->sizes()->Get(i)
                                : dims[static_cast<size_t>(dim)]);
      }
      const auto bytes = static_cast<size_t>(argBytes(*arg, dims));
      if (bytes > (size_t(1) << 20))
        return std::optional<std::vector<Operand>>();
      shapes.push_back(std::move(shape));
      memory.push_back(std::make_unique<char[]>(bytes));
      list.push_back({arg->name()->string_view(),
                      static_cast<DType>(arg->dtype()), shapes.back(),
                      memory.back().get()});
    }
    return std::optional(std::move(list));
  };
  shapes.reserve(program.table().inputs()->size() +
                 program.table().outputs()->size());
  auto inputs = operands(*program.table().inputs());
  auto outputs = operands(*program.table().outputs());
  if (inputs && outputs)
    check(run(bound, *inputs, *outputs, **workspace));
}

static void runAll(const std::shared_ptr<const Package> &package) {
  const auto &variants = *package->root().variants();
  for (size_t v = 0; v < variants.size(); ++v) {
    const abi::Variant &variant =
        *variants[static_cast<flatbuffers::uoffset_t>(v)];
    auto code = std::make_shared<KernelCode>();
    code->functions.assign(
        variant.kernels()->size(),
        [](const moe_kernel_args *, uint64_t, uint64_t, uint32_t, void *) {});
    for (const abi::Program *table : *variant.programs()) {
      Result<std::shared_ptr<const Program>> program =
          Program::create(package, v, table->name()->string_view(), code);
      if (!program) {
        check(program.takeError());
        continue;
      }
      if (!isSmall(**program))
        continue;
      ThreadPool pool;
      Result<std::shared_ptr<const Bound>> bound =
          bind(*program, randomWeights(1).get(), {pool.executor(), 1, {}});
      if (!bound) {
        check(bound.takeError());
        continue;
      }
      for (const int64_t size : {0, 3, 8})
        runOnce(**bound, size);
    }
  }
}

} // namespace moe::test

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace moe::test;
  Result<std::shared_ptr<const Package>> package =
      Package::fromBytes(fileOf(data, size), "fuzz.moe");
  if (package)
    runAll(*package);
  else
    check(package.takeError());
  return 0;
}
