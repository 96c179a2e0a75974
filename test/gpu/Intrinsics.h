//===- Intrinsics.h - The kernels of intrinsics.cu --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each kernel is given, and what the instruction set says it answers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_GPU_INTRINSICS_H
#define MOE_TEST_GPU_INTRINSICS_H

#include "moe/codegen/abi/program_generated.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moe::test {

using Words = std::vector<uint32_t>;

struct IntrinsicKernel {
  const char *name;
  uint32_t threads, sharedBytes;
  size_t in, out; ///< words
  bool sm90 = false;
  /// Its argument is a tensor of [40][96] bf16, too.
  bool tensorMap = false;
  /// Random words for it.
  std::function<Words()> makeInput;
  /// Compares what came out with what is right; empty, or what is wrong.
  std::function<std::string(const Words &in, const Words &out)> check;
};
const std::vector<IntrinsicKernel> &intrinsicKernels();

/// The text of a file of this folder.
std::string_view getGpuTestText(std::string_view name);

/// The device texts and the kernels, for an architecture.
std::string intrinsicsText(std::string_view arch);
/// A package whose functions are the kernels: texts for sm_80 and sm_90a, and
/// what `compile` makes of them (nothing where it gives an empty cubin).
abi::PackageT intrinsicsPackage(
    const std::function<std::string(const std::string &text,
                                    const std::string &arch)> &compile);

} // namespace moe::test

#endif // MOE_TEST_GPU_INTRINSICS_H
