//===- Fiber.cpp - A thread of a block ------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A switch is ten instructions; the C library's asks the system for signal
// masks.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Fiber.h"

#include <sys/mman.h>

using namespace moe::cudasim;

#if !defined(__x86_64__)
#error "a switch of stacks is written for x86-64 alone"
#endif

// The callee-saved registers of the System V ABI, and the stack pointer.
asm(R"(.text
.globl moe_sim_switch
.hidden moe_sim_switch
.type moe_sim_switch,@function
moe_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size moe_sim_switch, .-moe_sim_switch
)");

Stacks::Stacks(size_t count) : count(count) {
  void *p = mmap(nullptr, count * bytesEach, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  memory = p == MAP_FAILED ? nullptr : static_cast<char *>(p);
}

Stacks::~Stacks() {
  if (memory)
    munmap(memory, count * bytesEach);
}

void *Stacks::start(size_t index, void (*entry)()) const {
  constexpr int calleeSaved = 6;
  char *top = memory + (index + 1) * bytesEach - 64;
  void **stack = reinterpret_cast<void **>(top);
  *--stack = nullptr; // where entry would return to; aligns its frame
  *--stack = reinterpret_cast<void *>(entry);
  for (int i = 0; i < calleeSaved; ++i)
    *--stack = nullptr;
  return stack;
}
