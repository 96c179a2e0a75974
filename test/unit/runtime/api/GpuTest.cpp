//===- GpuTest.cpp - libmoe and a GPU ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sample package over the border of libmoe.so and on the fake driver.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/moe.hpp"
#include "moe/test/unit/runtime/cuda/CudaSample.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <nlohmann/json.hpp>

namespace moe::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

CompilerOptions onFake() {
  CompilerOptions options;
  options.executor = Executor::Cuda;
  options.cuda_driver = fakeDriverPath();
  return options;
}

Result<Program> compileSample(const CompilerOptions &options = onFake()) {
  return Compiler(options).compile(
      Source::package(core::writePackage(cudaSamplePackage())));
}

Bound bindToFake() {
  SampleWeights stored;
  Result<Program> program = compileSample();
  if (!program) {
    ADD_FAILURE() << program.error().str();
    std::abort();
  }
  Result<Bound> bound = program->bind(Weights::tensors(
      {{"layer.w", Tensor(stored.w.data(), {4})},
       {"layer.e.0.bias", Tensor(stored.bias[0].data(), {4})},
       {"layer.e.1.bias", Tensor(stored.bias[1].data(), {4})},
       {"layer.e.2.bias", Tensor(stored.bias[2].data(), {4})}}));
  if (!bound) {
    ADD_FAILURE() << bound.error().str();
    std::abort();
  }
  return *bound;
}

Workspace workspaceOf(const Bound &bound, int64_t tokens) {
  WorkspaceOptions options;
  options.max_tokens = tokens;
  options.poison = true;
  Result<Workspace> workspace = bound.workspace(options);
  if (!workspace) {
    ADD_FAILURE() << workspace.error().str();
    std::abort();
  }
  return *std::move(workspace);
}

std::string message(const Status &status) {
  return status ? "no error" : status.error().str();
}

/// The call's tensors, of host memory or as if they were on GPU `gpu`.
struct Tensors {
  explicit Tensors(SampleCall &call)
      : x(call.x.data(), {call.tokens, 4}), ids(call.ids.data(), {call.tokens}),
        y(call.y.data(), {call.tokens, 4}),
        sums(call.sums.data(), {call.tokens}) {}
  Status run(const Bound &bound, Workspace &workspace,
             const RunOptions &options = {}) const {
    return bound.run({{"hidden_states", x}, {"ids", ids}},
                     {{"hidden_states", y}, {"sums", sums}}, workspace,
                     options);
  }
  Tensor x, ids, y, sums;
};

TEST(GpuApiTest, HostTensors) {
  fakeCuda();
  Bound bound = bindToFake();
  Workspace workspace = workspaceOf(bound, 16);
  for (int64_t tokens : {0, 1, 7, 16}) {
    SampleCall call(tokens);
    EXPECT_EQ(message(Tensors(call).run(bound, workspace)), "no error");
    EXPECT_EQ(call.wrong(), 0);
  }
  EXPECT_EQ(message(workspace.wait()), "no error");
  std::vector<std::string> names;
  for (const KernelUse &use : workspace.kernels())
    names.push_back(use.name);
  EXPECT_THAT(names, ElementsAre("scale_sm_80", "inspect_sm_80",
                                 "add_bias_sm_80", "sum_sm_80"));
}

TEST(GpuApiTest, DeviceTensorsInAStream) {
  FakeCuda &fake = fakeCuda();
  Bound bound = bindToFake();
  Workspace workspace = workspaceOf(bound, 9);
  CudaSample sample; // for device memory
  SampleCall call(9);
  call.ids[2] = 3;
  auto upload = [&](const auto &values) {
    auto memory = cuda::DeviceMemory::allocate(sample.device, values.size() * 4,
                                               "a tensor");
    std::memcpy(reinterpret_cast<void *>(memory->data()), values.data(),
                values.size() * 4);
    return *std::move(memory);
  };
  const cuda::DeviceMemory x = upload(call.x), ids = upload(call.ids),
                           y = upload(call.y), sums = upload(call.sums);
  auto on = [](const cuda::DeviceMemory &memory, DType dtype,
               const std::vector<int64_t> &shape) {
    return Tensor::onGpu(dtype, reinterpret_cast<void *>(memory.data()), shape);
  };
  Tensors tensors(call);
  tensors.x = on(x, DType::F32, {9, 4});
  tensors.ids = on(ids, DType::I32, {9});
  tensors.y = on(y, DType::F32, {9, 4});
  tensors.sums = on(sums, DType::F32, {9});
  fake.calls.clear();
  RunOptions options;
  options.stream = reinterpret_cast<void *>(uintptr_t(42));
  EXPECT_EQ(message(tensors.run(bound, workspace, options)), "no error");
  EXPECT_THAT(fake.calls, Contains(HasSubstr("stream 42")));
  EXPECT_THAT(fake.calls, testing::Not(Contains(HasSubstr("Synchronize"))));
  EXPECT_EQ(message(workspace.wait()),
            "E0708: program 'layer': the value at position 2 is out of range");
  EXPECT_THAT(fake.calls, Contains("cuStreamSynchronize 42"));

  tensors.x = Tensor::onGpu(DType::F32, call.x.data(), {9, 4}, 1);
  EXPECT_EQ(message(tensors.run(bound, workspace)),
            "E0901: input 'hidden_states' is on GPU 1, the program on GPU 0");
}

TEST(GpuApiTest, WhatIsToldOfAProgram) {
  fakeCuda();
  Result<Program> program = compileSample();
  ASSERT_TRUE(program) << program.error().str();
  auto info = nlohmann::json::parse(*program->info());
  EXPECT_EQ(info["executor"], "cuda");
  EXPECT_EQ(info["target"], "sm_80");
  WorkspaceOptions options;
  options.max_tokens = 1000;
  Result<moe_memory_plan> plan = program->memory(options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->buffers, 16128u);
  EXPECT_EQ(plan->spare_outputs, 20032u);
  EXPECT_EQ(plan->input_copies, 20032u);
  EXPECT_EQ(plan->scratch, 0u);
  EXPECT_EQ(plan->workspace, 56192u);
  EXPECT_EQ(plan->weights, 64u);
}

TEST(GpuApiTest, WorkspacesOfOtherProgramsAndDevices) {
  fakeCuda();
  Bound first = bindToFake(), second = bindToFake();
  Workspace workspace = workspaceOf(first, 16);
  SampleCall call(5);
  EXPECT_EQ(message(Tensors(call).run(second, workspace)), "no error")
      << "another program on the same GPU";
  EXPECT_EQ(call.wrong(), 0);
  fakeCuda().devices = 2;
  CompilerOptions options = onFake();
  options.device = 1;
  Result<Program> elsewhere = compileSample(options);
  ASSERT_TRUE(elsewhere);
  Result<Bound> bound = elsewhere->bind(Weights::random(1));
  ASSERT_TRUE(bound);
  EXPECT_EQ(message(Tensors(call).run(*bound, workspace)),
            "E0901: moe_run: the workspace is not on the program's device");
}

TEST(GpuApiTest, AProgramOnTheCpuTakesNoDeviceTensors) {
  Result<Program> program =
      Compiler().compile(Source::package(core::writePackage(samplePackage())));
  ASSERT_TRUE(program);
  Result<Bound> bound = program->bind(Weights::random(1));
  ASSERT_TRUE(bound);
  Workspace workspace = workspaceOf(*bound, 16);
  SampleCall call(5);
  Tensors tensors(call);
  tensors.ids = Tensor::onGpu(DType::I32, call.ids.data(), {5});
  EXPECT_EQ(message(tensors.run(*bound, workspace)),
            "E0901: input 'ids' is on device type 2, expected host memory (1)");
  EXPECT_EQ(message(workspace.wait()), "no error");
}

TEST(GpuApiTest, WhereThereIsNoGpu) {
  fakeCuda().devices = 0;
  Result<Program> program = compileSample();
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().id(), 808u);
  CompilerOptions options = onFake();
  options.device = 3;
  fakeCuda();
  program = compileSample(options);
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().str(), "E0808: there is no GPU 3; the driver has "
                                   "1, counted from 0");
  fakeCuda().capability = 75;
  program = compileSample();
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().str(),
            "E0402: GPU 0 (Fake GPU, compute capability 7.5) is older than "
            "what moec compiles for, which begins at sm_80");
  fakeCuda().capability = 90;
  options = onFake();
  options.target = "sm_90a";
  program = compileSample(options);
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().str(),
            "E0504: 'package': no variant of the package runs on GPU 0 (Fake "
            "GPU, compute capability 9.0): variant 'sm_80' is not the one "
            "asked for; compile with --target=sm_90a");
  EXPECT_TRUE(compileSample()) << "PTX for an older GPU runs";
}

} // namespace
} // namespace moe::test
