//===- HostPacker.cpp - Weights packed by the host's kernels ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Straight from where the weights are stored to where they stay.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DefaultFloats.h"
#include "moe/runtime/core/OsMemory.h"
#include "moe/runtime/core/Packer.h"
#include "moe/runtime/core/Program.h"

#include <algorithm>
#include <cstring>

using namespace moe;
using namespace moe::core;

namespace {

class HostPacker final : public Packer {
public:
  explicit HostPacker(const Program &program) : program(program) {}

  Result<std::byte *> allocate(const abi::Param &param) override;
  Status start(uint32_t workers) override;
  Status pack(const PackUnit &unit, uint32_t worker) override;
  Status finish() override {
    workers.clear();
    return {};
  }

private:
  struct Worker {
    std::vector<void *> buffers;
    os::Memory scratch;
  };
  const Program &program;
  std::vector<os::Memory> params;
  size_t scratchBytes = 0;
  std::vector<Worker> workers;
};

} // namespace

Result<std::byte *> HostPacker::allocate(const abi::Param &param) {
  Result<os::Memory> memory = os::Memory::allocate(
      param.bytes(), "parameter " + quote(param.name()->string_view()));
  if (!memory)
    return memory.takeError();
  if (param.kernel() >= 0)
    scratchBytes = std::max<size_t>(
        scratchBytes,
        program.variant()
            .kernels()
            ->Get(static_cast<flatbuffers::uoffset_t>(param.kernel()))
            ->scratch());
  params.push_back(*std::move(memory));
  return params.back().data();
}

Status HostPacker::start(uint32_t count) {
  workers.resize(count);
  for (Worker &worker : workers) {
    Result<os::Memory> memory =
        os::Memory::allocate(scratchBytes, "scratch of weight packing");
    if (!memory)
      return memory.takeError();
    worker.scratch = *std::move(memory);
  }
  return {};
}

Status HostPacker::pack(const PackUnit &unit, uint32_t number) {
  const abi::Param &param = *unit.param;
  if (param.kernel() < 0) {
    const size_t size =
        byteSize(static_cast<DType>(param.sources()->Get(0)->dtype()));
    const std::byte *source = unit.sources[0].data();
    std::byte *target = unit.target;
    unit.view->forEachRun([&](int64_t offset, int64_t run) {
      const size_t bytes = static_cast<size_t>(run) * size;
      std::memcpy(target, source + static_cast<size_t>(offset) * size, bytes);
      target += bytes;
    });
    return {};
  }
  Worker &worker = workers[number];
  worker.buffers.clear();
  for (std::span<const std::byte> source : unit.sources)
    worker.buffers.push_back(const_cast<std::byte *>(source.data()));
  worker.buffers.push_back(unit.target);
  const moe_kernel_args args{worker.buffers.data(), nullptr};
  DefaultFloats floats;
  program.function(static_cast<uint32_t>(param.kernel()))(
      &args, 0, param.tasks(), number, worker.scratch.data());
  return {};
}

std::unique_ptr<Packer> moe::core::hostPacker(const Program &program) {
  return std::make_unique<HostPacker>(program);
}
