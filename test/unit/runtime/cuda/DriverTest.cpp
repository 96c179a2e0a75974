//===- DriverTest.cpp - Drivers that are not there or do not fit -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each way in which there is no GPU to run on has its message.
//
//===----------------------------------------------------------------------===//

#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/cuda/CudaSample.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <fstream>

namespace moe::test {
using namespace core;
using namespace cuda;
namespace {

/// The message of loading the fake, without its folder.
std::string loadError(const std::string &path = fakeDriverPath()) {
  Result<std::shared_ptr<const Driver>> driver = Driver::load(path);
  if (driver)
    return "no error";
  std::string text = driver.error().str();
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  for (size_t at; (at = text.find(folder)) != std::string::npos;)
    text.erase(at, folder.size());
  return text;
}

TEST(CudaDriverTest, Absent) {
  TemporaryFolder folder;
  EXPECT_EQ(loadError(folder / "libcuda.so.1"),
            "E0806: no CUDA driver: 'libcuda.so.1' does not exist; install the "
            "NVIDIA driver, or set MOE_CUDA_DRIVER to the path of "
            "libcuda.so.1");
  std::ofstream(folder / "libcuda.so.1") << "no library";
  EXPECT_EQ(loadError(folder / "libcuda.so.1"),
            "E0806: no CUDA driver: 'libcuda.so.1' cannot be loaded: "
            "libcuda.so.1: file too short; install the NVIDIA driver, or set "
            "MOE_CUDA_DRIVER to the path of libcuda.so.1");
}

TEST(CudaDriverTest, TheEnvironmentNamesIt) {
  setenv("MOE_CUDA_DRIVER", "/nonexistent/libcuda.so", 1);
  Result<std::shared_ptr<const Driver>> driver = Driver::load();
  unsetenv("MOE_CUDA_DRIVER");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().str(),
            "E0806: no CUDA driver: '/nonexistent/libcuda.so' does not exist; "
            "install the NVIDIA driver, or set MOE_CUDA_DRIVER to the path of "
            "libcuda.so.1");
}

TEST(CudaDriverTest, AnotherLibrary) {
  EXPECT_EQ(loadError(MOEC_NO_CUDA),
            "E0806: no CUDA driver: 'libmoe_fake_compiler.so' has no function "
            "cuDriverGetVersion; set MOE_CUDA_DRIVER to the path of "
            "libcuda.so.1");
}

TEST(CudaDriverTest, TooOld) {
  FakeCuda &fake = fakeCuda();
  fake.version = 11040;
  EXPECT_EQ(loadError(),
            "E0807: the CUDA driver 'libmoe_fake_cuda.so' is too old: it is "
            "CUDA 11.4's; install a driver of CUDA 12.0 or later");
  fakeCuda().missing = "cuTensorMapEncodeTiled";
  EXPECT_EQ(loadError(),
            "E0807: the CUDA driver 'libmoe_fake_cuda.so' is too old: it has "
            "no cuTensorMapEncodeTiled; install a driver of CUDA 12.0 or "
            "later");
}

TEST(CudaDriverTest, NoDevice) {
  const std::string before = "E0808: the CUDA driver 'libmoe_fake_cuda.so' has "
                             "no GPU to run on: ";
  const std::string after = "; check nvidia-smi, CUDA_VISIBLE_DEVICES and, in "
                            "a container, that it was given the GPU";
  fakeCuda().devices = 0;
  EXPECT_EQ(loadError(), before + "it counts none" + after);
  FakeCuda &fake = fakeCuda();
  fake.failing = "cuInit";
  fake.failure = CuResult::NoDevice;
  EXPECT_EQ(loadError(),
            before +
                "cuInit: CUDA_ERROR_NO_DEVICE (100), no CUDA-capable "
                "device is detected" +
                after);
  fakeCuda().failing = "cuInit";
  fake.failure = CuResult::StubLibrary;
  EXPECT_EQ(loadError(),
            before + "cuInit: CUDA_ERROR_STUB_LIBRARY (34)" + after);
  fakeCuda().failing = "cuInit";
  fake.failure = CuResult::SystemDriverMismatch;
  EXPECT_EQ(loadError(), before + "cuInit: CUDA error (803)" + after);
}

TEST(CudaDriverTest, Ordinals) {
  fakeCuda().devices = 2;
  Result<std::shared_ptr<const Driver>> driver = Driver::load(fakeDriverPath());
  ASSERT_TRUE(driver);
  EXPECT_EQ((*driver)->versionText(), "CUDA 12.4");
  EXPECT_TRUE(Device::open(*driver, 1));
  for (int ordinal : {2, -1}) {
    Result<std::shared_ptr<const Device>> device =
        Device::open(*driver, ordinal);
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().str(), "E0808: there is no GPU " +
                                        std::to_string(ordinal) +
                                        "; the driver has 2, counted from 0");
  }
}

TEST(CudaDriverTest, OutOfMemoryForAContext) {
  FakeCuda &fake = fakeCuda();
  fake.failing = "cuDevicePrimaryCtxRetain";
  fake.failure = CuResult::OutOfMemory;
  Result<std::shared_ptr<const Driver>> driver = Driver::load(fakeDriverPath());
  ASSERT_TRUE(driver);
  Result<std::shared_ptr<const Device>> device = Device::open(*driver, 0);
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().str(),
            "E0710: opening GPU 0: CUDA_ERROR_OUT_OF_MEMORY (2); 1048576 of "
            "1048576 bytes are free on the GPU");
}

TEST(CudaDriverTest, AGpuThatIsOlderThanAllTargets) {
  fakeCuda().capability = 75;
  Result<std::shared_ptr<const Device>> device =
      Device::open(*Driver::load(fakeDriverPath()), 0);
  ASSERT_TRUE(device);
  Result<std::string> target = targetOf(**device);
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().str(),
            "E0402: GPU 0 (Fake GPU, compute capability 7.5) is older than "
            "what moec compiles for, which begins at sm_80");
}

} // namespace
} // namespace moe::test
