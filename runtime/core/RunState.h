//===- RunState.h - A run in progress ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared by the entry checks and the steps; nobody else includes this.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_RUNSTATE_H
#define MOE_RUNTIME_CORE_RUNSTATE_H

#include "moe/runtime/core/Run.h"

namespace moe::core {

class Run {
public:
  Run(const Bound &bound, Workspace &workspace, const RunOptions &options);
  Status run(std::span<const Operand> inputs, std::span<const Operand> outputs);

private:
  using Buffer = Workspace::Buffer;

  // Before the first step.
  Status checkWorkspace();
  Status takeInputs(std::span<const Operand> inputs);
  Status takeInput(const abi::Arg &arg, const Operand &operand);
  Status takeOutputs(std::span<const Operand> outputs);
  Status checkAliases();
  Status placeBuffers();
  Status placeSlices(int64_t arena);

  // The steps.
  Status execute(const abi::StepList &list);
  Status launch(const abi::Launch &launch);
  Status copy(const abi::Copy &copy);
  Status check(const abi::Check &check);
  Buffer resolve(const abi::BufferRef &reference) const;
  std::optional<int64_t> readI64(const abi::BufferRef &reference) const;
  Error broken(const std::string &what) const;

  const Bound &bound;
  const Program &program;
  Workspace &workspace;
  uint32_t threads;
  bool timing;
  std::byte *scratch = nullptr;
  size_t scratchBytes = 0;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_RUNSTATE_H
