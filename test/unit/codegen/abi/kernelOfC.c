/*===- kernelOfC.c - A kernel in plain C ---------------------------*- C
-*-===*\
|*                                                                            *|
|* Part of moec, under the Apache License v2.0 with LLVM Exceptions.          *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include "moe/codegen/abi/kernel.h"

static void kernel(const moe_kernel_args *args, uint64_t task_begin,
                   uint64_t task_end, uint32_t worker, void *scratch) {
  (void)scratch;
  *(int64_t *)args->buffers[0] =
      args->dims[0] + (int64_t)(task_begin + task_end) + worker;
}

moe_kernel_fn moeTestKernelOfC(void);
moe_kernel_fn moeTestKernelOfC(void) { return kernel; }
