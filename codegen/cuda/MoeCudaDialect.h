//===- MoeCudaDialect.h - CUDA targets, layouts and plans -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_MOECUDADIALECT_H
#define MOE_CODEGEN_CUDA_MOECUDADIALECT_H

#include "moe/codegen/cuda/CudaArch.h"
#include "moe/dialect/MoeDialect.h"

#include "moe/codegen/cuda/MoeCudaDialect.h.inc"
#include "moe/codegen/cuda/MoeCudaEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/codegen/cuda/MoeCudaAttrs.h.inc"

namespace moe::cuda {

/// The CUDA target of the module around `op`; null if it has none.
TargetAttr getTarget(mlir::Operation *op);

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_MOECUDADIALECT_H
