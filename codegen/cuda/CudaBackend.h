//===- CudaBackend.h - CUDA as a backend ------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_CUDABACKEND_H
#define MOE_CODEGEN_CUDA_CUDABACKEND_H

#include "moe/codegen/Backend.h"

namespace moe::cuda {

class CudaBackend final : public Backend {
public:
  bool knows(llvm::StringRef name) const override;
  std::string knownNames() const override;
  mlir::FailureOr<TargetAttrInterface> makeTarget(
      mlir::MLIRContext &context, const TargetRequest &request,
      llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const override;
  void buildLowerPipeline(mlir::OpPassManager &pm,
                          TargetAttrInterface target) const override;
  bool emits(EmitKind kind) const override;
  mlir::FailureOr<std::string>
  emit(mlir::ModuleOp lowered, TargetAttrInterface target, EmitKind kind,
       const CodegenServices &services) const override;
  /// The text always; a cubin where there is a compiler of it, and PTX that
  /// later devices can compile.
  mlir::LogicalResult addCode(mlir::ModuleOp lowered,
                              TargetAttrInterface target,
                              const CodegenServices &services,
                              abi::VariantT &variant) const override;
};

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_CUDABACKEND_H
