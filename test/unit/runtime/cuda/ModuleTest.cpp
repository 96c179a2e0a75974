//===- ModuleTest.cpp - A variant's kernels on a GPU ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which form of code reaches the driver, and what does not load.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/DevicePacker.h"
#include "moe/runtime/cuda/Nvrtc.h"
#include "moe/test/unit/runtime/cuda/CudaSample.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdlib>

namespace moe::test {
using namespace core;
using namespace cuda;
using testing::Contains;
using testing::HasSubstr;
namespace {

Result<std::shared_ptr<const Module>> load(const abi::PackageT &package,
                                           bool loadsTexts = false,
                                           std::string_view target = "") {
  Result<std::shared_ptr<const Device>> device =
      Device::open(*Driver::load(fakeDriverPath(loadsTexts)), 0);
  if (!device)
    return device.takeError();
  return Module::load(test::open(package), *device, target);
}

std::string error(const abi::PackageT &package, bool loadsTexts = false) {
  Result<std::shared_ptr<const Module>> module = load(package, loadsTexts);
  return module ? "no error" : module.error().str();
}

void withCode(abi::PackageT &package, abi::CodeKind kind,
              const std::string &bytes) {
  package.variants[0]->code.clear();
  package.variants[0]->code.push_back(code(kind, "sm_80", bytes));
}

TEST(CudaModuleTest, CubinBeforePtxBeforeText) {
  FakeCuda &fake = fakeCuda();
  abi::PackageT package = cudaSamplePackage();
  auto &codes = package.variants[0]->code;
  codes.push_back(code(abi::CodeKind::CudaText, "sm_80", "text of sample"));
  ASSERT_EQ(error(package), "no error");
  EXPECT_THAT(fake.calls, Contains("cuModuleLoadDataEx ptx o"));
  codes.push_back(code(abi::CodeKind::Cubin, "sm_80", "cubin of sample"));
  ASSERT_EQ(error(package), "no error");
  EXPECT_THAT(fake.calls, Contains("cuModuleLoadDataEx cubin"));
  EXPECT_THAT(fake.calls, Contains("cuFuncSetAttribute 8 = 100000"));
}

TEST(CudaModuleTest, ASimulatorGetsTheText) {
  FakeCuda &fake = fakeCuda(true);
  abi::PackageT package = cudaSamplePackage();
  package.variants[0]->code.push_back(
      code(abi::CodeKind::CudaText, "sm_80", "text of sample"));
  ASSERT_EQ(error(package, true), "no error");
  EXPECT_THAT(fake.calls,
              Contains("moe_sim_load_text text of sample as sm_80"));
  EXPECT_THAT(fake.calls,
              testing::Not(Contains(HasSubstr("cuModuleLoadDataEx"))));
}

TEST(CudaModuleTest, ATextThatASimulatorRefuses) {
  FakeCuda &fake = fakeCuda(true);
  fake.failing = "moe_sim_load_text";
  fake.failure = CuResult::InvalidPtx;
  fake.report = "kernel.cu:7: error: no such thing\nkernel.cu:9: error: more";
  abi::PackageT package = cudaSamplePackage();
  withCode(package, abi::CodeKind::CudaText, "text");
  Result<std::shared_ptr<const Module>> module = load(package, true);
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().str(),
            "E0405: 'sample.moe': the CUDA text for sm_80 does not load: CUDA "
            "error (218): kernel.cu:7: error: no such thing");
  EXPECT_EQ(module.error().details, fake.report + "\nThe text:\ntext");
}

TEST(CudaModuleTest, ALaunchThatASimulatorRefuses) {
  FakeCuda &fake = fakeCuda(true);
  abi::PackageT package = cudaSamplePackage();
  withCode(package, abi::CodeKind::CudaText, "text");
  Result<std::shared_ptr<const Module>> module = load(package, true);
  ASSERT_TRUE(module);
  fake.failing = "cuLaunchKernelEx";
  fake.failure = CuResult::LaunchFailed;
  fake.report = "line 12: race with line 30\nline 14: race";
  Status status = (*module)->launch((*module)->kernels()[4], 3, nullptr, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().str(),
            "E0809: kernel 'sum_sm_80' could not be launched: "
            "CUDA_ERROR_LAUNCH_FAILED (719): line 12: race with line 30");
  EXPECT_EQ(status.error().details, fake.report);
}

TEST(CudaModuleTest, CodeThatTheDriverRefuses) {
  FakeCuda &fake = fakeCuda();
  fake.failing = "cuModuleLoadDataEx";
  fake.failure = CuResult::UnsupportedPtxVersion;
  Result<std::shared_ptr<const Module>> module = load(cudaSamplePackage());
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().str(),
            "E0809: 'sample.moe': the PTX for sm_80 does not load into the "
            "driver of CUDA 12.4: CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222); "
            "update the driver, or compile with an older NVRTC (MOE_NVRTC)");
  EXPECT_EQ(module.error().details, "what the driver says");
}

TEST(CudaModuleTest, WhatADriverRefusesIsTriedInTheNextForm) {
  FakeCuda &fake = fakeCuda();
  abi::PackageT package = cudaSamplePackage();
  package.variants[0]->code.push_back(
      code(abi::CodeKind::Cubin, "sm_80", "cubin of sample"));
  fake.failing = "cuModuleLoadDataEx cubin";
  fake.failure = CuResult::NoBinaryForGpu;
  testing::internal::CaptureStderr();
  EXPECT_EQ(error(package), "no error");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("moec: warning: 'sample.moe': the cubin for sm_80 does "
                        "not load into the driver of CUDA 12.4: CUDA error "
                        "(209); update the driver, or compile with an older "
                        "NVRTC (MOE_NVRTC)"));
  EXPECT_THAT(fake.calls, Contains("cuModuleLoadDataEx ptx o"));
  // Where none loads, the best one's error is told.
  fake.failing = "cuModuleLoadDataEx";
  EXPECT_THAT(error(package), HasSubstr("the cubin for sm_80 does not load"));
}

TEST(CudaModuleTest, KernelsThatDoNotFit) {
  fakeCuda();
  abi::PackageT package = cudaSamplePackage();
  package.variants[0]->kernels[4]->name = "absent";
  EXPECT_EQ(error(package), "E0809: kernel 'absent' is not in its code: "
                            "CUDA_ERROR_NOT_FOUND (500)");
  package = cudaSamplePackage();
  fakeCuda().sharedBytes = 99999;
  EXPECT_EQ(error(package),
            "E0809: kernel 'scale_sm_80' needs 100000 bytes of shared memory, "
            "a block has 99999 on this GPU");
  fakeCuda().blocksPerMultiprocessor = 0;
  EXPECT_EQ(error(package), "E0809: kernel 'scale_sm_80' does not fit a "
                            "multiprocessor of this GPU");
}

TEST(CudaModuleTest, GridsThatCudaDoesNotHave) {
  fakeCuda();
  Result<std::shared_ptr<const Module>> module = load(cudaSamplePackage());
  ASSERT_TRUE(module);
  Status status =
      (*module)->launch((*module)->kernels()[4], int64_t(1) << 31, nullptr, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().str(),
            "E0809: kernel 'sum_sm_80' could not be launched: a grid of "
            "2147483648 blocks is more than CUDA has");
}

TEST(CudaModuleTest, WarnsOfLocalMemory) {
  fakeCuda().localBytes = 688;
  testing::internal::CaptureStderr();
  ASSERT_EQ(error(cudaSamplePackage()), "no error");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("moec: warning: kernel 'scale_sm_80' keeps 688 bytes a "
                        "thread in local memory: it is slower than planned"));
}

TEST(CudaModuleTest, ATextThatNvrtcCompiles) {
  if (Result<Nvrtc> nvrtc = Nvrtc::load(); !nvrtc)
    GTEST_SKIP() << nvrtc.error().str();
  FakeCuda &fake = fakeCuda();
  abi::PackageT package = cudaSamplePackage();
  withCode(package, abi::CodeKind::CudaText,
           "extern \"C\" __global__ void scale_sm_80(float *x) { *x = 1; }");
  ASSERT_EQ(error(package), "no error");
  EXPECT_THAT(fake.calls, Contains(HasSubstr("cuModuleLoadDataEx \177ELF")));
  // For a later generation the driver compiles PTX further.
  fake.capability = 90;
  ASSERT_EQ(error(package), "no error");
  EXPECT_THAT(fake.calls, Contains("cuModuleLoadDataEx //\n//"));
}

TEST(CudaModuleTest, ATextThatNvrtcRefuses) {
  if (Result<Nvrtc> nvrtc = Nvrtc::load(); !nvrtc)
    GTEST_SKIP() << nvrtc.error().str();
  fakeCuda();
  abi::PackageT package = cudaSamplePackage();
  withCode(package, abi::CodeKind::CudaText, "nonsense");
  Result<std::shared_ptr<const Module>> module = load(package);
  ASSERT_FALSE(module);
  EXPECT_THAT(module.error().str(),
              HasSubstr("E0405: NVRTC does not compile 'sample.moe' for sm_80: "
                        "sample.moe(1): error: "));
  EXPECT_THAT(module.error().details, HasSubstr("\nThe text:\nnonsense"));
}

TEST(CudaModuleTest, NvrtcAbsent) {
  fakeCuda();
  abi::PackageT package = cudaSamplePackage();
  withCode(package, abi::CodeKind::CudaText, "text");
  setenv("MOE_NVRTC", "/nonexistent/libnvrtc.so", 1);
  EXPECT_EQ(error(package),
            "E0810: no NVRTC: '/nonexistent/libnvrtc.so' does not exist; "
            "install the Python package nvidia-cuda-nvrtc (or nvidia-cuda-"
            "nvrtc-cu12), or set MOE_NVRTC to the path of libnvrtc.so");
  // Where there is a cubin nobody asks for it.
  package.variants[0]->code.push_back(
      code(abi::CodeKind::Cubin, "sm_80", "cubin of sample"));
  EXPECT_EQ(error(package), "no error");
  unsetenv("MOE_NVRTC");
}

/// Bytes that differ under a hash that agrees: refused, or a package that loads
/// and runs, or an error.
TEST(CudaModuleTest, EveryValueOfEveryByteIsSafe) {
  FakeCuda &fake = fakeCuda();
  fake.memory = size_t(1) << 30;
  // What kernels write beyond other buffers is not the executor's to find.
  fake.runsKernels = false;
  Result<std::shared_ptr<const Device>> device =
      Device::open(*Driver::load(fakeDriverPath()), 0);
  ASSERT_TRUE(device);
  const std::string file = writePackage(cudaSamplePackage());
  const auto *bytes = reinterpret_cast<const uint8_t *>(file.data());
  std::vector<uint8_t> payload(bytes + packageHeaderBytes, bytes + file.size());
  SampleCall call(9);
  SampleWeights weights;
  const std::unique_ptr<WeightSource> source = namedWeights(weights.tensors());
  ThreadPool pool;
  size_t ran = 0, refused = 0;
  for (uint8_t &byte : payload) {
    const uint8_t before = byte;
    for (int flip : {0xff, 0x01, 0x10, 0x80}) {
      byte = before ^ static_cast<uint8_t>(flip);
      fake.calls.clear();
      auto package = Package::fromBytes(writePackage(payload), "a.moe");
      if (!package || !(*package)->root().variants()->size()) {
        ++refused;
        continue;
      }
      auto module = Module::load(*package, *device, "");
      if (!module)
        continue;
      auto program =
          Program::create(*package, (*module)->variantIndex(), "", nullptr);
      if (!program)
        continue;
      std::vector<int64_t> dims((*program)->bounds().size(), 9);
      auto size = (*program)->workspaceSize(dims, 1);
      if (!size || cuda::Workspace::bytes(*size) > (size_t(1) << 24))
        continue;
      auto workspace = cuda::Workspace::create(**module, *size);
      BindOptions options{pool.executor(), 1, {}};
      options.packer = devicePacker(*module);
      auto bound = core::bind(*program, source.get(), options);
      if (!workspace || !bound)
        continue;
      const std::array<Operand, 2> inputs{call.xOperand(), call.idsOperand()};
      const std::array<Operand, 2> outputs{call.yOperand(), call.sumsOperand()};
      ran += bool(cuda::run(**bound, **module, inputs, outputs, **workspace));
    }
    byte = before;
  }
  EXPECT_GT(ran, 1000u);
  EXPECT_GT(refused, 1000u);
}

TEST(CudaModuleTest, OutOfMemoryForWeights) {
  FakeCuda &fake = fakeCuda();
  CudaSample sample;
  fake.memory = fake.allocated + 40;
  SampleWeights weights;
  ThreadPool pool;
  BindOptions options{pool.executor(), 1, {}};
  options.packer = devicePacker(sample.module);
  Result<std::shared_ptr<const Bound>> bound = core::bind(
      sample.program, namedWeights(weights.tensors()).get(), options);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().str(),
            "E0710: parameter 'bias' needs 48 bytes on the GPU: "
            "CUDA_ERROR_OUT_OF_MEMORY (2); 24 of " +
                std::to_string(fake.memory) + " bytes are free on the GPU");
}

TEST(CudaModuleTest, PacksInPiecesAndAtOddStrides) {
  // Every second column of a matrix that is more than a piece, on the host; a
  // unit of more than a piece, on the device.
  FakeCuda &fake = fakeCuda();
  fake.memory = size_t(64) << 20;
  constexpr int64_t rows = 1 << 11, columns = 1 << 10;
  abi::PackageT package = cudaSamplePackage();
  abi::VariantT &variant = *package.variants[0];
  abi::ParamT &w = *variant.params[0];
  w.shape = {rows, columns};
  w.bytes = rows * columns * 4;
  abi::SourceT &source = *w.sources[0];
  source.stored_shape = {rows, 2 * columns};
  source.shape = {rows, columns};
  source.strides = {2 * columns, 2};
  abi::ParamT &bias = *variant.params[1];
  bias.units = 1;
  bias.bytes = rows * columns * 4;
  bias.shape = {static_cast<int64_t>(bias.bytes)};
  bias.tasks = rows * columns;
  abi::SourceT &whole = *bias.sources[0];
  whole.pattern = "b";
  whole.per_expert = false;
  whole.stored_shape = whole.shape = {rows * columns};
  std::vector<float> stored(2 * rows * columns);
  for (size_t i = 0; i < stored.size(); ++i)
    stored[i] = static_cast<float>(i % 8191);
  Result<std::shared_ptr<const Module>> module = load(package);
  ASSERT_TRUE(module) << module.error().str();
  Result<std::shared_ptr<const Program>> program =
      Program::create(test::open(package), 0, "", nullptr);
  ASSERT_TRUE(program);
  ThreadPool pool;
  BindOptions options{pool.executor(), 2, {}};
  options.packer = devicePacker(*module);
  Result<std::shared_ptr<const Bound>> bound = core::bind(
      *program,
      namedWeights(
          {{"layer.w", {DType::F32, {rows, 2 * columns}, stored.data()}},
           {"b", {DType::F32, {rows * columns}, stored.data()}}})
          .get(),
      options);
  ASSERT_TRUE(bound) << bound.error().str();
  const auto *copied = reinterpret_cast<const float *>((*bound)->param(0));
  const auto *packed = reinterpret_cast<const float *>((*bound)->param(1));
  int64_t wrong = 0;
  for (size_t i = 0; i < rows * columns; ++i)
    wrong += copied[i] != stored[2 * i] || packed[i] != 2 * stored[i];
  EXPECT_EQ(wrong, 0);
}

} // namespace
} // namespace moe::test
