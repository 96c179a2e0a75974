//===- Driver.cpp - The CUDA driver, if there is one ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only cuGetProcAddress_v2 is looked up by name: by it, each function is the
// version that CudaAbi.h describes, however new the driver.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Driver.h"
#include "moe/runtime/core/Environment.h"

using namespace moe;
using namespace moe::cuda;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

static std::string cudaVersion(int version) {
  return "CUDA " + std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

Result<std::shared_ptr<const Driver>> Driver::load(const std::string &given) {
  std::string path = given;
  if (path.empty()) {
    Result<std::optional<std::string>> variable =
        core::environment(core::Variable::CudaDriver);
    if (!variable)
      return variable.takeError();
    path = variable->value_or("");
  }
  // Never libcuda.so: the toolkit's stub of that name can do nothing.
  if (path.empty())
    path = "libcuda.so.1";
  // A name is for the system to find, as with dlopen.
  Result<core::os::Library> library = path.find('/') == std::string::npos
                                          ? core::os::Library::find(path)
                                          : core::os::Library::open(path);
  if (!library) {
    Error error = library.takeError();
    return Error(ErrorId::CudaDriverAbsent,
                 "no CUDA driver: " + error.message +
                     "; install the NVIDIA driver, or set MOE_CUDA_DRIVER to "
                     "the path of libcuda.so.1");
  }
  std::shared_ptr<Driver> driver(new Driver);
  Status status = driver->resolve(*library, path);
  if (status)
    status = driver->initialise(path);
  if (!status)
    return status.takeError();
  return std::shared_ptr<const Driver>(std::move(driver));
}

Status Driver::resolve(const core::os::Library &library,
                       const std::string &path) {
  auto tooOld = [&](const std::string &reason) -> Status {
    return Error(ErrorId::CudaDriverTooOld,
                 "the CUDA driver " + core::quote(path) + " is too old: " +
                     reason + "; install a driver of CUDA 12.0 or later");
  };
  // The version first, from a function that drivers of any age export.
  auto getVersion = reinterpret_cast<decltype(cuDriverGetVersion)>(
      library.symbol("cuDriverGetVersion"));
  if (!getVersion)
    return Error(ErrorId::CudaDriverAbsent,
                 "no CUDA driver: " + core::quote(path) +
                     " has no function cuDriverGetVersion; set "
                     "MOE_CUDA_DRIVER to the path of libcuda.so.1");
  if (getVersion(&driverVersion) == CuResult::Success &&
      driverVersion < abiVersion)
    return tooOld("it is " + cudaVersion(driverVersion) + "'s");
  auto getAddress =
      reinterpret_cast<CuGetProcAddress>(library.symbol(getProcAddressSymbol));
  if (!getAddress)
    return tooOld(std::string("it has no ") + getProcAddressSymbol);
  auto find = [&](const char *name, auto &function) -> Status {
    void *address = nullptr;
    int found = 0;
    if (getAddress(name, &address, abiVersion, 0, &found) !=
            CuResult::Success ||
        !address)
      return tooOld(std::string("it has no ") + name);
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
    return {};
  };
#define MOE_CUDA_FIND(name, symbol, parameters)                                \
  if (Status status = find(#name, name); !status)                              \
    return status;
  MOE_CUDA_FUNCTIONS(MOE_CUDA_FIND)
#undef MOE_CUDA_FIND
#define MOE_CUDA_TRY(name, symbol, parameters) (void)find(#name, name);
  MOE_CUDA_GRAPH_FUNCTIONS(MOE_CUDA_TRY)
#undef MOE_CUDA_TRY
  loadText = reinterpret_cast<LoadText>(library.symbol(loadTextSymbol));
  report = reinterpret_cast<Report>(library.symbol(reportSymbol));
  return {};
}

Status Driver::initialise(const std::string &path) {
  auto noDevice = [&](const std::string &reason) -> Status {
    return Error(ErrorId::CudaNoDevice,
                 "the CUDA driver " + core::quote(path) +
                     " has no GPU to run on: " + reason +
                     "; check nvidia-smi, CUDA_VISIBLE_DEVICES and, in a "
                     "container, that it was given the GPU");
  };
  if (CuResult result = cuInit(0); result != CuResult::Success)
    return noDevice(check(result, "cuInit").error().message);
  CuResult result = cuDeviceGetCount(&deviceCount);
  if (result != CuResult::Success)
    return noDevice(check(result, "cuDeviceGetCount").error().message);
  if (deviceCount < 1)
    return noDevice("it counts none");
  return {};
}

std::string Driver::versionText() const { return cudaVersion(driverVersion); }

Status Driver::check(CuResult result, const std::string &doing) const {
  if (result == CuResult::Success)
    return {};
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  std::string message = doing + ": " + (name ? name : "CUDA error") + " (" +
                        std::to_string(static_cast<int>(result)) + ")";
  if (text)
    message += std::string(", ") + text;
  Error error(ErrorId::CudaFailed, std::move(message));
  if (result == CuResult::OutOfMemory) {
    error.id = ErrorId::OutOfMemory;
    size_t free = 0, total = 0;
    if (cuMemGetInfo(&free, &total) == CuResult::Success)
      error.message += "; " + std::to_string(free) + " of " +
                       std::to_string(total) + " bytes are free on the GPU";
  }
  if (result == CuResult::StreamCaptureUnsupported)
    error.message += "; a run is captured only if all of its tensors are on "
                     "the GPU";
  if (report && result == CuResult::LaunchFailed) {
    // The first line says where; the details have them all.
    const char *details = report();
    error.details = details ? details : "";
    if (!error.details.empty())
      error.message += ": " + error.details.substr(0, error.details.find('\n'));
  }
  return error;
}
