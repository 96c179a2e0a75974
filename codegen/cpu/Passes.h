//===- Passes.h - The passes of the CPU code generator -----------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes.td says what each pass does. registerCpuPasses() makes them known to
// the textual pipeline; createToLlvmPass() and its kin build one with options.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_PASSES_H
#define MOE_CODEGEN_CPU_PASSES_H

#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>

namespace moe::cpu {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "moe/codegen/cpu/Passes.h.inc"

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_PASSES_H
