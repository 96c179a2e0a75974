//===- IsaOps.h - Which features an operation needs --------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lowering refuses what the emulation replaces: both ask here, so they
// cannot disagree. LLVM itself is no help, it aborts on an instruction that the
// target lacks.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_ISAOPS_H
#define MOE_CODEGEN_CPU_ISAOPS_H

#include "moe/codegen/abi/CpuFeature.h"

#include <optional>

namespace mlir {
class Operation;
} // namespace mlir

namespace moe::cpu {

struct IsaNeed {
  abi::CpuArch arch = abi::CpuArch::X86_64;
  abi::CpuFeatures features;
  /// False if no target of moec has the instruction.
  bool known = true;
};

/// What an op that stands for an instruction (amx, x86vector, a target's
/// intrinsic) needs; nothing for all other ops.
std::optional<IsaNeed> isaNeed(mlir::Operation *op);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_ISAOPS_H
