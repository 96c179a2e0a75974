//===- CudaAbi.h - What moec uses of the CUDA driver ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver's binary interface in our own words, so that building moec needs
// no CUDA. A test compares sizes, offsets and numbers with cuda.h where that is
// installed. The simulator (tools/cudasim) and the tests' fake driver implement
// the table at the end.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_CUDAABI_H
#define MOE_RUNTIME_CUDA_CUDAABI_H

#include <cstddef>
#include <cstdint>

namespace moe::cuda {

/// The interface that is asked for, as cuGetProcAddress counts; the oldest
/// driver that has all of it is CUDA 12.0's.
inline constexpr int abiVersion = 12000;

/// CUresult. Those that we name; a driver may return others.
enum class CuResult : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  StubLibrary = 34,
  DeviceUnavailable = 46,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidImage = 200,
  NoBinaryForGpu = 209,
  InvalidPtx = 218,
  JitCompilerNotFound = 221,
  UnsupportedPtxVersion = 222,
  NotFound = 500,
  LaunchFailed = 719,
  SystemDriverMismatch = 803,
  CompatNotSupported = 804,
  StreamCaptureUnsupported = 900,
};

using CuDevice = int;
using CuDevicePtr = uint64_t;
using CuContext = struct CuContextOpaque *;
using CuModule = struct CuModuleOpaque *;
using CuFunction = struct CuFunctionOpaque *;
/// cudaStream_t is the same pointer. Null is the legacy default stream.
using CuStream = struct CuStreamOpaque *;
using CuEvent = struct CuEventOpaque *;
using CuGraph = struct CuGraphOpaque *;
using CuGraphExec = struct CuGraphExecOpaque *;

enum class CuDeviceAttribute : int {
  ClockRate = 13, ///< kHz
  MultiprocessorCount = 16,
  ComputeCapabilityMajor = 75,
  ComputeCapabilityMinor = 76,
  MaxSharedMemoryPerBlockOptin = 97,
};

enum class CuFunctionAttribute : int {
  LocalSizeBytes = 3,
  NumRegs = 4,
  MaxDynamicSharedSizeBytes = 8,
  NonPortableClusterSizeAllowed = 14,
};

enum class CuJitOption : int {
  InfoLogBuffer = 3,
  InfoLogBufferSizeBytes = 4,
  ErrorLogBuffer = 5,
  ErrorLogBufferSizeBytes = 6,
};

/// Flags: a stream that does not wait for the legacy one.
inline constexpr unsigned streamNonBlocking = 1;

enum class CuLaunchAttributeId : int { ClusterDimension = 4 };

struct CuLaunchAttribute {
  CuLaunchAttributeId id;
  char pad[4];
  union {
    char bytes[64];
    struct {
      unsigned x, y, z;
    } clusterDim;
  } value;
};
static_assert(sizeof(CuLaunchAttribute) == 72);

struct CuLaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedMemBytes;
  CuStream stream;
  CuLaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(CuLaunchConfig) == 56);

/// CUtensorMap, whose alignment was 64 before CUDA 13.
struct alignas(128) CuTensorMap {
  uint64_t opaque[16];
};
static_assert(sizeof(CuTensorMap) == 128);

enum class CuTensorMapType : int {
  UInt8 = 0,
  Int32 = 3,
  Int64 = 5,
  Float16 = 6,
  Float32 = 7,
  Float64 = 8,
  BFloat16 = 9,
};
enum class CuTensorMapSwizzle : int { None = 0, B32 = 1, B64 = 2, B128 = 3 };
/// No interleaving (0), promotion to 128 bytes (2), zeros outside (0).
inline constexpr int tensorMapInterleaveNone = 0;
inline constexpr int tensorMapPromotionL2128B = 2;
inline constexpr int tensorMapFillZero = 0;

/// X(name, symbol, parameters): what is asked for by `name` through
/// cuGetProcAddress_v2 with abiVersion, which a driver exports as `symbol`.
#define MOE_CUDA_FUNCTIONS(X)                                                  \
  X(cuInit, cuInit, (unsigned flags))                                          \
  X(cuDriverGetVersion, cuDriverGetVersion, (int *version))                    \
  X(cuGetErrorName, cuGetErrorName, (CuResult error, const char **name))       \
  X(cuGetErrorString, cuGetErrorString, (CuResult error, const char **text))   \
  X(cuDeviceGetCount, cuDeviceGetCount, (int *count))                          \
  X(cuDeviceGet, cuDeviceGet, (CuDevice * device, int ordinal))                \
  X(cuDeviceGetName, cuDeviceGetName, (char *name, int size, CuDevice device)) \
  X(cuDeviceGetAttribute, cuDeviceGetAttribute,                                \
    (int *value, CuDeviceAttribute attribute, CuDevice device))                \
  X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain,                        \
    (CuContext * context, CuDevice device))                                    \
  X(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2,                   \
    (CuDevice device))                                                         \
  X(cuCtxPushCurrent, cuCtxPushCurrent_v2, (CuContext context))                \
  X(cuCtxPopCurrent, cuCtxPopCurrent_v2, (CuContext * context))                \
  X(cuMemGetInfo, cuMemGetInfo_v2, (size_t *free, size_t *total))              \
  X(cuMemAlloc, cuMemAlloc_v2, (CuDevicePtr * memory, size_t bytes))           \
  X(cuMemFree, cuMemFree_v2, (CuDevicePtr memory))                             \
  X(cuMemAllocHost, cuMemAllocHost_v2, (void **memory, size_t bytes))          \
  X(cuMemFreeHost, cuMemFreeHost, (void *memory))                              \
  X(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2,                                   \
    (CuDevicePtr target, const void *source, size_t bytes, CuStream stream))   \
  X(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2,                                   \
    (void *target, CuDevicePtr source, size_t bytes, CuStream stream))         \
  X(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2,                                   \
    (CuDevicePtr target, CuDevicePtr source, size_t bytes, CuStream stream))   \
  X(cuMemsetD32Async, cuMemsetD32Async,                                        \
    (CuDevicePtr memory, unsigned value, size_t words, CuStream stream))       \
  X(cuModuleLoadDataEx, cuModuleLoadDataEx,                                    \
    (CuModule * module, const void *image, unsigned numOptions,                \
     CuJitOption *options, void **values))                                     \
  X(cuModuleUnload, cuModuleUnload, (CuModule module))                         \
  X(cuModuleGetFunction, cuModuleGetFunction,                                  \
    (CuFunction * function, CuModule module, const char *name))                \
  X(cuFuncGetAttribute, cuFuncGetAttribute,                                    \
    (int *value, CuFunctionAttribute attribute, CuFunction function))          \
  X(cuFuncSetAttribute, cuFuncSetAttribute,                                    \
    (CuFunction function, CuFunctionAttribute attribute, int value))           \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor,                               \
    cuOccupancyMaxActiveBlocksPerMultiprocessor,                               \
    (int *blocks, CuFunction function, int blockSize, size_t sharedBytes))     \
  X(cuOccupancyMaxActiveClusters, cuOccupancyMaxActiveClusters,                \
    (int *clusters, CuFunction function, const CuLaunchConfig *config))        \
  X(cuLaunchKernelEx, cuLaunchKernelEx,                                        \
    (const CuLaunchConfig *config, CuFunction function, void **parameters,     \
     void **extra))                                                            \
  X(cuTensorMapEncodeTiled, cuTensorMapEncodeTiled,                            \
    (CuTensorMap * map, CuTensorMapType type, uint32_t rank, void *base,       \
     const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,      \
     const uint32_t *elementStrides, int interleave,                           \
     CuTensorMapSwizzle swizzle, int promotion, int fill))                     \
  X(cuStreamCreate, cuStreamCreate, (CuStream * stream, unsigned flags))       \
  X(cuStreamDestroy, cuStreamDestroy_v2, (CuStream stream))                    \
  X(cuStreamSynchronize, cuStreamSynchronize, (CuStream stream))               \
  X(cuEventCreate, cuEventCreate, (CuEvent * event, unsigned flags))           \
  X(cuEventDestroy, cuEventDestroy_v2, (CuEvent event))                        \
  X(cuEventRecord, cuEventRecord, (CuEvent event, CuStream stream))            \
  X(cuEventSynchronize, cuEventSynchronize, (CuEvent event))                   \
  X(cuEventElapsedTime, cuEventElapsedTime,                                    \
    (float *milliseconds, CuEvent begin, CuEvent end))

/// The same for functions that only tests and benchmarks call: a simulator need
/// not have them.
#define MOE_CUDA_GRAPH_FUNCTIONS(X)                                            \
  X(cuStreamBeginCapture, cuStreamBeginCapture_v2,                             \
    (CuStream stream, int mode))                                               \
  X(cuStreamEndCapture, cuStreamEndCapture,                                    \
    (CuStream stream, CuGraph * graph))                                        \
  X(cuGraphInstantiateWithFlags, cuGraphInstantiateWithFlags,                  \
    (CuGraphExec * exec, CuGraph graph, unsigned long long flags))             \
  X(cuGraphLaunch, cuGraphLaunch, (CuGraphExec exec, CuStream stream))         \
  X(cuGraphExecDestroy, cuGraphExecDestroy, (CuGraphExec exec))                \
  X(cuGraphDestroy, cuGraphDestroy, (CuGraph graph))

/// The only symbol that is looked up by name. `status` gets 0 where found.
inline constexpr const char *getProcAddressSymbol = "cuGetProcAddress_v2";
using CuGetProcAddress = CuResult (*)(const char *name, void **function,
                                      int version, uint64_t flags, int *status);

/// A driver that exports this is handed a variant's text in place of its cubin
/// (tools/cudasim). `arch` ("sm_90a") is what it plays; `log` lives until the
/// thread's next call.
inline constexpr const char *loadTextSymbol = "moe_sim_load_text";
using LoadText = CuResult (*)(const char *text, size_t size, const char *arch,
                              CuModule *module, const char **log);
/// What went wrong in the last launch that failed, a line each.
inline constexpr const char *reportSymbol = "moe_sim_report";
using Report = const char *(*)();

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_CUDAABI_H
