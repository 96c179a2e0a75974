//===- FakeCuda.cpp - A CUDA driver that records ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Work is done when it is asked for, whatever the stream, unless that is being
// captured: then it is kept for the graph. Device memory is
// memory of the process under addresses that are known to be device memory, so
// that a host pointer in a place of a device one is found.
//
//===----------------------------------------------------------------------===//

#include "moe/test/unit/runtime/cuda/FakeCuda.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>

#define EXPORTED extern "C" __attribute__((visibility("default")))

using namespace moe;
using namespace moe::cuda;
using moe::test::FakeCuda;

namespace {

FakeCuda fake;
std::map<CuDevicePtr, size_t> blocks;
std::map<std::string, int> counts;
std::string loadedImage;

std::recursive_mutex lock;

/// The fake works, for one thread at a time, and does not count as moec.
class Working {
public:
  Working() : guard(lock), counting(fake.counting) {
    if (counting)
      before = counting->exchange(false);
  }
  ~Working() {
    if (counting)
      counting->store(before);
  }

private:
  std::lock_guard<std::recursive_mutex> guard;
  std::atomic<bool> *const counting;
  bool before = false;
};

/// Writes the call down; an error if it is to fail.
CuResult call(const std::string &name, const std::string &what = "") {
  fake.calls.push_back(what.empty() ? name : name + " " + what);
  if ((name == fake.failing || fake.calls.back() == fake.failing) &&
      counts[name]++ >= fake.failAfter)
    return fake.failure;
  return CuResult::Success;
}

/// The stream that is captured, and what was put into it.
CuStream capturing = nullptr;
std::vector<std::function<void()>> captured;

/// Work for a stream: done now, or kept for the launches of a graph.
template <typename Work> void enqueue(CuStream stream, Work work) {
  if (capturing && stream == capturing)
    captured.emplace_back(std::move(work));
  else
    work();
}

/// What a capture does not allow anybody to call.
CuResult notWhileCapturing() {
  return capturing ? CuResult::StreamCaptureUnsupported : CuResult::Success;
}

/// Whether [start, start + bytes) lies in one block of device memory.
bool onDevice(CuDevicePtr start, size_t bytes) {
  auto after = blocks.upper_bound(start);
  if (after == blocks.begin())
    return false;
  --after;
  return start + bytes <= after->first + after->second;
}

std::string text(const void *pointer) {
  return std::to_string(reinterpret_cast<uintptr_t>(pointer));
}

//===----------------------------------------------------------------------===//
// The sample package's kernels
//===----------------------------------------------------------------------===//

constexpr int64_t width = 4;

/// The parameters of one launch: pointers, then T unless it is a preparation,
/// then the task count.
class Parameters {
public:
  explicit Parameters(void **parameters) : parameters(parameters) {}
  template <typename T> T *buffer(size_t i) const {
    return reinterpret_cast<T *>(*static_cast<CuDevicePtr *>(parameters[i]));
  }
  int64_t number(size_t i) const {
    return *static_cast<int64_t *>(parameters[i]);
  }

private:
  void **parameters;
};

void scale(const Parameters &p, int64_t t) {
  for (int64_t i = 0; i < width; ++i)
    p.buffer<float>(2)[t * width + i] =
        p.buffer<float>(0)[t * width + i] * p.buffer<float>(1)[i];
}
void inspect(const Parameters &p, int64_t) {
  int64_t status = -1;
  for (int64_t t = p.number(3) - 1; t >= 0; --t)
    if (const int32_t id = p.buffer<int32_t>(0)[t]; id < 0 || id > 2)
      status = t;
  *p.buffer<int64_t>(1) = status;
  *p.buffer<int64_t>(2) = p.number(3);
}
void addBias(const Parameters &p, int64_t t) {
  const int32_t id = p.buffer<int32_t>(1)[t];
  for (int64_t i = 0; i < width && id >= 0 && id <= 2; ++i)
    p.buffer<float>(0)[t * width + i] += p.buffer<float>(2)[id * width + i];
}
void move(const Parameters &p, int64_t i) {
  p.buffer<float>(1)[i] = p.buffer<float>(0)[i];
}
void sum(const Parameters &p, int64_t t) {
  float total = 0;
  for (int64_t i = 0; i < width; ++i)
    total += p.buffer<float>(0)[t * width + i];
  p.buffer<float>(1)[t] = total;
}
void pack(const Parameters &p, int64_t i) {
  p.buffer<float>(1)[i] = 2 * p.buffer<float>(0)[i];
}

struct Function {
  const char *name;
  /// Where the task count is among the parameters.
  size_t tasks;
  void (*body)(const Parameters &parameters, int64_t task);
};
constexpr Function functions[] = {
    {"scale_sm_80", 4, scale},      {"inspect_sm_80", 4, inspect},
    {"add_bias_sm_80", 4, addBias}, {"move_sm_80", 3, move},
    {"sum_sm_80", 3, sum},          {"pack_sm_80", 2, pack}};

} // namespace

EXPORTED FakeCuda *fake_cuda() { return &fake; }

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

// Declared so that each definition must have the type that moec calls.
#define DECLARE(name, symbol, parameters) EXPORTED CuResult symbol parameters;
MOE_CUDA_FUNCTIONS(DECLARE)
MOE_CUDA_GRAPH_FUNCTIONS(DECLARE)
#undef DECLARE

CuResult cuInit(unsigned) {
  Working working;
  return call("cuInit");
}
CuResult cuDriverGetVersion(int *version) {
  Working working;
  *version = fake.version;
  return call("cuDriverGetVersion");
}
CuResult cuGetErrorName(CuResult error, const char **name) {
  Working working;
  switch (error) {
  case CuResult::InvalidValue:
    *name = "CUDA_ERROR_INVALID_VALUE";
    break;
  case CuResult::OutOfMemory:
    *name = "CUDA_ERROR_OUT_OF_MEMORY";
    break;
  case CuResult::StubLibrary:
    *name = "CUDA_ERROR_STUB_LIBRARY";
    break;
  case CuResult::NoDevice:
    *name = "CUDA_ERROR_NO_DEVICE";
    break;
  case CuResult::NotFound:
    *name = "CUDA_ERROR_NOT_FOUND";
    break;
  case CuResult::UnsupportedPtxVersion:
    *name = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION";
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
CuResult cuGetErrorString(CuResult error, const char **text) {
  Working working;
  *text = error == CuResult::NoDevice ? "no CUDA-capable device is detected"
                                      : nullptr;
  return *text ? CuResult::Success : CuResult::InvalidValue;
}
CuResult cuDeviceGetCount(int *count) {
  Working working;
  *count = fake.devices;
  return call("cuDeviceGetCount");
}
CuResult cuDeviceGet(CuDevice *device, int ordinal) {
  Working working;
  *device = ordinal + 100;
  return call("cuDeviceGet");
}
CuResult cuDeviceGetName(char *name, int size, CuDevice) {
  Working working;
  std::strncpy(name, "Fake GPU", static_cast<size_t>(size));
  return call("cuDeviceGetName");
}
CuResult cuDeviceGetAttribute(int *value, CuDeviceAttribute attribute,
                              CuDevice device) {
  Working working;
  if (device < 100)
    return CuResult::InvalidDevice;
  switch (attribute) {
  case CuDeviceAttribute::ClockRate:
    *value = 1000000;
    break;
  case CuDeviceAttribute::MultiprocessorCount:
    *value = fake.multiprocessors;
    break;
  case CuDeviceAttribute::ComputeCapabilityMajor:
    *value = fake.capability / 10;
    break;
  case CuDeviceAttribute::ComputeCapabilityMinor:
    *value = fake.capability % 10;
    break;
  case CuDeviceAttribute::MaxSharedMemoryPerBlockOptin:
    *value = fake.sharedBytes;
    break;
  }
  return call("cuDeviceGetAttribute");
}
CuResult cuDevicePrimaryCtxRetain(CuContext *context, CuDevice device) {
  Working working;
  *context = reinterpret_cast<CuContext>(static_cast<uintptr_t>(device));
  return call("cuDevicePrimaryCtxRetain");
}
CuResult cuDevicePrimaryCtxRelease_v2(CuDevice) {
  Working working;
  return call("cuDevicePrimaryCtxRelease");
}
CuResult cuCtxPushCurrent_v2(CuContext) {
  Working working;
  return call("cuCtxPushCurrent");
}
CuResult cuCtxPopCurrent_v2(CuContext *) {
  Working working;
  return call("cuCtxPopCurrent");
}
CuResult cuMemGetInfo_v2(size_t *free, size_t *total) {
  Working working;
  *free = fake.memory - fake.allocated;
  *total = fake.memory;
  return CuResult::Success;
}
CuResult cuMemAlloc_v2(CuDevicePtr *memory, size_t bytes) {
  Working working;
  if (CuResult result = call("cuMemAlloc", std::to_string(bytes));
      result != CuResult::Success || capturing)
    return capturing ? notWhileCapturing() : result;
  if (fake.allocated + bytes > fake.memory)
    return CuResult::OutOfMemory;
  void *block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(block, 0xFF, bytes);
  *memory = reinterpret_cast<CuDevicePtr>(block);
  blocks[*memory] = bytes;
  fake.allocated += bytes;
  ++fake.allocations;
  return CuResult::Success;
}
CuResult cuMemFree_v2(CuDevicePtr memory) {
  Working working;
  auto block = blocks.find(memory);
  if (block == blocks.end())
    return CuResult::InvalidValue;
  fake.allocated -= block->second;
  --fake.allocations;
  blocks.erase(block);
  std::free(reinterpret_cast<void *>(memory));
  return call("cuMemFree");
}
CuResult cuMemAllocHost_v2(void **memory, size_t bytes) {
  Working working;
  *memory = std::malloc(bytes);
  ++fake.pinned;
  return call("cuMemAllocHost", std::to_string(bytes));
}
CuResult cuMemFreeHost(void *memory) {
  Working working;
  std::free(memory);
  --fake.pinned;
  return call("cuMemFreeHost");
}
CuResult cuMemcpyHtoDAsync_v2(CuDevicePtr target, const void *source,
                              size_t bytes, CuStream stream) {
  Working working;
  if (!onDevice(target, bytes) ||
      onDevice(reinterpret_cast<CuDevicePtr>(source), 1))
    return CuResult::InvalidValue;
  enqueue(stream, [=] {
    std::memcpy(reinterpret_cast<void *>(target), source, bytes);
  });
  return call("cuMemcpyHtoDAsync",
              std::to_string(bytes) + " stream " + text(stream));
}
CuResult cuMemcpyDtoHAsync_v2(void *target, CuDevicePtr source, size_t bytes,
                              CuStream stream) {
  Working working;
  if (!onDevice(source, bytes) ||
      onDevice(reinterpret_cast<CuDevicePtr>(target), 1))
    return CuResult::InvalidValue;
  enqueue(stream, [=] {
    std::memcpy(target, reinterpret_cast<void *>(source), bytes);
  });
  return call("cuMemcpyDtoHAsync",
              std::to_string(bytes) + " stream " + text(stream));
}
CuResult cuMemcpyDtoDAsync_v2(CuDevicePtr target, CuDevicePtr source,
                              size_t bytes, CuStream stream) {
  Working working;
  if (!onDevice(target, bytes) || !onDevice(source, bytes))
    return CuResult::InvalidValue;
  enqueue(stream, [=] {
    std::memcpy(reinterpret_cast<void *>(target),
                reinterpret_cast<void *>(source), bytes);
  });
  return call("cuMemcpyDtoDAsync",
              std::to_string(bytes) + " stream " + text(stream));
}
CuResult cuMemsetD32Async(CuDevicePtr memory, unsigned value, size_t words,
                          CuStream stream) {
  Working working;
  if (!onDevice(memory, words * sizeof(value)))
    return CuResult::InvalidValue;
  enqueue(stream, [=] {
    std::fill_n(reinterpret_cast<unsigned *>(memory), words, value);
  });
  return call("cuMemsetD32Async", std::to_string(words));
}
CuResult cuModuleLoadDataEx(CuModule *module, const void *image, unsigned count,
                            CuJitOption *options, void **values) {
  Working working;
  loadedImage.assign(static_cast<const char *>(image), 5);
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == CuJitOption::ErrorLogBuffer)
      std::strcpy(static_cast<char *>(values[i]), "what the driver says");
  *module = reinterpret_cast<CuModule>(1);
  return call("cuModuleLoadDataEx", loadedImage);
}
CuResult cuModuleUnload(CuModule) {
  Working working;
  return call("cuModuleUnload");
}
CuResult cuModuleGetFunction(CuFunction *function, CuModule, const char *name) {
  Working working;
  for (const Function &known : functions)
    if (std::strcmp(known.name, name) == 0) {
      *function = reinterpret_cast<CuFunction>(const_cast<Function *>(&known));
      return call("cuModuleGetFunction", name);
    }
  return CuResult::NotFound;
}
CuResult cuFuncGetAttribute(int *value, CuFunctionAttribute, CuFunction) {
  Working working;
  *value = fake.localBytes;
  return call("cuFuncGetAttribute");
}
CuResult cuFuncSetAttribute(CuFunction, CuFunctionAttribute attribute,
                            int value) {
  Working working;
  return call("cuFuncSetAttribute",
              std::to_string(static_cast<int>(attribute)) + " = " +
                  std::to_string(value));
}
CuResult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *count, CuFunction,
                                                     int, size_t) {
  Working working;
  *count = fake.blocksPerMultiprocessor;
  return call("cuOccupancyMaxActiveBlocksPerMultiprocessor");
}
CuResult cuOccupancyMaxActiveClusters(int *count, CuFunction,
                                      const CuLaunchConfig *) {
  Working working;
  *count = fake.multiprocessors;
  return call("cuOccupancyMaxActiveClusters");
}
CuResult cuLaunchKernelEx(const CuLaunchConfig *config, CuFunction function,
                          void **parameters, void **) {
  Working working;
  const auto &known = *reinterpret_cast<const Function *>(function);
  std::string what = std::string(known.name) + " grid " +
                     std::to_string(config->gridX) + " block " +
                     std::to_string(config->blockX) + " smem " +
                     std::to_string(config->sharedMemBytes) + " stream " +
                     text(config->stream);
  for (unsigned i = 0; i < config->numAttributes; ++i)
    if (config->attributes[i].id == CuLaunchAttributeId::ClusterDimension)
      what += " cluster " +
              std::to_string(config->attributes[i].value.clusterDim.x);
  const CuResult result = call("cuLaunchKernelEx", what);
  if (result != CuResult::Success || !fake.runsKernels)
    return result;
  // A launch has its parameters by value.
  std::vector<int64_t> values;
  for (size_t i = 0; i <= known.tasks; ++i)
    values.push_back(*static_cast<int64_t *>(parameters[i]));
  const int64_t grid = config->gridX;
  enqueue(config->stream, [values, grid, &known]() mutable {
    std::vector<void *> places;
    for (int64_t &value : values)
      places.push_back(&value);
    const Parameters list(places.data());
    for (int64_t block = 0; block < grid; ++block)
      for (int64_t task = block; task < values[known.tasks]; task += grid)
        known.body(list, task);
  });
  return CuResult::Success;
}
CuResult cuTensorMapEncodeTiled(CuTensorMap *map, CuTensorMapType type,
                                uint32_t rank, void *base,
                                const uint64_t *sizes, const uint64_t *strides,
                                const uint32_t *box, const uint32_t *steps,
                                int interleave, CuTensorMapSwizzle swizzle,
                                int promotion, int fill) {
  Working working;
  if (reinterpret_cast<uintptr_t>(map) % 128 ||
      !onDevice(reinterpret_cast<CuDevicePtr>(base), 1) || interleave || fill ||
      promotion != 2)
    return CuResult::InvalidValue;
  auto list = [&](const char *name, const auto *values, uint32_t count) {
    std::string text = std::string(" ") + name;
    for (uint32_t i = 0; i < count; ++i)
      text += (i ? "x" : " ") + std::to_string(values[i]);
    return text;
  };
  fake.tensorMaps.push_back(
      "type " + std::to_string(static_cast<int>(type)) +
      list("sizes", sizes, rank) + list("strides", strides, rank - 1) +
      list("box", box, rank) + list("steps", steps, rank) + " swizzle " +
      std::to_string(static_cast<int>(swizzle)));
  return call("cuTensorMapEncodeTiled");
}
CuResult cuStreamCreate(CuStream *stream, unsigned) {
  Working working;
  *stream = reinterpret_cast<CuStream>(7);
  return call("cuStreamCreate");
}
CuResult cuStreamDestroy_v2(CuStream) {
  Working working;
  return call("cuStreamDestroy");
}
CuResult cuStreamSynchronize(CuStream stream) {
  Working working;
  if (capturing)
    return notWhileCapturing();
  return call("cuStreamSynchronize", text(stream));
}
CuResult cuStreamBeginCapture_v2(CuStream stream, int) {
  Working working;
  capturing = stream;
  captured.clear();
  return call("cuStreamBeginCapture", text(stream));
}
CuResult cuStreamEndCapture(CuStream, CuGraph *graph) {
  Working working;
  capturing = nullptr;
  *graph = reinterpret_cast<CuGraph>(
      new std::vector<std::function<void()>>(std::move(captured)));
  return call("cuStreamEndCapture");
}
CuResult cuGraphInstantiateWithFlags(CuGraphExec *exec, CuGraph graph,
                                     unsigned long long) {
  Working working;
  *exec = reinterpret_cast<CuGraphExec>(graph);
  return call("cuGraphInstantiateWithFlags");
}
CuResult cuGraphLaunch(CuGraphExec exec, CuStream) {
  Working working;
  for (const std::function<void()> &work :
       *reinterpret_cast<std::vector<std::function<void()>> *>(exec))
    work();
  return call("cuGraphLaunch");
}
CuResult cuGraphExecDestroy(CuGraphExec) {
  Working working;
  return call("cuGraphExecDestroy");
}
CuResult cuGraphDestroy(CuGraph graph) {
  Working working;
  delete reinterpret_cast<std::vector<std::function<void()>> *>(graph);
  return call("cuGraphDestroy");
}
CuResult cuEventCreate(CuEvent *event, unsigned) {
  Working working;
  *event = reinterpret_cast<CuEvent>(9);
  return call("cuEventCreate");
}
CuResult cuEventDestroy_v2(CuEvent) {
  Working working;
  return call("cuEventDestroy");
}
CuResult cuEventRecord(CuEvent, CuStream) {
  Working working;
  return call("cuEventRecord");
}
CuResult cuEventSynchronize(CuEvent) {
  Working working;
  return call("cuEventSynchronize");
}
CuResult cuEventElapsedTime(float *milliseconds, CuEvent, CuEvent) {
  Working working;
  *milliseconds = 0.5f;
  return call("cuEventElapsedTime");
}

EXPORTED CuResult cuGetProcAddress_v2(const char *name, void **function,
                                      int version, uint64_t, int *) {
  Working working;
  *function = nullptr;
  if (version != abiVersion || name == fake.missing)
    return CuResult::NotFound;
#define FIND(base, symbol, parameters)                                         \
  if (std::strcmp(name, #base) == 0)                                           \
    *function = reinterpret_cast<void *>(symbol);
  MOE_CUDA_FUNCTIONS(FIND)
  MOE_CUDA_GRAPH_FUNCTIONS(FIND)
#undef FIND
  return *function ? CuResult::Success : CuResult::NotFound;
}

#ifdef FAKE_LOADS_TEXT
EXPORTED CuResult moe_sim_load_text(const char *text, size_t size,
                                    const char *arch, CuModule *module,
                                    const char **log) {
  Working working;
  *module = reinterpret_cast<CuModule>(1);
  *log = fake.report.c_str();
  return call("moe_sim_load_text", std::string(text, size) + " as " + arch);
}
EXPORTED const char *moe_sim_report() { return fake.report.c_str(); }
#endif
