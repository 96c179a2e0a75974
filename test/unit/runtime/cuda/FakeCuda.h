//===- FakeCuda.h - A CUDA driver that records ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A shared library with the driver's functions, whose kernels are those of the
// sample package. It writes down what it is asked for, tells host from device
// memory, and fails where a test wants it to: the executor and its errors are
// tested without a GPU, a driver or a compiler.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_RUNTIME_CUDA_FAKECUDA_H
#define MOE_TEST_UNIT_RUNTIME_CUDA_FAKECUDA_H

#include "moe/runtime/cuda/CudaAbi.h"

#include <atomic>
#include <string>
#include <vector>

namespace moe::test {

/// The fake's settings and what it saw. The library exports one, as
/// `fake_cuda()`.
struct FakeCuda {
  int version = 12040;
  int devices = 1;
  int capability = 80;
  int multiprocessors = 4;
  int blocksPerMultiprocessor = 2;
  int sharedBytes = 166912;
  int localBytes = 0;
  bool runsKernels = true;
  /// What cuMemAlloc may give in all.
  size_t memory = size_t(1) << 20;
  /// A function that the driver does not have.
  std::string missing;
  /// A function, or an entry of `calls`, that fails once it was called
  /// `failAfter` times.
  std::string failing;
  cuda::CuResult failure = cuda::CuResult::InvalidValue;
  int failAfter = 0;
  /// What the simulator says of a launch or a text that fails.
  std::string report;

  /// Set to false while the fake works, so that a test which counts what moec
  /// allocates does not count the fake's.
  std::atomic<bool> *counting = nullptr;

  /// One entry a call, with what is of interest: "cuMemAlloc 256".
  std::vector<std::string> calls;
  size_t allocated = 0, allocations = 0, pinned = 0;
  /// The last tensor maps: "dtype rank base-offset sizes strides box swizzle".
  std::vector<std::string> tensorMaps;
};

using FakeCudaEntry = FakeCuda *(*)();

} // namespace moe::test

#endif // MOE_TEST_UNIT_RUNTIME_CUDA_FAKECUDA_H
