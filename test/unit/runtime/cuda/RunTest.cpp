//===- RunTest.cpp - The executor on a GPU ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the executor asks of the driver, and that the sample's numbers come out:
// with tensors in host memory, on the device, and on the device at odd places.
//
//===----------------------------------------------------------------------===//

#include "moe/test/unit/runtime/cuda/CudaSample.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moe::test {
using namespace core;
using testing::ElementsAre;
using testing::IsEmpty;
namespace {

std::string message(const Status &status) {
  return status ? "no error" : status.error().str();
}

Status runOn(const CudaSample &sample, SampleCall &call,
             cuda::Workspace &workspace, cuda::RunOptions options = {}) {
  const std::array<Operand, 2> inputs{call.xOperand(), call.idsOperand()};
  const std::array<Operand, 2> outputs{call.yOperand(), call.sumsOperand()};
  return cuda::run(*sample.bound, *sample.module, inputs, outputs, workspace,
                   options);
}

/// A call whose tensors are in device memory, `offset` bytes from its start.
class DeviceCall {
public:
  DeviceCall(const CudaSample &sample, SampleCall &call, size_t offset)
      : sample(sample), call(call), offset(offset) {
    for (Operand *operand : {&x, &ids, &y, &sums}) {
      Result<cuda::DeviceMemory> memory = cuda::DeviceMemory::allocate(
          sample.device, 4096 + offset, "a tensor");
      if (!memory)
        std::abort();
      std::memcpy(reinterpret_cast<char *>(memory->data()) + offset,
                  operand->data, bytesOf(*operand));
      operand->data = reinterpret_cast<char *>(memory->data()) + offset;
      operand->onDevice = true;
      memories.push_back(*std::move(memory));
    }
  }
  Status run(cuda::Workspace &workspace, cuda::RunOptions options = {}) {
    const std::array<Operand, 2> inputs{x, ids}, outputs{y, sums};
    return cuda::run(*sample.bound, *sample.module, inputs, outputs, workspace,
                     options);
  }
  /// Fetches the outputs.
  int64_t wrong() {
    std::memcpy(call.y.data(), y.data, bytesOf(y));
    std::memcpy(call.sums.data(), sums.data, bytesOf(sums));
    return call.wrong();
  }

  static size_t bytesOf(const Operand &operand) {
    size_t bytes = 4;
    for (int64_t size : operand.shape)
      bytes *= static_cast<size_t>(size);
    return bytes;
  }

  const CudaSample &sample;
  SampleCall &call;
  size_t offset;
  Operand x = call.xOperand(), ids = call.idsOperand(), y = call.yOperand(),
          sums = call.sumsOperand();
  std::vector<cuda::DeviceMemory> memories;
};

TEST(CudaRunTest, HostTensors) {
  fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(1000, true);
  for (int64_t tokens : {0, 1, 2, 7, 8, 9, 100, 999, 1000}) {
    SampleCall call(tokens);
    ASSERT_EQ(message(runOn(sample, call, *workspace)), "no error");
    EXPECT_EQ(call.wrong(), 0) << tokens;
  }
}

TEST(CudaRunTest, WhatTheDriverIsAskedFor) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(16);
  SampleCall call(5);
  DeviceCall device(sample, call, 0);
  fake.calls.clear();
  fake.tensorMaps.clear();
  const auto stream = reinterpret_cast<cuda::CuStream>(uintptr_t(42));
  ASSERT_EQ(message(device.run(*workspace, {stream, false})), "no error");
  EXPECT_EQ(device.wrong(), 0);
  // Nothing is made, freed or waited for.
  EXPECT_THAT(
      fake.calls,
      ElementsAre(
          "cuCtxPushCurrent",
          "cuLaunchKernelEx inspect_sm_80 grid 1 block 32 smem 0 stream 42",
          "cuMemcpyDtoHAsync 8 stream 42", "cuTensorMapEncodeTiled",
          "cuLaunchKernelEx scale_sm_80 grid 5 block 128 smem 100000 stream 42",
          "cuLaunchKernelEx add_bias_sm_80 grid 5 block 32 smem 0 stream 42",
          "cuLaunchKernelEx move_sm_80 grid 20 block 32 smem 0 stream 42 "
          "cluster 2",
          "cuLaunchKernelEx sum_sm_80 grid 5 block 32 smem 0 stream 42",
          "cuCtxPopCurrent"));
  EXPECT_THAT(fake.tensorMaps,
              ElementsAre("type 7 sizes 4x5 strides 16 box 4x8 steps 1x1 "
                          "swizzle 3"));
  std::vector<std::pair<uint32_t, uint64_t>> uses;
  for (const KernelUse &use : workspace->kernels())
    uses.emplace_back(use.launches, use.tasks);
  EXPECT_THAT(uses,
              ElementsAre(std::pair(1, 5), std::pair(1, 1), std::pair(1, 5),
                          std::pair(1, 20), std::pair(1, 5), std::pair(0, 0)));
}

TEST(CudaRunTest, PersistentKernelsFillTheDevice) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(1000);
  SampleCall call(1000);
  fake.calls.clear();
  ASSERT_EQ(message(runOn(sample, call, *workspace)), "no error");
  EXPECT_EQ(call.wrong(), 0);
  EXPECT_THAT(fake.calls,
              testing::Contains("cuLaunchKernelEx scale_sm_80 grid 8 block 128 "
                                "smem 100000 stream 0"));
  EXPECT_THAT(fake.calls, testing::Contains("cuMemcpyDtoDAsync 16000 stream 0"))
      << "from 8 tokens on a step copies";
}

TEST(CudaRunTest, NoTokensAreNoLaunches) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(4);
  SampleCall call(0);
  fake.calls.clear();
  ASSERT_EQ(message(runOn(sample, call, *workspace)), "no error");
  EXPECT_THAT(fake.calls,
              ElementsAre("cuCtxPushCurrent",
                          "cuLaunchKernelEx inspect_sm_80 grid 1 block 32 smem "
                          "0 stream 0",
                          "cuMemcpyDtoHAsync 8 stream 0", "cuCtxPopCurrent"));
}

TEST(CudaRunTest, UnalignedDeviceTensors) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(9);
  SampleCall call(9);
  DeviceCall device(sample, call, 4);
  fake.calls.clear();
  ASSERT_EQ(message(device.run(*workspace)), "no error");
  EXPECT_EQ(device.wrong(), 0);
  EXPECT_EQ(std::count(fake.calls.begin(), fake.calls.end(),
                       "cuMemcpyDtoDAsync 144 stream 0"),
            3)
      << "x in, y out, and the step";
  EXPECT_THAT(fake.calls,
              testing::Not(testing::Contains(testing::HasSubstr("Synch"))));
}

TEST(CudaRunTest, HostAndDeviceTensorsMix) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(9);
  SampleCall call(9);
  DeviceCall device(sample, call, 0);
  device.ids = call.idsOperand();
  fake.calls.clear();
  ASSERT_EQ(message(device.run(*workspace)), "no error");
  EXPECT_EQ(device.wrong(), 0);
  EXPECT_EQ(
      std::count(fake.calls.begin(), fake.calls.end(), "cuStreamSynchronize 0"),
      1)
      << "host memory is the caller's again on return";
}

TEST(CudaRunTest, ChecksOfHostTensorsFailTheRun) {
  fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(16);
  SampleCall call(5);
  call.ids[3] = 7;
  const std::string wrong =
      "E0708: program 'layer': the value at position 3 is out of range";
  EXPECT_EQ(message(runOn(sample, call, *workspace)), wrong);
  EXPECT_EQ(message(workspace->wait()), wrong);
  call.ids[3] = 2;
  EXPECT_EQ(message(runOn(sample, call, *workspace)), "no error");
  EXPECT_EQ(call.wrong(), 0);
}

TEST(CudaRunTest, ChecksOfDeviceTensorsAreToldByWait) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(16);
  EXPECT_EQ(message(workspace->wait()), "no error") << "nothing ran";
  SampleCall call(5);
  call.ids[4] = -2;
  DeviceCall device(sample, call, 0);
  EXPECT_EQ(message(device.run(*workspace)), "no error");
  fake.calls.clear();
  EXPECT_EQ(message(workspace->wait()),
            "E0708: program 'layer': the value at position 4 is out of range");
  EXPECT_THAT(fake.calls,
              ElementsAre("cuCtxPushCurrent", "cuStreamSynchronize 0",
                          "cuCtxPopCurrent"));
}

TEST(CudaRunTest, Graphs) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(16, true);
  SampleCall call(9), other(5, 3);
  // Unaligned, so that copies are captured too.
  DeviceCall device(sample, call, 4), otherDevice(sample, other, 0);
  const cuda::Driver &driver = sample.device->driver();
  const auto stream = reinterpret_cast<cuda::CuStream>(uintptr_t(42));
  ASSERT_EQ(driver.cuStreamBeginCapture(stream, 0), cuda::CuResult::Success);
  const size_t before = fake.allocations;
  ASSERT_EQ(message(device.run(*workspace, {stream, false})), "no error");
  EXPECT_EQ(fake.allocations, before);
  cuda::CuGraph graph = nullptr;
  ASSERT_EQ(driver.cuStreamEndCapture(stream, &graph), cuda::CuResult::Success);
  cuda::CuGraphExec exec = nullptr;
  ASSERT_EQ(driver.cuGraphInstantiateWithFlags(&exec, graph, 0),
            cuda::CuResult::Success);
  EXPECT_GT(device.wrong(), 0) << "nothing has run";

  // Another run uses the workspace's tables in between.
  ASSERT_EQ(message(otherDevice.run(*workspace, {stream, false})), "no error");
  EXPECT_EQ(otherDevice.wrong(), 0);
  ASSERT_EQ(driver.cuGraphLaunch(exec, stream), cuda::CuResult::Success);
  EXPECT_EQ(message(workspace->wait()), "no error");
  EXPECT_EQ(device.wrong(), 0);

  // A replay's checks are told.
  static_cast<int32_t *>(device.ids.data)[7] = 99;
  ASSERT_EQ(driver.cuGraphLaunch(exec, stream), cuda::CuResult::Success);
  EXPECT_EQ(message(workspace->wait()),
            "E0708: program 'layer': the value at position 7 is out of range");
  driver.cuGraphDestroy(graph);
}

TEST(CudaRunTest, HostTensorsAreNotCaptured) {
  fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(16);
  SampleCall call(9);
  const cuda::Driver &driver = sample.device->driver();
  const auto stream = reinterpret_cast<cuda::CuStream>(uintptr_t(42));
  ASSERT_EQ(driver.cuStreamBeginCapture(stream, 0), cuda::CuResult::Success);
  EXPECT_EQ(message(runOn(sample, call, *workspace, {stream, false})),
            "E0809: running program 'layer': CUDA error (900); a run is "
            "captured only if all of its tensors are on the GPU");
  cuda::CuGraph graph = nullptr;
  driver.cuStreamEndCapture(stream, &graph);
  driver.cuGraphDestroy(graph);
}

TEST(CudaRunTest, Timing) {
  fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(16);
  SampleCall call(5);
  ASSERT_EQ(message(runOn(sample, call, *workspace, {nullptr, true})),
            "no error");
  for (const KernelUse &use : workspace->kernels())
    EXPECT_EQ(use.nanoseconds, use.launches * 500000u);
}

TEST(CudaRunTest, EverythingIsFreed) {
  FakeCuda &fake = fakeCuda();
  {
    CudaSample sample;
    std::unique_ptr<cuda::Workspace> workspace = sample.workspace(16);
    EXPECT_GT(fake.allocations, 0u);
    EXPECT_GT(fake.pinned, 0u);
  }
  EXPECT_EQ(fake.allocations, 0u);
  EXPECT_EQ(fake.pinned, 0u);
  EXPECT_THAT(fake.calls, testing::Contains("cuModuleUnload"));
  EXPECT_THAT(fake.calls, testing::Contains("cuDevicePrimaryCtxRelease"));
}

TEST(CudaRunTest, Mistakes) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  std::unique_ptr<cuda::Workspace> workspace = sample.workspace(4);
  SampleCall large(5), call(3);
  EXPECT_EQ(message(runOn(sample, large, *workspace)),
            "E0707: the run needs a workspace of 640 bytes, this one has 448; "
            "make it for larger dimensions");
  Operand x = call.xOperand();
  x.dtype = DType::BF16;
  EXPECT_EQ(
      message(cuda::run(*sample.bound, *sample.module,
                        std::array{x, call.idsOperand()}, {}, *workspace)),
      "E0703: input 'hidden_states' is bf16, the program was compiled "
      "for f32");
  fake.failing = "cuLaunchKernelEx";
  fake.failAfter = 1;
  EXPECT_EQ(message(runOn(sample, call, *workspace)),
            "E0809: kernel 'scale_sm_80' could not be launched: "
            "CUDA_ERROR_INVALID_VALUE (1)");
  fake.failing = "cuStreamSynchronize";
  fake.failAfter = 0;
  fake.failure = cuda::CuResult::LaunchFailed;
  EXPECT_EQ(message(runOn(sample, call, *workspace)),
            "E0809: running program 'layer': CUDA_ERROR_LAUNCH_FAILED (719)");
  fake.failing = "cuTensorMapEncodeTiled";
  fake.failure = cuda::CuResult::InvalidValue;
  EXPECT_EQ(message(runOn(sample, call, *workspace)),
            "E0809: kernel 'scale_sm_80' has a tensor map that the driver "
            "refuses: CUDA_ERROR_INVALID_VALUE (1)");
}

TEST(CudaRunTest, MoreMemoryThanTheGpuHas) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  Result<WorkspaceSize> size =
      sample.program->workspaceSize(std::vector<int64_t>{1000}, 1);
  ASSERT_TRUE(size);
  fake.memory = 20000;
  Result<std::unique_ptr<cuda::Workspace>> workspace =
      cuda::Workspace::create(*sample.module, *size);
  ASSERT_FALSE(workspace);
  EXPECT_EQ(workspace.error().str(),
            "E0710: the workspace needs 56192 bytes on the GPU: "
            "CUDA_ERROR_OUT_OF_MEMORY (2); 19936 of 20000 bytes are free on "
            "the GPU");
}

} // namespace
} // namespace moe::test
