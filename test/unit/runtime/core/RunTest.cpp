//===- RunTest.cpp - The program executor -----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Steps do what they say, at every size and thread count, and each mistake of a
// caller has its message.
//
//===----------------------------------------------------------------------===//

#include "moe/test/unit/runtime/core/SampleRun.h"

#include "gtest/gtest.h"

#include <atomic>
#include <cfenv>
#include <cmath>
#include <thread>

namespace moe::test {
using namespace core;
namespace {

std::string message(const Status &status) {
  return status ? "no error" : status.error().str();
}

TEST(RunTest, AnyTokensAndThreads) {
  std::shared_ptr<const Bound> bound = bindSample();
  for (uint32_t threads : {1, 2, 3}) {
    std::unique_ptr<Workspace> workspace =
        sampleWorkspace(*bound, 1000, threads, {{}, true});
    for (int64_t tokens : {0, 1, 2, 7, 8, 9, 100, 999, 1000}) {
      SampleCall call(tokens);
      Status status = call.run(*bound, *workspace);
      ASSERT_TRUE(status) << status.error().str();
      EXPECT_EQ(call.wrong(), 0) << tokens << " tokens, " << threads;
    }
  }
}

TEST(RunTest, OutputsThatNobodyAsksFor) {
  std::shared_ptr<const Bound> bound = bindSample();
  std::unique_ptr<Workspace> workspace =
      sampleWorkspace(*bound, 20, 2, {{}, true});
  SampleCall call(20);
  const std::array<Operand, 1> sums{call.sumsOperand()};
  ASSERT_TRUE(call.runFor(*bound, *workspace, sums));
  EXPECT_EQ(call.y[0], -1);
  ASSERT_TRUE(call.runFor(*bound, *workspace, {}));
  const std::array<Operand, 1> y{call.yOperand()};
  ASSERT_TRUE(call.runFor(*bound, *workspace, y));
  EXPECT_EQ(call.wrong(), 0);
}

TEST(RunTest, KernelsThatRan) {
  std::shared_ptr<const Bound> bound = bindSample();
  std::unique_ptr<Workspace> workspace = sampleWorkspace(*bound, 20, 1);
  SampleCall small(3), large(20);
  ASSERT_TRUE(small.run(*bound, *workspace, {0, true}));
  std::span<const KernelUse> used = workspace->kernels();
  ASSERT_EQ(used.size(), 6u);
  EXPECT_EQ(used[0].launches, 1u);
  EXPECT_EQ(used[0].tasks, 3u);
  EXPECT_GT(used[0].nanoseconds, 0u);
  EXPECT_EQ(used[3].tasks, 12u);   // below 8 tokens the kernel moves
  EXPECT_EQ(used[5].launches, 0u); // packing is no part of a run
  ASSERT_TRUE(large.run(*bound, *workspace));
  EXPECT_EQ(used[3].launches, 0u);
  EXPECT_EQ(used[0].tasks, 20u);
  EXPECT_EQ(used[0].nanoseconds, 0u);
}

TEST(RunTest, AnExecutorOfTheCaller) {
  std::shared_ptr<const Bound> bound = bindSample();
  int loops = 0;
  Executor executor{[](void *context, uint64_t n, uint32_t threads,
                       TaskFunction task, void *argument) {
                      ++*static_cast<int *>(context);
                      // Any cut and any order will do.
                      for (uint64_t i = n; i-- > 0;)
                        task(argument, i, i + 1,
                             static_cast<uint32_t>(i % threads));
                    },
                    &loops};
  std::unique_ptr<Workspace> workspace =
      sampleWorkspace(*bound, 20, 3, {executor, true});
  SampleCall call(20);
  ASSERT_TRUE(call.run(*bound, *workspace));
  EXPECT_EQ(call.wrong(), 0);
  EXPECT_EQ(loops, 5); // 4 launches and a copy
}

TEST(RunTest, CallersAtTheSameTime) {
  std::shared_ptr<const Bound> bound = bindSample();
  std::atomic<int> failures{0};
  auto caller = [&](int seed) {
    std::unique_ptr<Workspace> workspace = sampleWorkspace(*bound, 64, 2);
    for (int i = 0; i < 200; ++i) {
      SampleCall call(1 + (i * 5 + seed) % 64, seed + i);
      if (!call.run(*bound, *workspace) || call.wrong())
        ++failures;
    }
  };
  std::thread other(caller, 1);
  caller(2);
  other.join();
  EXPECT_EQ(failures, 0);
}

TEST(RunTest, OneWorkspaceOneRun) {
  std::shared_ptr<const Bound> bound = bindSample();
  // A run within a run of the same workspace, by way of its executor.
  struct Context {
    const Bound *bound;
    Workspace *workspace = nullptr;
    std::string message;
  } context{bound.get(), nullptr, ""};
  Executor executor{
      [](void *raw, uint64_t n, uint32_t, TaskFunction task, void *argument) {
        auto &context = *static_cast<Context *>(raw);
        if (context.workspace) {
          SampleCall inner(1);
          context.message =
              message(inner.run(*context.bound, *context.workspace));
        }
        task(argument, 0, n, 0);
      },
      &context};
  std::unique_ptr<Workspace> workspace =
      sampleWorkspace(*bound, 4, 1, {executor, false});
  context.workspace = workspace.get();
  SampleCall call(4);
  ASSERT_TRUE(call.run(*bound, *workspace));
  EXPECT_EQ(call.wrong(), 0);
  EXPECT_EQ(context.message,
            "E0712: another run is using the workspace; runs at the same time "
            "need one each");
}

TEST(RunTest, FloatingPointSettingsOfTheCaller) {
  std::shared_ptr<const Bound> bound = bindSample();
  std::unique_ptr<Workspace> workspace = sampleWorkspace(*bound, 4, 1);
  SampleCall call(4);
  call.x[0] = 0.1f;
  ASSERT_TRUE(call.run(*bound, *workspace));
  const std::vector<float> expected = call.sums;
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  Status status = call.run(*bound, *workspace);
  const int after = std::fegetround();
  std::fesetround(FE_TONEAREST);
  ASSERT_TRUE(status);
  EXPECT_EQ(call.sums, expected);
  EXPECT_EQ(after, FE_UPWARD);
}

//===----------------------------------------------------------------------===//
// Mistakes
//===----------------------------------------------------------------------===//

class RunErrorTest : public testing::Test {
protected:
  std::string runWith(std::vector<Operand> inputs,
                      std::vector<Operand> outputs = {},
                      RunOptions options = {}) {
    return message(core::run(*bound, inputs, outputs, *workspace, options));
  }

  std::shared_ptr<const Bound> bound = bindSample();
  std::unique_ptr<Workspace> workspace = sampleWorkspace(*bound, 16, 2);
  SampleCall call{5};
};

TEST_F(RunErrorTest, Names) {
  EXPECT_EQ(runWith({call.xOperand()}),
            "E0701: input 'ids' is not given; it is i32 [T]");
  Operand odd = call.idsOperand();
  odd.name = "idx";
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand(), odd}),
            "E0711: there is no input 'idx' (did you mean 'ids'?); the program "
            "has hidden_states, ids");
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand(), call.idsOperand()}),
            "E0711: input 'ids' is given twice");
  Operand output = call.sumsOperand();
  output.name = "router_logits";
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}, {output}),
            "E0705: there is no output 'router_logits'; the program has "
            "hidden_states, sums");
}

TEST_F(RunErrorTest, Types) {
  Operand x = call.xOperand();
  x.dtype = DType::BF16;
  EXPECT_EQ(runWith({x, call.idsOperand()}),
            "E0703: input 'hidden_states' is bf16, the program was compiled "
            "for f32");
  Operand sums = call.sumsOperand();
  sums.dtype = DType::F64;
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}, {sums}),
            "E0703: output 'sums' is f64, the program was compiled for f32");
}

TEST_F(RunErrorTest, Shapes) {
  Operand x = call.xOperand();
  const std::array<int64_t, 2> wide{5, 5};
  x.shape = wide;
  EXPECT_EQ(runWith({x, call.idsOperand()}),
            "E0702: input 'hidden_states' is [5, 5], expected [T, 4]");
  const std::array<int64_t, 1> flat{20};
  x.shape = flat;
  EXPECT_EQ(runWith({x, call.idsOperand()}),
            "E0702: input 'hidden_states' is [20], expected [T, 4]");
  Operand ids = call.idsOperand();
  const std::array<int64_t, 1> fewer{4};
  ids.shape = fewer;
  EXPECT_EQ(runWith({call.xOperand(), ids}),
            "E0702: input 'ids' is [4], expected [T] with T = 5");
  const std::array<int64_t, 1> negative{-4};
  ids.shape = negative;
  EXPECT_EQ(runWith({call.xOperand(), ids}),
            "E0702: input 'ids' is [-4], expected [T] with T = 5");
  Operand y = call.yOperand();
  const std::array<int64_t, 2> shorter{4, 4};
  y.shape = shorter;
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}, {y}),
            "E0702: output 'hidden_states' is [4, 4], expected [T, 4] with T = "
            "5");
}

TEST_F(RunErrorTest, Data) {
  Operand x = call.xOperand();
  x.data = nullptr;
  EXPECT_EQ(runWith({x, call.idsOperand()}),
            "E0701: input 'hidden_states' has no data");
  Operand y = call.yOperand();
  y.data = nullptr;
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}, {y}),
            "E0701: output 'hidden_states' has no memory");
}

TEST_F(RunErrorTest, Bounds) {
  SampleCall many(1001);
  EXPECT_EQ(runWith({many.xOperand(), many.idsOperand()}),
            "E0704: input 'hidden_states' has T = 1001, above the bound of "
            "1000 that the program was compiled for");
  SampleCall some(200);
  EXPECT_EQ(runWith({some.xOperand(), some.idsOperand()}),
            "E0707: the run needs a workspace of 7488 bytes, this one has 832; "
            "make it for larger dimensions or more threads");
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}, {}, {3, false}),
            "E0707: the workspace was made for 2 threads, the run asks for 3");
}

TEST_F(RunErrorTest, Aliases) {
  Operand y = call.yOperand();
  y.data = call.x.data();
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}, {y}),
            "E0706: output 'hidden_states' shares memory with input "
            "'hidden_states'");
  // The last byte of one, the first of the other.
  y.data = call.x.data() + 19;
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}, {y}).substr(0, 5),
            "E0706");
  Operand sums = call.sumsOperand();
  sums.data = call.y.data() + 3;
  EXPECT_EQ(
      runWith({call.xOperand(), call.idsOperand()}, {call.yOperand(), sums}),
      "E0706: output 'sums' shares memory with output 'hidden_states'");
  // Next to each other is fine, and so are inputs that share.
  std::vector<float> both(40, 1);
  Operand x = call.xOperand();
  x.data = both.data();
  y.data = both.data() + 20;
  EXPECT_EQ(runWith({x, call.idsOperand()}, {y}), "no error");
}

TEST_F(RunErrorTest, Values) {
  call.ids[3] = 3;
  EXPECT_EQ(runWith({call.xOperand(), call.idsOperand()}),
            "E0708: program 'layer': the value at position 3 is out of range");
}

/// Offsets that a sound expression may give and no buffer has.
TEST_F(RunErrorTest, StepsThatDoNotFit) {
  auto runs = [&](const std::function<void(abi::ProgramT &)> &change) {
    abi::PackageT package = samplePackage();
    change(*package.variants[0]->programs[0]);
    Result<std::shared_ptr<const Program>> program =
        Program::create(test::open(package), 0, "", sampleKernels());
    bound = bindSample(*program);
    workspace = sampleWorkspace(*bound, 16, 2);
    return runWith({call.xOperand(), call.idsOperand()});
  };
  const std::string prefix = "E0502: 'sample.moe': program 'layer': ";
  EXPECT_EQ(runs([](abi::ProgramT &p) { p.slices[2]->bytes = linear(16, 64); }),
            prefix + "slice 2 lies outside of the workspace");
  EXPECT_EQ(
      runs([](abi::ProgramT &p) { p.slices[2]->offset = linear(0, -64); }),
      prefix + "slice 2 lies outside of the workspace");
  EXPECT_EQ(runs([](abi::ProgramT &p) { p.slices[0]->bytes = linear(0, 4); }),
            prefix + "a status is no i64");
  EXPECT_EQ(runs([](abi::ProgramT &p) { p.slices[1]->bytes = linear(0, 4); }),
            prefix + "a launch has a count that is no i64");
  EXPECT_EQ(runs([](abi::ProgramT &p) {
              p.steps->steps[2]->body.AsLaunch()->tasks = linear(-1);
            }),
            prefix + "a launch has -5 tasks");
  EXPECT_EQ(runs([](abi::ProgramT &p) { p.workspace = linear(0, -1); }),
            prefix + "the workspace has a negative size");
  EXPECT_EQ(runs([](abi::ProgramT &p) {
              auto &choice = *p.steps->steps[4]->body.AsSwitch();
              choice.buckets = {1};
              choice.cases[1]->steps[0]->body.AsCopy()->bytes = linear(17);
            }),
            prefix + "a copy of 85 bytes exceeds its buffers");
}

TEST_F(RunErrorTest, AWorkspaceOfAnotherProgram) {
  WorkspaceSize size = workspace->size();
  size.slices = 1;
  Result<std::unique_ptr<Workspace>> other = Workspace::create(size);
  ASSERT_TRUE(other);
  EXPECT_EQ(message(call.run(*bound, **other)),
            "E0707: the workspace was made for another program, which has "
            "fewer buffers than 'layer'");
}

TEST_F(RunErrorTest, MoreMemoryThanThereIs) {
  WorkspaceSize size = workspace->size();
  size.arena = size_t(1) << 60;
  Result<std::unique_ptr<Workspace>> other = Workspace::create(size);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().id, ErrorId::OutOfMemory);
  EXPECT_TRUE(other.error().message.starts_with("the workspace needs 11529"));
}

} // namespace
} // namespace moe::test
