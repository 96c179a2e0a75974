/*===- kernel.h - How the runtime calls a CPU kernel ---------------*- C
-*-===*\
|*                                                                            *|
|* Part of moec, under the Apache License v2.0 with LLVM Exceptions.          *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* The code generator and the runtime meet here and nowhere else. Plain C,    *|
|* so that a kernel can be called from anything that can call a function.     *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MOE_CODEGEN_ABI_KERNEL_H
#define MOE_CODEGEN_ABI_KERNEL_H

#include <stdint.h>

/** Scratch memory is aligned to this many bytes. */
#define MOE_KERNEL_SCRATCH_ALIGNMENT 64

/** What a launch hands to each task range of its kernel; the kernel reads it
 * and changes neither array. */
typedef struct moe_kernel_args {
  /** One pointer per launch argument, in signature order. No alignment beyond
   * that of the element type is promised. */
  void *const *buffers;
  /** The values of the program's named dims, in signature order. */
  const int64_t *dims;
} moe_kernel_args;

/** Runs the tasks [task_begin, task_end). A kernel is a leaf: it calls nothing
 * outside its code image, allocates nothing and writes only what its buffers
 * and its scratch allow. Ranges of one launch run at the same time on several
 * threads, each with its own `worker` number (from 0) and its own `scratch`. */
typedef void (*moe_kernel_fn)(const moe_kernel_args *args, uint64_t task_begin,
                              uint64_t task_end, uint32_t worker,
                              void *scratch);

#endif /* MOE_CODEGEN_ABI_KERNEL_H */
