//===- Program.h - A function of a package, ready to be bound and run -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is worked out once: the functions behind the kernels, the parameters
// that the steps name, and how much memory a run needs for which dimensions.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_PROGRAM_H
#define MOE_RUNTIME_CORE_PROGRAM_H

#include "moe/runtime/core/CodeLoader.h"
#include "moe/runtime/core/DType.h"
#include "moe/runtime/core/Package.h"

#include <optional>
#include <vector>

namespace moe::core {

/// The functions behind the kernels of a variant, in the order of its table.
struct KernelCode {
  std::vector<moe_kernel_fn> functions;
  /// Holds the functions, unless somebody else does.
  std::optional<LoadedCode> image;
};

/// Loads the CPU image of variant `variant`, and tells perf the kernels' names
/// if `perfMap`. Errors: CodeNotExecutable; FileUnwritable for perf's file.
Result<std::shared_ptr<const KernelCode>>
loadKernels(const Package &package, size_t variant, bool perfMap = false);

/// The memory that runs need.
struct WorkspaceSize {
  /// The program's slices.
  size_t arena = 0;
  /// Outputs that a run does not ask for.
  size_t spareOutputs = 0;
  /// Copies of all inputs, where a run needs them: on a GPU.
  size_t inputCopies = 0;
  /// Scratch of one worker, a multiple of 64.
  size_t scratch = 0;
  uint32_t threads = 1;
  /// Lengths of the tables of pointers.
  size_t inputs = 0, outputs = 0, slices = 0, launchArgs = 0, dims = 0;
  size_t kernels = 0, checks = 0;

  /// All that run() takes from the system.
  size_t bytes() const { return arena + spareOutputs + scratch * threads; }
};

/// Immutable: any number of threads may use one.
class Program {
public:
  /// The program `function`, or the only one if that is empty, of a variant.
  /// `code` is null where its kernels are no functions of this process.
  /// FunctionNotFound names those there are.
  static Result<std::shared_ptr<const Program>>
  create(std::shared_ptr<const Package> package, size_t variant,
         std::string_view function, std::shared_ptr<const KernelCode> code);

  const Package &package() const { return *holder; }
  size_t variantIndex() const { return chosen; }
  const abi::Variant &variant() const {
    return *holder->root().variants()->Get(
        static_cast<flatbuffers::uoffset_t>(chosen));
  }
  const abi::Program &table() const { return *program; }
  std::string_view name() const { return program->name()->string_view(); }
  moe_kernel_fn function(uint32_t kernel) const {
    return code->functions[kernel];
  }
  /// The largest value of each dimension.
  std::span<const int64_t> bounds() const { return dimBounds; }
  /// Indices of the parameters that the steps name, ascending.
  std::span<const uint32_t> params() const { return usedParams; }

  /// Buffers of the launch that has the most.
  size_t launchArgs() const { return maxLaunchArgs; }
  /// Scratch of one worker, a multiple of 64.
  size_t scratchBytes() const { return maxScratch; }
  /// Check steps that there are.
  size_t checks() const { return checkSteps; }

  /// What runs with dimensions up to `largest` on up to `threads` threads need.
  /// BoundExceeded, OutOfMemory where a sum leaves size_t.
  Result<WorkspaceSize> workspaceSize(std::span<const int64_t> largest,
                                      uint32_t threads) const;

private:
  Program() = default;
  void visit(const abi::StepList &list);

  std::shared_ptr<const Package> holder;
  std::shared_ptr<const KernelCode> code;
  size_t chosen = 0;
  const abi::Program *program = nullptr;
  std::vector<int64_t> dimBounds;
  std::vector<uint32_t> usedParams;
  size_t maxLaunchArgs = 0;
  size_t maxScratch = 0;
  size_t checkSteps = 0;
};

/// Bytes of an input or output for dimensions within its program's bounds.
int64_t argBytes(const abi::Arg &arg, std::span<const int64_t> dims);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_PROGRAM_H
