//===- Simulator.h - What the simulator has beside the driver ---*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libmoe_cudasim.so is a CUDA driver, and these functions besides. A driver
// that exports moe_sim_load_text is handed a variant's text in place of its
// cubin; the others are for tests.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_SIMULATOR_H
#define MOE_TOOLS_CUDASIM_SIMULATOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How a launch is run. The defaults find the most; a seed shuffles the order
/// in which threads, copies and blocks proceed.
struct MoeSimOptions {
  unsigned seed;        ///< 0: first come, first served
  unsigned sharedBase;  ///< where shared memory begins, a multiple of 16
  unsigned char eager;  ///< asynchronous work is done when it is issued
  unsigned char norace; ///< no search for races
};

/// Compiles a kernel text, plays `arch` ("sm_80", "sm_90a") from here on, and
/// gives a CUmodule. `log` gets the compiler's output, owned by the library and
/// valid until this thread's next call. Results are CUresults: 218
/// (INVALID_PTX) for a text that does not compile, 209 (NO_BINARY_FOR_GPU) for
/// an architecture that is unknown, 221 (JIT_COMPILER_NOT_FOUND) where there is
/// no clang++.
int moe_sim_load_text(const char *text, size_t size, const char *arch,
                      void **module, const char **log);

/// The device to play before anything is loaded. sm_90a if never called.
int moe_sim_play(const char *arch);

void moe_sim_configure(const struct MoeSimOptions *options);

/// What went wrong in the last launch, a line each with the line of the text;
/// empty if nothing did. Valid until the next launch.
const char *moe_sim_report(void);

#ifdef __cplusplus
}
#endif

#endif // MOE_TOOLS_CUDASIM_SIMULATOR_H
