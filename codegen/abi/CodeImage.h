//===- CodeImage.h - Position-independent machine code -----------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code leaves the compiler in one form only: bytes that run wherever they are
// mapped, and where their entries are. JIT, disk cache and package all hold
// this, so loading needs no linker.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_ABI_CODEIMAGE_H
#define MOE_CODEGEN_ABI_CODEIMAGE_H

#include <cstdint>
#include <string>
#include <vector>

namespace moe::abi {

struct CodeEntry {
  std::string name;
  uint64_t offset = 0; ///< of the kernel's first instruction in the image
  uint64_t size = 0;   ///< of its instructions, in bytes; for profilers
};

/// Code and constants of several kernels. Nothing in it depends on its address
/// except that the base must be aligned to 4 KiB; nothing in it is written.
struct CodeImage {
  std::vector<uint8_t> bytes;
  std::vector<CodeEntry> entries; ///< in the order they were asked for
};

} // namespace moe::abi

#endif // MOE_CODEGEN_ABI_CODEIMAGE_H
