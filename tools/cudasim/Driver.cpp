//===- Driver.cpp - The driver's functions --------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The exported symbols of libcuda that moec uses. Everything is done when it is
// called: streams keep order by having nothing under way, and a device pointer
// is an address of this process.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/CudaAbi.h"
#include "moe/tools/cudasim/CompileText.h"
#include "moe/tools/cudasim/Device.h"
#include "moe/tools/cudasim/Launch.h"
#include "moe/tools/cudasim/Memory.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <mutex>

using namespace moe::cuda;
using namespace moe::cudasim;

namespace {

struct Function {
  Module *module;
  std::string name;
  void (*entry)(void **);
  int sharedBytes = Device::defaultSharedBytes;
};

/// A module and the functions that were asked for.
struct LoadedModule : Module {
  const Device *device = nullptr;
  std::unique_ptr<MoeSimCalls> table;
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Function>> functions;
};

struct Event {
  std::chrono::steady_clock::time_point time;
};

/// What the library knows between calls.
struct Driver {
  std::mutex mutex; ///< of what follows, and of launches
  bool initialized = false;
  const Device *device = findDevice("sm_90a");
  MoeSimOptions options = {0, 0x410, 0, 0};
  moe::cudasim::Report report;
  std::string lastReport;
};

} // namespace

static Driver &driver() {
  static Driver instance;
  return instance;
}

static void *pointer(CuDevicePtr p) { return reinterpret_cast<void *>(p); }
static LoadedModule *unwrap(CuModule module) {
  return reinterpret_cast<LoadedModule *>(module);
}
static Function *unwrap(CuFunction function) {
  return reinterpret_cast<Function *>(function);
}

/// Whether both ends of a copy of device memory are in one allocation.
static bool onDevice(CuDevicePtr p, size_t bytes) {
  return bytes == 0 || findAllocation(pointer(p), bytes).begin;
}

#define MOE_EXPORT extern "C" __attribute__((visibility("default")))

//===----------------------------------------------------------------------===//
// Beside the driver
//===----------------------------------------------------------------------===//

MOE_EXPORT int moe_sim_play(const char *arch) {
  const Device *device = findDevice(arch);
  if (!device)
    return static_cast<int>(CuResult::NoBinaryForGpu);
  std::lock_guard lock(driver().mutex);
  driver().device = device;
  return 0;
}

MOE_EXPORT void moe_sim_configure(const MoeSimOptions *options) {
  std::lock_guard lock(driver().mutex);
  driver().options = *options;
}

MOE_EXPORT const char *moe_sim_report(void) {
  return driver().lastReport.c_str();
}

MOE_EXPORT int moe_sim_load_text(const char *text, size_t size,
                                 const char *arch, void **module,
                                 const char **log) {
  static thread_local std::string lastLog;
  lastLog.clear();
  auto finish = [&](CuResult result) {
    if (log)
      *log = lastLog.c_str();
    return static_cast<int>(result);
  };
  const Device *device = findDevice(arch);
  if (!device) {
    lastLog = std::string("the simulator does not play ") + arch;
    return finish(CuResult::NoBinaryForGpu);
  }
  CompiledText compiled = compileText({text, size});
  lastLog = compiled.log;
  if (compiled.status != CompileStatus::Done)
    return finish(compiled.status == CompileStatus::NoCompiler
                      ? CuResult::JitCompilerNotFound
                      : CuResult::InvalidPtx);
  auto attach = reinterpret_cast<void (*)(MoeSimCalls *)>(
      dlsym(compiled.library, "moe_sim_attach"));
  if (!attach) {
    lastLog += "the compiled text takes no calls";
    return finish(CuResult::InvalidImage);
  }
  auto loaded = std::make_unique<LoadedModule>();
  loaded->text.assign(text, size);
  loaded->library = compiled.library;
  loaded->device = device;
  loaded->computeCapability = device->computeCapability;
  loaded->table = makeCalls();
  loaded->calls = loaded->table.get();
  attach(loaded->calls);
  *module = loaded.release();
  std::lock_guard lock(driver().mutex);
  driver().device = device;
  return finish(CuResult::Success);
}

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

MOE_EXPORT CuResult cuInit(unsigned) {
  std::lock_guard lock(driver().mutex);
  driver().initialized = true;
  return CuResult::Success;
}

MOE_EXPORT CuResult cuDriverGetVersion(int *version) {
  *version = 13000;
  return CuResult::Success;
}

MOE_EXPORT CuResult cuGetErrorName(CuResult error, const char **name) {
  switch (error) {
  case CuResult::Success:
    *name = "CUDA_SUCCESS";
    break;
  case CuResult::InvalidValue:
    *name = "CUDA_ERROR_INVALID_VALUE";
    break;
  case CuResult::OutOfMemory:
    *name = "CUDA_ERROR_OUT_OF_MEMORY";
    break;
  case CuResult::NotInitialized:
    *name = "CUDA_ERROR_NOT_INITIALIZED";
    break;
  case CuResult::InvalidDevice:
    *name = "CUDA_ERROR_INVALID_DEVICE";
    break;
  case CuResult::InvalidImage:
    *name = "CUDA_ERROR_INVALID_IMAGE";
    break;
  case CuResult::NoBinaryForGpu:
    *name = "CUDA_ERROR_NO_BINARY_FOR_GPU";
    break;
  case CuResult::InvalidPtx:
    *name = "CUDA_ERROR_INVALID_PTX";
    break;
  case CuResult::JitCompilerNotFound:
    *name = "CUDA_ERROR_JIT_COMPILER_NOT_FOUND";
    break;
  case CuResult::NotFound:
    *name = "CUDA_ERROR_NOT_FOUND";
    break;
  case CuResult::LaunchFailed:
    *name = "CUDA_ERROR_LAUNCH_FAILED";
    break;
  default:
    *name = nullptr;
    return CuResult::InvalidValue;
  }
  return CuResult::Success;
}

MOE_EXPORT CuResult cuGetErrorString(CuResult error, const char **text) {
  return cuGetErrorName(error, text);
}

MOE_EXPORT CuResult cuDeviceGetCount(int *count) {
  *count = 1;
  return CuResult::Success;
}

MOE_EXPORT CuResult cuDeviceGet(CuDevice *device, int ordinal) {
  if (!driver().initialized)
    return CuResult::NotInitialized;
  *device = 0;
  return ordinal == 0 ? CuResult::Success : CuResult::InvalidDevice;
}

MOE_EXPORT CuResult cuDeviceGetName(char *name, int size, CuDevice) {
  if (size <= 0)
    return CuResult::InvalidValue;
  std::lock_guard lock(driver().mutex);
  std::string text = "moec simulator, " + std::string(driver().device->arch);
  std::strncpy(name, text.c_str(), size);
  name[size - 1] = '\0';
  return CuResult::Success;
}

MOE_EXPORT CuResult cuDeviceGetAttribute(int *value, CuDeviceAttribute which,
                                         CuDevice) {
  std::lock_guard lock(driver().mutex);
  const Device &device = *driver().device;
  switch (which) {
  case CuDeviceAttribute::MultiprocessorCount:
    *value = Device::multiprocessors;
    return CuResult::Success;
  case CuDeviceAttribute::ComputeCapabilityMajor:
    *value = device.computeCapability / 10;
    return CuResult::Success;
  case CuDeviceAttribute::ComputeCapabilityMinor:
    *value = device.computeCapability % 10;
    return CuResult::Success;
  case CuDeviceAttribute::MaxSharedMemoryPerBlockOptin:
    *value = device.sharedBytes;
    return CuResult::Success;
  case CuDeviceAttribute::ClockRate:
    break; // no time passes on this device
  }
  return CuResult::InvalidValue;
}

MOE_EXPORT CuResult cuDevicePrimaryCtxRetain(CuContext *context, CuDevice) {
  if (!driver().initialized)
    return CuResult::NotInitialized;
  *context = reinterpret_cast<CuContext>(&driver());
  return CuResult::Success;
}
MOE_EXPORT CuResult cuDevicePrimaryCtxRelease_v2(CuDevice) {
  return CuResult::Success;
}
MOE_EXPORT CuResult cuCtxPushCurrent_v2(CuContext) { return CuResult::Success; }
MOE_EXPORT CuResult cuCtxPopCurrent_v2(CuContext *context) {
  if (context)
    *context = reinterpret_cast<CuContext>(&driver());
  return CuResult::Success;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

MOE_EXPORT CuResult cuMemGetInfo_v2(size_t *free, size_t *total) {
  memoryLeft(*free, *total);
  return CuResult::Success;
}

MOE_EXPORT CuResult cuMemAlloc_v2(CuDevicePtr *memory, size_t bytes) {
  if (bytes == 0)
    return CuResult::InvalidValue;
  void *p = allocate(bytes);
  *memory = reinterpret_cast<CuDevicePtr>(p);
  return p ? CuResult::Success : CuResult::OutOfMemory;
}

MOE_EXPORT CuResult cuMemFree_v2(CuDevicePtr memory) {
  return release(pointer(memory)) ? CuResult::Success : CuResult::InvalidValue;
}

MOE_EXPORT CuResult cuMemAllocHost_v2(void **memory, size_t bytes) {
  *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  return *memory ? CuResult::Success : CuResult::OutOfMemory;
}
MOE_EXPORT CuResult cuMemFreeHost(void *memory) {
  std::free(memory);
  return CuResult::Success;
}

MOE_EXPORT CuResult cuMemcpyHtoDAsync_v2(CuDevicePtr target, const void *source,
                                         size_t bytes, CuStream) {
  if (!onDevice(target, bytes))
    return CuResult::InvalidValue;
  std::memcpy(pointer(target), source, bytes);
  return CuResult::Success;
}
MOE_EXPORT CuResult cuMemcpyDtoHAsync_v2(void *target, CuDevicePtr source,
                                         size_t bytes, CuStream) {
  if (!onDevice(source, bytes))
    return CuResult::InvalidValue;
  std::memcpy(target, pointer(source), bytes);
  return CuResult::Success;
}
MOE_EXPORT CuResult cuMemcpyDtoDAsync_v2(CuDevicePtr target, CuDevicePtr source,
                                         size_t bytes, CuStream) {
  if (!onDevice(target, bytes) || !onDevice(source, bytes))
    return CuResult::InvalidValue;
  std::memmove(pointer(target), pointer(source), bytes);
  return CuResult::Success;
}
MOE_EXPORT CuResult cuMemsetD32Async(CuDevicePtr memory, unsigned value,
                                     size_t words, CuStream) {
  if (!onDevice(memory, words * sizeof(value)))
    return CuResult::InvalidValue;
  std::fill_n(reinterpret_cast<unsigned *>(pointer(memory)), words, value);
  return CuResult::Success;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// The simulator runs texts; a cubin is for a GPU.
MOE_EXPORT CuResult cuModuleLoadDataEx(CuModule *, const void *, unsigned,
                                       CuJitOption *, void **) {
  return CuResult::NoBinaryForGpu;
}

MOE_EXPORT CuResult cuModuleUnload(CuModule module) {
  LoadedModule *loaded = unwrap(module);
  dlclose(loaded->library);
  delete loaded;
  return CuResult::Success;
}

MOE_EXPORT CuResult cuModuleGetFunction(CuFunction *function, CuModule module,
                                        const char *name) {
  LoadedModule *loaded = unwrap(module);
  std::lock_guard lock(loaded->mutex);
  std::unique_ptr<Function> &known = loaded->functions[name];
  if (!known) {
    void *entry =
        dlsym(loaded->library, (std::string(name) + "__enter").c_str());
    if (!entry)
      return CuResult::NotFound;
    known = std::make_unique<Function>();
    known->module = loaded;
    known->name = name;
    known->entry = reinterpret_cast<void (*)(void **)>(entry);
  }
  *function = reinterpret_cast<CuFunction>(known.get());
  return CuResult::Success;
}

MOE_EXPORT CuResult cuFuncGetAttribute(int *value, CuFunctionAttribute which,
                                       CuFunction function) {
  switch (which) {
  case CuFunctionAttribute::MaxDynamicSharedSizeBytes:
    *value = unwrap(function)->sharedBytes;
    return CuResult::Success;
  case CuFunctionAttribute::NumRegs:
    *value = 32;
    return CuResult::Success;
  case CuFunctionAttribute::LocalSizeBytes:
  case CuFunctionAttribute::NonPortableClusterSizeAllowed:
    *value = 0;
    return CuResult::Success;
  }
  return CuResult::InvalidValue;
}

MOE_EXPORT CuResult cuFuncSetAttribute(CuFunction function,
                                       CuFunctionAttribute which, int value) {
  if (which == CuFunctionAttribute::NonPortableClusterSizeAllowed)
    return CuResult::Success;
  Function &f = *unwrap(function);
  const Device &device = *static_cast<LoadedModule *>(f.module)->device;
  if (which != CuFunctionAttribute::MaxDynamicSharedSizeBytes || value < 0 ||
      value > device.sharedBytes)
    return CuResult::InvalidValue;
  f.sharedBytes = value;
  return CuResult::Success;
}

MOE_EXPORT CuResult cuOccupancyMaxActiveBlocksPerMultiprocessor(
    int *blocks, CuFunction function, int, size_t sharedBytes) {
  const Function &f = *unwrap(function);
  const Device &device = *static_cast<LoadedModule *>(f.module)->device;
  *blocks = sharedBytes <= static_cast<size_t>(device.sharedBytes) ? 1 : 0;
  return CuResult::Success;
}

MOE_EXPORT CuResult cuOccupancyMaxActiveClusters(int *clusters, CuFunction,
                                                 const CuLaunchConfig *) {
  *clusters = Device::multiprocessors;
  return CuResult::Success;
}

static bool launches(const CuLaunchConfig &config, const Function &function) {
  if (config.gridX == 0 || config.gridY == 0 || config.gridZ == 0 ||
      config.gridY > 65535 || config.gridZ > 65535 || config.gridX > 0x7fffffff)
    return false;
  const uint64_t threads =
      uint64_t(config.blockX) * config.blockY * config.blockZ;
  if (threads == 0 || threads > Device::maxThreads)
    return false;
  for (unsigned i = 0; i < config.numAttributes; ++i) {
    const CuLaunchAttribute &attribute = config.attributes[i];
    const auto &cluster = attribute.value.clusterDim;
    if (attribute.id == CuLaunchAttributeId::ClusterDimension &&
        cluster.x * cluster.y * cluster.z != 1)
      return false; // blocks of a cluster would have to run side by side
  }
  return config.sharedMemBytes <= static_cast<unsigned>(function.sharedBytes);
}

MOE_EXPORT CuResult cuLaunchKernelEx(const CuLaunchConfig *config,
                                     CuFunction handle, void **parameters,
                                     void **extra) {
  Function &function = *unwrap(handle);
  std::lock_guard lock(driver().mutex);
  driver().lastReport.clear();
  if (extra || !launches(*config, function))
    return CuResult::InvalidValue;
  const Launch launch{function.entry,
                      parameters,
                      {config->gridX, config->gridY, config->gridZ},
                      {config->blockX, config->blockY, config->blockZ},
                      config->sharedMemBytes,
                      function.module->computeCapability == 90,
                      function.module->calls,
                      driver().options};
  const CuResult result = runKernel(launch, function.name.c_str(),
                                    *function.module, driver().report);
  if (result == CuResult::LaunchFailed)
    driver().lastReport = driver().report.str();
  return result;
}

MOE_EXPORT CuResult cuTensorMapEncodeTiled(
    CuTensorMap *map, CuTensorMapType type, uint32_t rank, void *base,
    const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
    const uint32_t *elementStrides, int interleave, CuTensorMapSwizzle swizzle,
    int, int fill) {
  TensorMapData data = {};
  switch (type) {
  case CuTensorMapType::UInt8:
    data.elementBytes = 1;
    break;
  case CuTensorMapType::Float16:
  case CuTensorMapType::BFloat16:
    data.elementBytes = 2;
    break;
  case CuTensorMapType::Int32:
  case CuTensorMapType::Float32:
    data.elementBytes = 4;
    break;
  case CuTensorMapType::Int64:
  case CuTensorMapType::Float64:
    data.elementBytes = 8;
    break;
  default:
    return CuResult::InvalidValue;
  }
  // What a GPU demands of every map, and then what is simulated.
  if (reinterpret_cast<uintptr_t>(base) % 16 || strides[0] % 16 ||
      interleave != 0 || fill != 0)
    return CuResult::InvalidValue;
  for (uint32_t i = 0; i < rank; ++i)
    if (sizes[i] == 0 || sizes[i] > uint64_t(1) << 32 || box[i] == 0 ||
        box[i] > 256 || elementStrides[i] != 1)
      return CuResult::InvalidValue;
  const uint32_t inner = box[0] * data.elementBytes;
  if (inner % 16 || (swizzle == CuTensorMapSwizzle::B128 && inner > 128))
    return CuResult::InvalidValue;
  if (rank != 2 || (swizzle != CuTensorMapSwizzle::None &&
                    (swizzle != CuTensorMapSwizzle::B128 || inner != 128)))
    return CuResult::InvalidValue;
  data.magic = TensorMapData::expectedMagic;
  data.base = reinterpret_cast<uint64_t>(base);
  data.rowStride = strides[0];
  data.swizzle128 = swizzle == CuTensorMapSwizzle::B128;
  for (int i = 0; i < 2; ++i) {
    data.sizes[i] = sizes[i];
    data.box[i] = box[i];
  }
  std::memset(map, 0, sizeof *map);
  std::memcpy(map, &data, sizeof data);
  return CuResult::Success;
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

MOE_EXPORT CuResult cuStreamCreate(CuStream *stream, unsigned) {
  *stream = reinterpret_cast<CuStream>(new char);
  return CuResult::Success;
}
MOE_EXPORT CuResult cuStreamDestroy_v2(CuStream stream) {
  delete reinterpret_cast<char *>(stream);
  return CuResult::Success;
}
MOE_EXPORT CuResult cuStreamSynchronize(CuStream) { return CuResult::Success; }

MOE_EXPORT CuResult cuEventCreate(CuEvent *event, unsigned) {
  *event = reinterpret_cast<CuEvent>(new Event());
  return CuResult::Success;
}
MOE_EXPORT CuResult cuEventDestroy_v2(CuEvent event) {
  delete reinterpret_cast<Event *>(event);
  return CuResult::Success;
}
MOE_EXPORT CuResult cuEventRecord(CuEvent event, CuStream) {
  reinterpret_cast<Event *>(event)->time = std::chrono::steady_clock::now();
  return CuResult::Success;
}
MOE_EXPORT CuResult cuEventSynchronize(CuEvent) { return CuResult::Success; }
MOE_EXPORT CuResult cuEventElapsedTime(float *milliseconds, CuEvent begin,
                                       CuEvent end) {
  *milliseconds = std::chrono::duration<float, std::milli>(
                      reinterpret_cast<Event *>(end)->time -
                      reinterpret_cast<Event *>(begin)->time)
                      .count();
  return CuResult::Success;
}

MOE_EXPORT CuResult cuGetProcAddress_v2(const char *name, void **function, int,
                                        uint64_t, int *status) {
  static const std::map<std::string_view, void *> table = {
#define MOE_ENTRY(NAME, SYMBOL, PARAMETERS)                                    \
  {#NAME, reinterpret_cast<void *>(SYMBOL)},
      MOE_CUDA_FUNCTIONS(MOE_ENTRY)
#undef MOE_ENTRY
  };
  auto it = table.find(name);
  *function = it == table.end() ? nullptr : it->second;
  if (status)
    *status = it == table.end();
  return *function ? CuResult::Success : CuResult::NotFound;
}
