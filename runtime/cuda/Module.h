//===- Module.h - A variant's kernels on a GPU ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is worked out once for a device: the functions behind the kernels, how
// much shared memory each may have, and how many of their blocks fit at once.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_MODULE_H
#define MOE_RUNTIME_CUDA_MODULE_H

#include "moe/runtime/cuda/Arch.h"
#include "moe/runtime/cuda/Device.h"

#include <span>

namespace moe::cuda {

/// What moe-compile would be told to compile for the device. TargetUnsupported
/// for one that is older than all targets.
core::Result<std::string> targetOf(const Device &device);

/// Immutable: any number of threads may use one.
class Module {
public:
  /// Chooses a variant of the package (chooseCode) and loads it: its cubin, its
  /// PTX, or its text through NVRTC, the first that the driver takes; its text
  /// as it is into a simulator. Errors: PackageNoVariant, NvrtcAbsent,
  /// CompileFailed, CudaFailed, OutOfMemory.
  static core::Result<std::shared_ptr<const Module>>
  load(std::shared_ptr<const core::Package> package,
       std::shared_ptr<const Device> device, std::string_view target);
  ~Module();
  Module(const Module &) = delete;

  const Device &device() const { return *owner; }
  const std::shared_ptr<const Device> &sharedDevice() const { return owner; }
  /// The variant of the package.
  size_t variantIndex() const { return chosen; }

  struct Kernel {
    CuFunction function = nullptr;
    const abi::Kernel *table = nullptr;
    /// The largest grid of a persistent kernel; else 0.
    uint32_t residentBlocks = 0;
  };
  /// In the order of the variant's table.
  std::span<const Kernel> kernels() const { return functions; }
  /// Of the kernel that has the most.
  size_t tensorMaps() const { return mostMaps; }

  /// Puts a launch into a stream: `tasks` > 0 blocks, or what a persistent
  /// kernel's grid is. `parameters` point to its parameters.
  core::Status launch(const Kernel &kernel, int64_t tasks, void **parameters,
                      CuStream stream) const;

private:
  Module() = default;
  core::Status loadFirst(const std::vector<const abi::Code *> &codes);
  core::Status loadCode(const abi::Code &code);
  core::Status loadImage(const void *image, const std::string &what);
  core::Status loadText(const abi::Code &code);
  core::Status findKernel(const abi::Kernel &table);

  std::shared_ptr<const core::Package> package;
  std::shared_ptr<const Device> owner;
  CuModule module = nullptr;
  size_t chosen = 0;
  std::vector<Kernel> functions;
  size_t mostMaps = 0;
};

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_MODULE_H
