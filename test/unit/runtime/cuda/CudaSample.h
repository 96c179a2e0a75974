//===- CudaSample.h - The sample package for a GPU --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sample's program with launches of CUDA kernels, which the fake driver
// has, and what is needed to run it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_RUNTIME_CUDA_CUDASAMPLE_H
#define MOE_TEST_UNIT_RUNTIME_CUDA_CUDASAMPLE_H

#include "moe/runtime/cuda/Run.h"
#include "moe/test/unit/runtime/core/SampleRun.h"
#include "moe/test/unit/runtime/cuda/FakeCuda.h"

namespace moe::test {

/// Variant "sm_80" of samplePackage(), as PTX. The kernel that scales is
/// persistent and has a tensor map of x; the one that moves has clusters of 2.
abi::PackageT cudaSamplePackage();

/// Code of a variant, with `bytes`.
std::unique_ptr<abi::CodeT> code(abi::CodeKind kind, std::string arch,
                                 std::string bytes);

/// The fake's library, or the one that loads texts.
const char *fakeDriverPath(bool loadsTexts = false);
/// Its settings, as new.
FakeCuda &fakeCuda(bool loadsTexts = false);

/// The sample on the fake driver; aborts the test where that fails.
struct CudaSample {
  explicit CudaSample(const abi::PackageT &package = cudaSamplePackage());
  std::unique_ptr<cuda::Workspace> workspace(int64_t tokens,
                                             bool poison = false) const;

  std::shared_ptr<const core::Package> package;
  std::shared_ptr<const cuda::Device> device;
  std::shared_ptr<const cuda::Module> module;
  std::shared_ptr<const core::Program> program;
  std::shared_ptr<const core::Bound> bound;
};

} // namespace moe::test

#endif // MOE_TEST_UNIT_RUNTIME_CUDA_CUDASAMPLE_H
