//===- ResolveTarget.cpp - From a target's name to its backend ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/ResolveTarget.h"

#include "moe/codegen/cpu/CpuTargets.h"
#include "moe/runtime/core/CpuInfo.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/jit/Diagnostics.h"

using namespace mlir;
using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::Result;

/// What this machine is, as a request.
static Result<TargetRequest> requestHost(const char *isa) {
  const core::CpuInfo &host = core::hostCpu();
  Result<core::IsaSelection> selected =
      core::selectIsa(host.arch, host.features, isa ? isa : "");
  if (!selected)
    return selected.takeError();
  TargetRequest request;
  request.name = cpu::CpuTarget{host.arch, selected->plan}.name();
  if (selected->emulates())
    request.codeName = cpu::CpuTarget{host.arch, selected->code}.name();
  request.l1 = static_cast<int64_t>(host.l1dBytes);
  request.l2 = static_cast<int64_t>(host.l2Bytes);
  request.l3 = static_cast<int64_t>(host.l3Bytes);
  request.cores = core::os::physicalCores();
  return request;
}

Result<Target> jit::resolveTarget(MLIRContext &context, const std::string &name,
                                  const char *isa) {
  TargetRequest request;
  request.name = name;
  if (name == "host") {
    Result<TargetRequest> host = requestHost(isa);
    if (!host)
      return host.takeError();
    request = *host;
  }
  const Backend *backend = findBackend(request.name);
  if (!backend) {
    std::string known;
    for (const Backend *each : getBackends())
      known += (known.empty() ? "" : ", ") + each->knownNames();
    return Error(ErrorId::TargetUnknown, "unknown target '" + request.name +
                                             "', expected host or one of " +
                                             known);
  }
  DiagnosticCollector diagnostics(context);
  auto emitError = [&] { return mlir::emitError(UnknownLoc::get(&context)); };
  auto attribute = backend->makeTarget(context, request, emitError);
  if (failed(attribute))
    return diagnostics.error(ErrorId::TargetUnsupported,
                             "target '" + request.name + "' is not available");
  return Target{backend, *attribute};
}

std::vector<std::string> jit::splitTargets(const char *list) {
  std::vector<std::string> names;
  SmallVector<StringRef> parts;
  StringRef(list ? list : "").split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts)
    names.push_back(part.trim().str());
  if (names.empty())
    names.push_back("host");
  return names;
}
