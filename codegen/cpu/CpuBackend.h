//===- CpuBackend.h - The CPU as a backend ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_CPUBACKEND_H
#define MOE_CODEGEN_CPU_CPUBACKEND_H

#include "moe/codegen/Backend.h"

namespace moe::cpu {

class CpuBackend final : public Backend {
public:
  bool knows(llvm::StringRef name) const override;
  std::string knownNames() const override;
  mlir::FailureOr<TargetAttrInterface> makeTarget(
      mlir::MLIRContext &context, const TargetRequest &request,
      llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const override;
  void buildLowerPipeline(mlir::OpPassManager &pm,
                          TargetAttrInterface target) const override;
  bool emits(moe::EmitKind kind) const override;
  mlir::FailureOr<std::string> emit(mlir::ModuleOp lowered,
                                    TargetAttrInterface target,
                                    moe::EmitKind kind,
                                    const CodegenServices &) const override;
  mlir::LogicalResult addCode(mlir::ModuleOp lowered,
                              TargetAttrInterface target,
                              const CodegenServices &,
                              abi::VariantT &variant) const override;
};

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_CPUBACKEND_H
