//===- GpuTest.h - What the GPU tests run on --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One program that travels alone: on a machine with a GPU and nothing of moec
// it needs a driver and the packages beside it; in the build it runs in the
// simulator.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_GPU_GPUTEST_H
#define MOE_TEST_GPU_GPUTEST_H

#include "moe/runtime/core/Safetensors.h"
#include "moe/runtime/cuda/Run.h"

#include <memory>
#include <string>

namespace moe::test {

struct GpuTestOptions {
  std::string driver; ///< path; empty: the usual one
  std::string target; ///< a variant; empty: what the GPU is
  /// The kernels of intrinsics.cu with machine code; empty: their text is
  /// compiled.
  std::string intrinsics;
  /// A layer: package, weights' folder and a file of its inputs.
  std::string layer, weights, input;
  /// A GPU's answers: to compare with, and to write.
  std::string goldens, writeGoldens;
};
GpuTestOptions &gpuTestOptions();

/// The GPU of the tests. A test asks for it first and is skipped without one,
/// unless it was named.
core::Result<std::shared_ptr<const cuda::Device>> openTestDevice();

} // namespace moe::test

#endif // MOE_TEST_GPU_GPUTEST_H
