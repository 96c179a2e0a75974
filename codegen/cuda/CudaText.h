//===- CudaText.h - A module as one CUDA text -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_CUDATEXT_H
#define MOE_CODEGEN_CUDA_CUDATEXT_H

#include "moe/codegen/cuda/MoeCudaDialect.h"

#include "mlir/IR/BuiltinOps.h"

namespace moe::cuda {

/// The kernels of a lowered module as CUDA C++ that stands alone: the device
/// code that they need, then they.
mlir::FailureOr<std::string> printCuda(mlir::ModuleOp lowered,
                                       TargetAttr target);

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_CUDATEXT_H
