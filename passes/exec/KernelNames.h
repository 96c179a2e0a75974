//===- KernelNames.h - What kernels are called ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_EXEC_KERNELNAMES_H
#define MOE_PASSES_EXEC_KERNELNAMES_H

#include "moe/dialect/MoeInterfaces.h"
#include "moe/passes/exec/KernelPartition.h"

#include <string>

namespace moe {

/// What profilers and `moe-run` show: what the kernel does, its sizes and
/// types, and the target's instruction set: "matmul2_768x2048_bf16_avx512".
std::string kernelName(const KernelGroup &group, TargetAttrInterface target);

} // namespace moe

#endif // MOE_PASSES_EXEC_KERNELNAMES_H
