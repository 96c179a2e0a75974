//===- MoeCpuDialect.h - CPU targets, layouts and plans ----------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_MOECPUDIALECT_H
#define MOE_CODEGEN_CPU_MOECPUDIALECT_H

#include "moe/codegen/cpu/CpuTargets.h"
#include "moe/dialect/MoeDialect.h"

#include "moe/codegen/cpu/MoeCpuDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/codegen/cpu/MoeCpuAttrs.h.inc"

namespace moe::cpu {

/// The CPU target of the module around `op`; null if it has none.
TargetAttr getTarget(mlir::Operation *op);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_MOECPUDIALECT_H
