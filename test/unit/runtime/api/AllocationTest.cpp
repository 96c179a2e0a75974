//===- AllocationTest.cpp - Running allocates nothing -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C library's allocator is this program's for the duration: whatever libmoe
// takes from it while a run goes on is counted.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/moe.hpp"
#include "moe/test/lib/CountAllocations.h"
#include "moe/test/unit/runtime/cuda/CudaSample.h"

#include "gtest/gtest.h"

#include <cstdlib>

namespace moe::test {
namespace {

TEST(AllocationTest, CountsWhatLibmoeTakes) {
  counting = true;
  allocations = 0;
  Result<Program> program =
      Compiler().compile(Source::package(core::writePackage(samplePackage())));
  counting = false;
  ASSERT_TRUE(program);
  EXPECT_GT(allocations, 20);
}

TEST(AllocationTest, RunsTakeNothing) {
  Result<Program> program =
      Compiler().compile(Source::package(core::writePackage(samplePackage())));
  ASSERT_TRUE(program);
  Result<Bound> bound = program->bind(Weights::random(1));
  ASSERT_TRUE(bound);
  Result<Workspace> workspace = bound->workspace({1000, 2});
  ASSERT_TRUE(workspace);
  std::vector<float> x(4000, 1), y(4000), sums(1000);
  std::vector<int32_t> ids(1000, 1);
  // From the very first run on, whatever its size and its outputs.
  counting = true;
  allocations = 0;
  bool ran = true;
  for (int64_t tokens : {3, 0, 1000, 7, 500, 1}) {
    const Tensor in(x.data(), {tokens, 4}), out(y.data(), {tokens, 4});
    const Tensor to(ids.data(), {tokens}), sum(sums.data(), {tokens});
    ran &= bool(bound->run({{"hidden_states", in}, {"ids", to}},
                           {{"hidden_states", out}, {"sums", sum}}, *workspace,
                           {2, true}));
    ran &= bool(bound->run({{"ids", to}, {"hidden_states", in}}, {}, *workspace,
                           {1, false}));
  }
  counting = false;
  EXPECT_TRUE(ran);
  EXPECT_EQ(allocations, 0);
}

TEST(AllocationTest, RunsOnAGpuTakeNothing) {
  FakeCuda &fake = fakeCuda();
  CompilerOptions options;
  options.executor = Executor::Cuda;
  options.cuda_driver = fakeDriverPath();
  Result<Program> program = Compiler(options).compile(
      Source::package(core::writePackage(cudaSamplePackage())));
  ASSERT_TRUE(program) << program.error().str();
  Result<Bound> bound = program->bind(Weights::random(1));
  ASSERT_TRUE(bound);
  Result<Workspace> workspace = bound->workspace({1000, 2});
  ASSERT_TRUE(workspace);
  std::vector<float> x(4000, 1), y(4000), sums(1000);
  std::vector<int32_t> ids(1000, 1);
  // The driver's own are not counted: it writes down what it is asked for.
  fake.counting = &counting;
  allocations = 0;
  counting = true;
  bool ran = true;
  for (int64_t tokens : {3, 0, 1000, 7, 500, 1}) {
    const Tensor in(x.data(), {tokens, 4}), out(y.data(), {tokens, 4});
    const Tensor to(ids.data(), {tokens}), sum(sums.data(), {tokens});
    ran &= bool(bound->run({{"hidden_states", in}, {"ids", to}},
                           {{"hidden_states", out}, {"sums", sum}}, *workspace,
                           {0, true}));
    ran &= bool(
        bound->run({{"ids", to}, {"hidden_states", in}}, {}, *workspace, {}));
  }
  counting = false;
  fake.counting = nullptr;
  EXPECT_TRUE(ran);
  EXPECT_EQ(allocations, 0);
  EXPECT_GT(fake.calls.size(), 50u);
}

} // namespace
} // namespace moe::test
