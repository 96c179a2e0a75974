//===- EmulatedRun.h - Launches on another architecture ----------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A launch of AArch64 code under qemu-user: image, buffers and task ranges go
// to a small program for that machine, and the buffers come back.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_CODEGEN_CPU_EMULATEDRUN_H
#define MOE_TEST_UNIT_CODEGEN_CPU_EMULATEDRUN_H

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace moe::test {

struct EmulatedLaunch {
  std::span<const uint8_t> image;
  uint64_t entry = 0;
  uint64_t scratchBytes = 0;
  std::vector<int64_t> dims;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  /// The bytes of each buffer, and where in them its data starts.
  std::vector<std::span<uint8_t>> buffers;
  uint64_t dataOffset = 0;
};

/// Whether the cross compiler and the emulator are installed.
bool canEmulateAarch64();

/// Runs a launch and updates the buffers; an error text, or none.
std::string runAarch64(const EmulatedLaunch &launch);

} // namespace moe::test

#endif // MOE_TEST_UNIT_CODEGEN_CPU_EMULATEDRUN_H
