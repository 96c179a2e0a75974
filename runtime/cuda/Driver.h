//===- Driver.h - The CUDA driver, if there is one --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libmoe does not link CUDA: it looks for the driver when a program is to run
// on a GPU, and says what is missing and what would help where it cannot.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_DRIVER_H
#define MOE_RUNTIME_CUDA_DRIVER_H

#include "moe/runtime/core/OsLibrary.h"
#include "moe/runtime/cuda/CudaAbi.h"

#include <memory>
#include <string>
#include <vector>

namespace moe::cuda {

/// The driver's functions, as members of their names. Immutable: any number of
/// threads may use one.
class Driver {
public:
  /// The library at `path`, which the system looks for if it is a name; empty:
  /// MOE_CUDA_DRIVER, else libcuda.so.1. Also initialises it. Errors:
  /// CudaDriverAbsent, CudaDriverTooOld, CudaNoDevice.
  static core::Result<std::shared_ptr<const Driver>>
  load(const std::string &path = "");

#define MOE_CUDA_MEMBER(name, symbol, parameters)                              \
  CuResult(*name) parameters = nullptr;
  MOE_CUDA_FUNCTIONS(MOE_CUDA_MEMBER)
  /// Null in a driver without graphs.
  MOE_CUDA_GRAPH_FUNCTIONS(MOE_CUDA_MEMBER)
#undef MOE_CUDA_MEMBER

  /// Not null in a simulator: what to load in place of cubins.
  LoadText loadText = nullptr;

  /// 12040 for CUDA 12.4.
  int version() const { return driverVersion; }
  /// "CUDA 12.4".
  std::string versionText() const;
  /// How many devices there are; at least one.
  int devices() const { return deviceCount; }

  /// Success, or an Error "`doing`: what the driver says". OutOfMemory and
  /// CudaFailed; the details are a simulator's report.
  core::Status check(CuResult result, const std::string &doing) const;
  /// The same without a string to make on success.
  template <typename Describe>
  core::Status checked(CuResult result, Describe describe) const {
    return result == CuResult::Success ? core::Status()
                                       : check(result, describe());
  }

private:
  Driver() = default;
  core::Status resolve(const core::os::Library &library,
                       const std::string &path);
  core::Status initialise(const std::string &path);

  Report report = nullptr;
  int driverVersion = 0;
  int deviceCount = 0;
};

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_DRIVER_H
