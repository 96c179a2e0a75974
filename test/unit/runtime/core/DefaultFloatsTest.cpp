//===- DefaultFloatsTest.cpp - Floating point inside kernels ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that report how they round and whether they keep subnormals, called
// from an application that rounds up and flushes: by a run and by binding, on
// the caller's thread, on our workers and on the application's own threads.
//
//===----------------------------------------------------------------------===//

#include "moe/test/unit/runtime/core/SampleRun.h"

#include "gtest/gtest.h"

#include <cfenv>
#include <limits>
#include <thread>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace moe::test {
using namespace core;
namespace {

/// The settings of an application as far from the default as the CPU has them.
class OddFloats {
public:
  OddFloats() {
    std::fegetenv(&saved);
    std::fesetround(FE_UPWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); // flush results, operands are zero
#elif defined(__aarch64__)
    uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    asm volatile("msr fpcr, %0" : : "r"(control | uint64_t(1) << 24));
#endif
  }
  ~OddFloats() { std::fesetenv(&saved); }

private:
  std::fenv_t saved;
};

/// 0 as by default; 1: other rounding, 2: results flushed, 4: operands.
int oddities() {
  volatile float small = std::numeric_limits<float>::min();
  volatile float half = 0.5f, large = 0x1p24f;
  volatile float subnormal = std::numeric_limits<float>::denorm_min();
  volatile float flushed = small * half;
  volatile float scaled = subnormal * large;
  volatile float one = 1, tiny = 0x1p-40f;
  volatile float up = one + tiny, down = one - tiny;
  return (up != 1 || down != 1) | (flushed == 0) << 1 | (scaled == 0) << 2;
}

/// (h, sums), as the sample's: what each task finds.
void probeRun(const moe_kernel_args *args, uint64_t begin, uint64_t end,
              uint32_t, void *) {
  for (uint64_t t = begin; t < end; ++t)
    static_cast<float *>(args->buffers[1])[t] = static_cast<float>(oddities());
}

/// (source, packed).
void probePack(const moe_kernel_args *args, uint64_t begin, uint64_t end,
               uint32_t, void *) {
  for (uint64_t i = begin; i < end; ++i)
    static_cast<float *>(args->buffers[1])[i] = static_cast<float>(oddities());
}

std::shared_ptr<const Program> probingProgram() {
  auto code = std::make_shared<KernelCode>();
  code->functions = sampleKernels()->functions;
  code->functions[4] = probeRun;
  code->functions[5] = probePack;
  Result<std::shared_ptr<const Program>> program =
      Program::create(open(samplePackage()), 0, "", code);
  if (!program)
    std::abort();
  return *program;
}

/// Threads that inherit the settings of the one that starts them.
Executor ownThreads() {
  return {[](void *, uint64_t n, uint32_t threads, TaskFunction task,
             void *argument) {
            std::vector<std::thread> workers;
            for (uint32_t i = 0; i < threads; ++i)
              workers.emplace_back(task, argument, n * i / threads,
                                   n * (i + 1) / threads, i);
            for (std::thread &worker : workers)
              worker.join();
          },
          nullptr};
}

TEST(DefaultFloatsTest, TheProbeSeesTheSettings) {
  EXPECT_EQ(oddities(), 0);
  OddFloats odd;
  EXPECT_EQ(oddities(), 7);
}

TEST(DefaultFloatsTest, Run) {
  std::shared_ptr<const Bound> bound = bindSample(probingProgram());
  for (bool own : {false, true})
    for (uint32_t threads : {1, 3}) {
      WorkspaceOptions options;
      if (own)
        options.executor = ownThreads();
      SampleCall call(100);
      int after;
      Status status;
      {
        OddFloats odd;
        std::unique_ptr<Workspace> workspace =
            sampleWorkspace(*bound, 100, threads, options);
        status = call.run(*bound, *workspace);
        after = oddities();
      }
      ASSERT_TRUE(status) << status.error().str();
      EXPECT_EQ(call.sums, std::vector<float>(100, 0))
          << threads << " threads, own " << own;
      EXPECT_EQ(after, 7) << "the caller's settings are the caller's";
    }
}

TEST(DefaultFloatsTest, Bind) {
  SampleWeights weights;
  for (uint32_t threads : {1, 3}) {
    ThreadPool pool;
    for (Executor executor : {pool.executor(), ownThreads()}) {
      int after;
      std::optional<Result<std::shared_ptr<const Bound>>> bound;
      {
        OddFloats odd;
        bound = bind(probingProgram(), namedWeights(weights.tensors()).get(),
                     {executor, threads, {}});
        after = oddities();
      }
      ASSERT_TRUE(*bound);
      const auto *packed = reinterpret_cast<float *>((**bound)->param(1));
      EXPECT_EQ(std::vector<float>(packed, packed + 12),
                std::vector<float>(12, 0));
      EXPECT_EQ(after, 7);
    }
  }
}

} // namespace
} // namespace moe::test
