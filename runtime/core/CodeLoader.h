//===- CodeLoader.h - From a code image to functions -------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only way in which bytes become code: from JIT, disk cache and package
// alike. No linker, no relocation: a copy, and where the entries are.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_CODELOADER_H
#define MOE_RUNTIME_CORE_CODELOADER_H

#include "moe/codegen/abi/CodeImage.h"
#include "moe/codegen/abi/kernel.h"
#include "moe/runtime/core/Error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace moe::core {

/// Code that is mapped as long as this object lives. Immutable, so any number
/// of threads may call its functions.
class LoadedCode {
public:
  /// Maps `bytes`, which may go away afterwards. PackageCorrupt if an entry
  /// lies outside of them, CodeNotExecutable if the system refuses executable
  /// memory.
  static Result<LoadedCode> load(std::span<const uint8_t> bytes,
                                 std::span<const abi::CodeEntry> entries);

  LoadedCode(LoadedCode &&other) noexcept;
  LoadedCode &operator=(LoadedCode &&other) noexcept;
  ~LoadedCode();

  /// Entry `index` of those given to load().
  moe_kernel_fn function(size_t index) const { return functions[index]; }

private:
  LoadedCode() = default;
  const std::byte *base = nullptr;
  size_t size = 0;
  std::vector<moe_kernel_fn> functions;
};

/// Appends the entries to /tmp/perf-PID.map, from which `perf` takes the names
/// of code that no file backs. Only on request: the file is for people.
Status appendPerfMap(const LoadedCode &code,
                     std::span<const abi::CodeEntry> entries);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_CODELOADER_H
