//===- OsMemory.h - Large blocks of memory ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights and workspaces are the two large things a process with moec holds.
// They live on pages of their own, huge ones where the system gives them, and
// go back to the system when they end.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_OSMEMORY_H
#define MOE_RUNTIME_CORE_OSMEMORY_H

#include "moe/runtime/core/Error.h"

#include <cstddef>
#include <string>
#include <utility>

namespace moe::core::os {

/// Owned, zero-filled, aligned to at least 64 bytes. Pages that nobody touches
/// take no memory.
class Memory {
public:
  Memory() = default;
  /// OutOfMemory: "`what` needs N bytes, ...".
  static Result<Memory> allocate(size_t bytes, const std::string &what);
  Memory(Memory &&other) noexcept
      : start(std::exchange(other.start, nullptr)),
        length(std::exchange(other.length, 0)) {}
  Memory &operator=(Memory &&other) noexcept {
    std::swap(start, other.start);
    std::swap(length, other.length);
    return *this;
  }
  ~Memory();

  std::byte *data() const { return start; }
  size_t size() const { return length; }

private:
  std::byte *start = nullptr;
  size_t length = 0;
};

} // namespace moe::core::os

#endif // MOE_RUNTIME_CORE_OSMEMORY_H
