//===- Memory.h - The device's memory ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Device memory is host memory that somebody allocated: an access outside of
// every allocation is a mistake that a GPU might not notice.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_MEMORY_H
#define MOE_TOOLS_CUDASIM_MEMORY_H

#include <cstddef>
#include <cstdint>

namespace moe::cudasim {

/// Who wrote four bytes last.
struct GlobalWrite {
  uint32_t launch; ///< 0: nobody, or in no launch
  uint32_t block, time;
  uint16_t thread;
  uint8_t bytes; ///< a bit each
};

struct Allocation {
  const char *begin = nullptr;
  size_t bytes = 0;
  GlobalWrite *writes = nullptr; ///< of each four bytes
  bool contains(const void *p, size_t n) const {
    const char *at = static_cast<const char *>(p);
    return at >= begin && size_t(at - begin) <= bytes &&
           n <= bytes - size_t(at - begin);
  }
};

/// Memory on 256 bytes, filled with bytes of ones: floats of it are NaN. Null
/// if there is none, or more than the device has.
void *allocate(size_t bytes);
/// False for what was not allocated.
bool release(void *p);
/// The allocation that has these bytes; empty if none has.
Allocation findAllocation(const void *p, size_t bytes);
/// What is left of the device's memory, and all of it.
void memoryLeft(size_t &free, size_t &total);

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_MEMORY_H
