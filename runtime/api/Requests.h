//===- Requests.h - What a caller asks for, in core's terms -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared by compiling and by the reference.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_API_REQUESTS_H
#define MOE_RUNTIME_API_REQUESTS_H

#include "moe/runtime/api/moe_c.h"
#include "moe/runtime/core/CompilerPlugin.h"
#include "moe/runtime/cuda/Device.h"

namespace moe::api {

struct CompileRequest {
  core::CompileOptions options;
  bool useCache = true;
  bool perfMap = false;
  /// The program is to run on GPU `device` of the driver (empty: the usual).
  bool cuda = false;
  int device = 0;
  std::string driver;
};

/// Errors: UsageInvalid, FileNotFound, FileUnreadable.
core::Result<core::Source> toSource(const moe_source *source);
/// The GPU of a request, whose targets then name it instead of "host". Errors:
/// CudaDriverAbsent, CudaDriverTooOld, CudaNoDevice, CudaFailed, OutOfMemory,
/// TargetUnsupported.
core::Result<std::shared_ptr<const cuda::Device>>
openDevice(CompileRequest &request);

/// Errors: UsageInvalid, EnvironmentValue.
core::Result<CompileRequest> toRequest(const moe_compile_options *options);

} // namespace moe::api

#endif // MOE_RUNTIME_API_REQUESTS_H
