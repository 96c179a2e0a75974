//===- AbiTest.cpp - Our words for the driver against cuda.h ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where CUDA's header is installed, every size, offset, number and signature
// of CudaAbi.h is compared with it.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/CudaAbi.h"

#include "gtest/gtest.h"

#include <type_traits>

#ifdef MOEC_HAS_CUDA_H
#include <cuda.h>

namespace {
using namespace moe::cuda;

#define SAME(ours, theirs)                                                     \
  static_assert(static_cast<int>(ours) == static_cast<int>(theirs))
SAME(CuResult::Success, CUDA_SUCCESS);
SAME(CuResult::InvalidValue, CUDA_ERROR_INVALID_VALUE);
SAME(CuResult::OutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(CuResult::NotInitialized, CUDA_ERROR_NOT_INITIALIZED);
SAME(CuResult::StubLibrary, CUDA_ERROR_STUB_LIBRARY);
SAME(CuResult::DeviceUnavailable, CUDA_ERROR_DEVICE_UNAVAILABLE);
SAME(CuResult::NoDevice, CUDA_ERROR_NO_DEVICE);
SAME(CuResult::InvalidDevice, CUDA_ERROR_INVALID_DEVICE);
SAME(CuResult::InvalidImage, CUDA_ERROR_INVALID_IMAGE);
SAME(CuResult::NoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME(CuResult::InvalidPtx, CUDA_ERROR_INVALID_PTX);
SAME(CuResult::JitCompilerNotFound, CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
SAME(CuResult::UnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
SAME(CuResult::NotFound, CUDA_ERROR_NOT_FOUND);
SAME(CuResult::LaunchFailed, CUDA_ERROR_LAUNCH_FAILED);
SAME(CuResult::SystemDriverMismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
SAME(CuResult::CompatNotSupported, CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE);
SAME(CuResult::StreamCaptureUnsupported, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);

SAME(CuDeviceAttribute::ClockRate, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
SAME(CuDeviceAttribute::MultiprocessorCount,
     CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(CuDeviceAttribute::ComputeCapabilityMajor,
     CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(CuDeviceAttribute::ComputeCapabilityMinor,
     CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(CuDeviceAttribute::MaxSharedMemoryPerBlockOptin,
     CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME(CuFunctionAttribute::LocalSizeBytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
SAME(CuFunctionAttribute::NumRegs, CU_FUNC_ATTRIBUTE_NUM_REGS);
SAME(CuFunctionAttribute::MaxDynamicSharedSizeBytes,
     CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(CuFunctionAttribute::NonPortableClusterSizeAllowed,
     CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
SAME(CuJitOption::InfoLogBuffer, CU_JIT_INFO_LOG_BUFFER);
SAME(CuJitOption::InfoLogBufferSizeBytes, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES);
SAME(CuJitOption::ErrorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
SAME(CuJitOption::ErrorLogBufferSizeBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
SAME(streamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(CuLaunchAttributeId::ClusterDimension,
     CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
SAME(CuTensorMapType::UInt8, CU_TENSOR_MAP_DATA_TYPE_UINT8);
SAME(CuTensorMapType::Int32, CU_TENSOR_MAP_DATA_TYPE_INT32);
SAME(CuTensorMapType::Int64, CU_TENSOR_MAP_DATA_TYPE_INT64);
SAME(CuTensorMapType::Float16, CU_TENSOR_MAP_DATA_TYPE_FLOAT16);
SAME(CuTensorMapType::Float32, CU_TENSOR_MAP_DATA_TYPE_FLOAT32);
SAME(CuTensorMapType::Float64, CU_TENSOR_MAP_DATA_TYPE_FLOAT64);
SAME(CuTensorMapType::BFloat16, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16);
SAME(CuTensorMapSwizzle::None, CU_TENSOR_MAP_SWIZZLE_NONE);
SAME(CuTensorMapSwizzle::B32, CU_TENSOR_MAP_SWIZZLE_32B);
SAME(CuTensorMapSwizzle::B64, CU_TENSOR_MAP_SWIZZLE_64B);
SAME(CuTensorMapSwizzle::B128, CU_TENSOR_MAP_SWIZZLE_128B);
SAME(tensorMapInterleaveNone, CU_TENSOR_MAP_INTERLEAVE_NONE);
SAME(tensorMapPromotionL2128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B);
SAME(tensorMapFillZero, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);

#define SAME_PLACE(ours, ourField, theirs, theirField)                         \
  static_assert(offsetof(ours, ourField) == offsetof(theirs, theirField))
static_assert(sizeof(CuDevicePtr) == sizeof(CUdeviceptr));
static_assert(sizeof(CuDevice) == sizeof(CUdevice));
static_assert(sizeof(CuLaunchConfig) == sizeof(CUlaunchConfig));
SAME_PLACE(CuLaunchConfig, gridX, CUlaunchConfig, gridDimX);
SAME_PLACE(CuLaunchConfig, blockX, CUlaunchConfig, blockDimX);
SAME_PLACE(CuLaunchConfig, sharedMemBytes, CUlaunchConfig, sharedMemBytes);
SAME_PLACE(CuLaunchConfig, stream, CUlaunchConfig, hStream);
SAME_PLACE(CuLaunchConfig, attributes, CUlaunchConfig, attrs);
SAME_PLACE(CuLaunchConfig, numAttributes, CUlaunchConfig, numAttrs);
static_assert(sizeof(CuLaunchAttribute) == sizeof(CUlaunchAttribute));
SAME_PLACE(CuLaunchAttribute, id, CUlaunchAttribute, id);
SAME_PLACE(CuLaunchAttribute, value, CUlaunchAttribute, value);
SAME_PLACE(CuLaunchAttribute, value.clusterDim, CUlaunchAttribute,
           value.clusterDim);
static_assert(sizeof(CuTensorMap) == sizeof(CUtensorMap));
static_assert(alignof(CuTensorMap) >= alignof(CUtensorMap));

/// A type as the machine passes it: pointers, integers of a size, floats.
template <typename T> constexpr int passed() {
  if (std::is_pointer_v<T>)
    return 100;
  return std::is_floating_point_v<T> ? -static_cast<int>(sizeof(T))
                                     : static_cast<int>(sizeof(T));
}
template <typename Ours, typename Theirs> struct SamePassing;
template <typename... Ours, typename... Theirs>
struct SamePassing<CuResult (*)(Ours...), CUresult (*)(Theirs...)> {
  static constexpr bool value = sizeof...(Ours) == sizeof...(Theirs) &&
                                ((passed<Ours>() == passed<Theirs>()) && ...);
};
/// cuda.h declares each function under its symbol, or under its name where a
/// macro renames it.
#define SIGNATURE(name, symbol, parameters)                                    \
  static_assert(SamePassing<CuResult(*) parameters, decltype(&::name)>::value);
MOE_CUDA_FUNCTIONS(SIGNATURE)
MOE_CUDA_GRAPH_FUNCTIONS(SIGNATURE)

TEST(CudaAbiTest, AgreesWithTheHeader) { EXPECT_GE(CUDA_VERSION, abiVersion); }
} // namespace
#else
TEST(CudaAbiTest, AgreesWithTheHeader) {
  GTEST_SKIP() << "cuda.h is not installed";
}
#endif
