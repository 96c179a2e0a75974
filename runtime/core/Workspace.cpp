//===- Workspace.cpp - The memory of a run ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything is made here, so that nothing is left to make while running.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Workspace.h"

using namespace moe::core;

Error Seat::taken() {
  return {ErrorId::WorkspaceBusy, "another run is using the workspace; runs at "
                                  "the same time need one each"};
}

Result<std::unique_ptr<Workspace>> Workspace::create(const WorkspaceSize &size,
                                                     WorkspaceOptions options) {
  std::unique_ptr<Workspace> workspace(new Workspace(size));
  Result<os::Memory> memory =
      os::Memory::allocate(size.bytes(), "the workspace");
  if (!memory)
    return memory.takeError();
  workspace->memory = *std::move(memory);
  workspace->executor =
      options.executor ? *options.executor : workspace->pool.executor();
  if (!options.executor)
    // Threads start with the first loop that wants them: this one.
    workspace->executor.run(size.threads, size.threads,
                            [](uint64_t, uint64_t, uint32_t) {});
  workspace->options = std::move(options);
  return workspace;
}
