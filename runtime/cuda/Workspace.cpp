//===- Workspace.cpp - The device memory that runs use ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One allocation on the device, and host tables of their final size.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Workspace.h"

#include "moe/runtime/core/Steps.h"
#include "moe/runtime/core/Workspace.h"

#include <cstring>

using namespace moe;
using namespace moe::cuda;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

Workspace::Workspace(const Module &module, const core::WorkspaceSize &size)
    : owner(module.sharedDevice()), capacity(size), tables(size),
      fetched(size.outputs), buffers(size.launchArgs), checked(size.checks) {
  maps.resize(module.tensorMaps());
  parameters.resize(size.launchArgs + size.dims + 1 + maps.size());
}

Result<std::unique_ptr<Workspace>>
Workspace::create(const Module &module, const core::WorkspaceSize &size,
                  bool poison) {
  std::shared_ptr<const Device> device = module.sharedDevice();
  std::unique_ptr<Workspace> workspace(new Workspace(module, size));
  Current current(*device);
  if (!current.status())
    return current.status().error();
  Result<DeviceMemory> memory =
      DeviceMemory::allocate(device, bytes(size), "the workspace");
  if (!memory)
    return memory.takeError();
  workspace->memory = *std::move(memory);
  Result<PinnedMemory> statuses = PinnedMemory::allocate(
      device, size.checks * sizeof(int64_t), "the workspace");
  if (!statuses)
    return statuses.takeError();
  workspace->statuses = *std::move(statuses);
  for (Event *event : {&workspace->begin, &workspace->end}) {
    Result<Event> made = Event::create(device);
    if (!made)
      return made.takeError();
    *event = *std::move(made);
  }
  workspace->poison = poison;
  return workspace;
}

Status Workspace::wait() {
  if (!last)
    return {};
  const Driver &driver = owner->driver();
  Current current(*owner);
  if (!current.status())
    return current.status();
  if (Status status = driver.checked(
          driver.cuStreamSynchronize(stream),
          [&] { return "running program " + core::quote(last->name()); });
      !status)
    return status;
  for (size_t i = 0; i < checks; ++i) {
    int64_t found;
    std::memcpy(&found, statuses.data() + i * sizeof(found), sizeof(found));
    if (found != -1)
      return core::failedCheck(last->name(), *checked[i], found);
  }
  return {};
}
