//===- RunTables.h - What one run is about ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Buffers and dimensions of a run, in the order of the program's tables, and
// the checks of what a caller gives. They are the same whatever runs the steps.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_RUNTABLES_H
#define MOE_RUNTIME_CORE_RUNTABLES_H

#include "moe/runtime/core/Program.h"

#include <span>
#include <string_view>
#include <vector>

namespace moe::core {

/// A tensor of the caller's: contiguous, row-major, any alignment. Inputs are
/// not written.
struct Operand {
  std::string_view name;
  DType dtype = DType::F32;
  std::span<const int64_t> shape;
  void *data = nullptr;
  /// `data` is an address on the program's GPU.
  bool onDevice = false;
};

/// What the last run did with one kernel.
struct KernelUse {
  uint32_t launches = 0;
  uint64_t tasks = 0;
  /// Only if the run was timed.
  uint64_t nanoseconds = 0;
};

struct RunTables {
  /// A buffer as a run sees it.
  struct Buffer {
    void *data = nullptr;
    size_t bytes = 0;
    bool onDevice = false;
  };

  /// Room for what runs of `size` fill in; they allocate nothing then.
  explicit RunTables(const WorkspaceSize &size);

  /// Finds inputs and outputs by name, learns the dimensions, and checks names,
  /// element types, shapes, bounds and aliases. The data of an output that is
  /// not asked for is null. Errors: WorkspaceTooSmall if the tables were made
  /// for another program, InputMissing, InputUnknown, InputDType, InputShape,
  /// OutputUnknown, BoundExceeded, BuffersAlias.
  Status take(const Program &program, std::span<const Operand> inputs,
              std::span<const Operand> outputs);

  std::vector<Buffer> inputs, outputs, slices;
  std::vector<int64_t> dims;
  std::vector<KernelUse> used;
  /// Buffers that a launch may have.
  size_t launchArgs;
};

/// `bytes` up to the next multiple of 64.
inline size_t roundUp64(size_t bytes) { return (bytes + 63) / 64 * 64; }

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_RUNTABLES_H
