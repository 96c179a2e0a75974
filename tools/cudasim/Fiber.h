//===- Fiber.h - A thread of a block ----------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every CUDA thread is a fiber: a stack and a stack pointer. A block's threads
// take turns on one thread of the host, and change at nothing but intrinsics
// that wait, so that a launch is repeatable.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_FIBER_H
#define MOE_TOOLS_CUDASIM_FIBER_H

#include <cstddef>

namespace moe::cudasim {

/// Memory for the stacks of a block, pages of it when they are touched.
class Stacks {
public:
  static constexpr size_t bytesEach = 64 << 10;

  explicit Stacks(size_t count);
  ~Stacks();
  Stacks(const Stacks &) = delete;
  Stacks &operator=(const Stacks &) = delete;

  bool valid() const { return memory; }
  /// A stack pointer whose first switch calls `entry`, which never returns.
  void *start(size_t index, void (*entry)()) const;

private:
  char *memory;
  size_t count;
};

/// Goes on at `target`; what runs now goes on when its stack pointer, written
/// to `*saved`, is switched to.
extern "C" void moe_sim_switch(void **saved, void *target);

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_FIBER_H
