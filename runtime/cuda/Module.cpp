//===- Module.cpp - A variant's kernels on a GPU ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that can fail because of a GPU's size fails here and not in a run.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Module.h"
#include "moe/runtime/core/Log.h"
#include "moe/runtime/cuda/Nvrtc.h"

#include <algorithm>

using namespace moe;
using namespace moe::cuda;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

namespace {

/// Shared memory that a kernel has without asking.
constexpr uint32_t freeSharedBytes = 48 << 10;

std::string_view textOf(const abi::Code &code) {
  return {reinterpret_cast<const char *>(code.bytes()->data()),
          code.bytes()->size()};
}

/// The lines that a log speaks of.
Error withText(Error error, std::string_view text) {
  error.details += "\nThe text:\n" + std::string(text);
  return error;
}

/// "GPU 0 (NVIDIA H200, compute capability 9.0)".
std::string describe(const Device &device, int capability) {
  return "GPU " + std::to_string(device.ordinal()) + " (" + device.name() +
         ", compute capability " + std::to_string(capability / 10) + "." +
         std::to_string(capability % 10) + ")";
}

} // namespace

Result<std::string> moe::cuda::targetOf(const Device &device) {
  Result<int> capability = device.capability();
  if (!capability)
    return capability.takeError();
  const std::string_view target = targetFor(*capability);
  if (target.empty())
    return Error(ErrorId::TargetUnsupported,
                 describe(device, *capability) +
                     " is older than what moec compiles for, which begins at "
                     "sm_80");
  return std::string(target);
}

Result<std::shared_ptr<const Module>>
Module::load(std::shared_ptr<const core::Package> package,
             std::shared_ptr<const Device> device, std::string_view target) {
  Result<int> capability = device->capability();
  if (!capability)
    return capability.takeError();
  Result<Choice> choice =
      chooseCode(*package, *capability, device->driver().loadText != nullptr,
                 target, describe(*device, *capability));
  if (!choice)
    return choice.takeError();
  std::shared_ptr<Module> module(new Module);
  module->package = std::move(package);
  module->owner = std::move(device);
  module->chosen = choice->variant;
  Current current(*module->owner);
  Status status = current.status();
  if (status)
    status = module->loadFirst(choice->codes);
  const abi::Variant &variant = *module->package->root().variants()->Get(
      static_cast<flatbuffers::uoffset_t>(choice->variant));
  for (const abi::Kernel *kernel : *variant.kernels())
    if (status)
      status = module->findKernel(*kernel);
  if (!status)
    return status.takeError();
  return std::shared_ptr<const Module>(std::move(module));
}

Module::~Module() {
  if (!module)
    return;
  Current current(*owner);
  owner->driver().cuModuleUnload(module);
}

/// A driver may be older than the compiler of the cubin: what it refuses, it or
/// NVRTC may make from the next form.
Status Module::loadFirst(const std::vector<const abi::Code *> &codes) {
  std::optional<Error> first;
  for (const abi::Code *code : codes) {
    Status status = loadCode(*code);
    if (status) {
      if (first)
        core::log(core::LogLevel::Warning, first->message);
      return status;
    }
    if (!first)
      first = status.takeError();
    if (first->id != ErrorId::CudaFailed)
      break;
  }
  return std::move(*first);
}

Status Module::loadCode(const abi::Code &code) {
  const std::string arch = code.arch()->str();
  switch (code.kind()) {
  case abi::CodeKind::Cubin:
    return loadImage(code.bytes()->data(), "the cubin for " + arch);
  case abi::CodeKind::Ptx:
    return loadImage(std::string(textOf(code)).c_str(), "the PTX for " + arch);
  default:
    return loadText(code);
  }
}

Status Module::loadText(const abi::Code &code) {
  const std::string_view text = textOf(code);
  const std::string arch = code.arch()->str();
  const Driver &driver = owner->driver();
  if (driver.loadText) {
    const char *log = nullptr;
    const CuResult result =
        driver.loadText(text.data(), text.size(), arch.c_str(), &module, &log);
    Status status = driver.checked(result, [&] {
      return core::quote(package->name()) + ": the CUDA text for " + arch +
             " does not load";
    });
    if (status)
      return status;
    Error error = status.takeError();
    error.id = ErrorId::CompileFailed;
    error.details = log ? log : "";
    if (!error.details.empty())
      error.message += ": " + error.details.substr(0, error.details.find('\n'));
    return withText(std::move(error), text);
  }
  Result<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc)
    return nvrtc.takeError();
  // For this GPU, of which the text's architecture may be an ancestor.
  Result<CompiledText> compiled = nvrtc->compile(text, arch, package->name());
  if (!compiled)
    return withText(compiled.takeError(), text);
  for (const std::string &defect : compiled->report.defects)
    core::log(core::LogLevel::Warning,
              core::quote(package->name()) + ": " + defect);
  Result<int> capability = owner->capability();
  if (!capability)
    return capability.takeError();
  if (runsOn(*parseArch(arch), abi::CodeKind::Cubin, *capability))
    return loadImage(compiled->cubin.data(), "the cubin for " + arch);
  return loadImage(compiled->ptx.c_str(), "the PTX for " + arch);
}

Status Module::loadImage(const void *image, const std::string &what) {
  std::string log(16 << 10, '\0');
  CuJitOption options[] = {CuJitOption::ErrorLogBuffer,
                           CuJitOption::ErrorLogBufferSizeBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  const Driver &driver = owner->driver();
  const CuResult result =
      driver.cuModuleLoadDataEx(&module, image, 2, options, values);
  if (result == CuResult::Success)
    return {};
  Error error = driver
                    .check(result, core::quote(package->name()) + ": " + what +
                                       " does not load into the driver of " +
                                       driver.versionText())
                    .takeError();
  error.details = log.c_str();
  if (result == CuResult::UnsupportedPtxVersion ||
      result == CuResult::NoBinaryForGpu || result == CuResult::InvalidImage)
    error.message += "; update the driver, or compile with an older NVRTC "
                     "(MOE_NVRTC)";
  return error;
}

Status Module::findKernel(const abi::Kernel &table) {
  const Driver &driver = owner->driver();
  auto doing = [&](const char *what) {
    return "kernel " + core::quote(table.name()->string_view()) + " " + what;
  };
  Kernel kernel;
  kernel.table = &table;
  Status status =
      driver.checked(driver.cuModuleGetFunction(&kernel.function, module,
                                                table.name()->c_str()),
                     [&] { return doing("is not in its code"); });
  if (!status)
    return status;
  const abi::CudaLaunch &launch = *table.cuda();
  if (launch.smem() > freeSharedBytes) {
    Result<int> most =
        owner->attribute(CuDeviceAttribute::MaxSharedMemoryPerBlockOptin);
    if (!most)
      return most.takeError();
    if (launch.smem() > static_cast<uint32_t>(*most))
      return Error(ErrorId::CudaFailed,
                   doing("needs ") + std::to_string(launch.smem()) +
                       " bytes of shared memory, a block has " +
                       std::to_string(*most) + " on this GPU");
    status = driver.checked(driver.cuFuncSetAttribute(
                                kernel.function,
                                CuFunctionAttribute::MaxDynamicSharedSizeBytes,
                                static_cast<int>(launch.smem())),
                            [&] { return doing("gets no shared memory"); });
  }
  if (status && launch.cluster() > 8)
    status = driver.checked(
        driver.cuFuncSetAttribute(
            kernel.function, CuFunctionAttribute::NonPortableClusterSizeAllowed,
            1),
        [&] { return doing("gets no large clusters"); });
  int local = 0;
  if (status &&
      driver.cuFuncGetAttribute(&local, CuFunctionAttribute::LocalSizeBytes,
                                kernel.function) == CuResult::Success &&
      local > 0)
    core::log(core::LogLevel::Warning,
              doing("keeps ") + std::to_string(local) +
                  " bytes a thread in local memory: it is slower than planned");
  if (status && launch.persistent()) {
    Result<int> sms = owner->attribute(CuDeviceAttribute::MultiprocessorCount);
    if (!sms)
      return sms.takeError();
    int blocks = 0;
    status =
        driver.checked(driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                           &blocks, kernel.function,
                           static_cast<int>(launch.block()), launch.smem()),
                       [&] { return doing("has no occupancy"); });
    if (status && blocks < 1)
      status = Error(ErrorId::CudaFailed,
                     doing("does not fit a multiprocessor of this GPU"));
    kernel.residentBlocks = static_cast<uint32_t>(blocks * *sms) /
                            launch.cluster() * launch.cluster();
  }
  if (launch.tensor_maps())
    mostMaps = std::max<size_t>(mostMaps, launch.tensor_maps()->size());
  functions.push_back(kernel);
  return status;
}

Status Module::launch(const Kernel &kernel, int64_t tasks, void **parameters,
                      CuStream stream) const {
  const abi::CudaLaunch &launch = *kernel.table->cuda();
  const int64_t cluster = launch.cluster();
  int64_t blocks = (tasks + cluster - 1) / cluster * cluster;
  if (kernel.residentBlocks)
    blocks = std::min<int64_t>(blocks, kernel.residentBlocks);
  auto doing = [&] {
    return "kernel " + core::quote(kernel.table->name()->string_view()) +
           " could not be launched";
  };
  if (blocks > INT32_MAX)
    return Error(ErrorId::CudaFailed, doing() + ": a grid of " +
                                          std::to_string(blocks) +
                                          " blocks is more than CUDA has");
  CuLaunchConfig config{};
  config.gridX = static_cast<unsigned>(blocks);
  config.gridY = config.gridZ = 1;
  config.blockX = launch.block();
  config.blockY = config.blockZ = 1;
  config.sharedMemBytes = launch.smem();
  config.stream = stream;
  CuLaunchAttribute attribute{};
  if (cluster > 1) {
    attribute.id = CuLaunchAttributeId::ClusterDimension;
    attribute.value.clusterDim = {static_cast<unsigned>(cluster), 1, 1};
    config.attributes = &attribute;
    config.numAttributes = 1;
  }
  const Driver &driver = owner->driver();
  return driver.checked(
      driver.cuLaunchKernelEx(&config, kernel.function, parameters, nullptr),
      doing);
}
