//===- Backend.h - What a target's code generator offers --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Up to the exec phase every target is alike; from there on its backend takes
// over: a folder of codegen and one line in Backends.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_BACKEND_H
#define MOE_CODEGEN_BACKEND_H

#include "moe/codegen/abi/program_generated.h"
#include "moe/dialect/MoeInterfaces.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

#include <functional>
#include <string>

namespace moe {

/// What can be asked of a compilation beside a package.
enum class EmitKind { Object, Llvm, Asm, Cuda, Ptx, Cubin };

/// A target by name, with what is known of the machine. Zeros and empty text
/// are for what is not.
struct TargetRequest {
  std::string name;     ///< "x86-64-v3", "x86-64-v4+avx512_bf16", "sm_90a"
  std::string codeName; ///< emit code for this one, by emulation
  int64_t l1 = 0, l2 = 0, l3 = 0; ///< cache bytes: a core's, a core's, in all
  int64_t cores = 0;
};

/// What a compiler of CUDA text made of one.
struct CudaBinary {
  bool available = false; ///< whether there is such a compiler
  std::string error;      ///< why there is none, or what it says of the text
  std::string cubin, ptx, log;
};

/// What backends need and codegen cannot have itself: it loads no library.
struct CodegenServices {
  /// Compiles a text for an architecture, "sm_90a". Null is no compiler.
  std::function<CudaBinary(llvm::StringRef text, llvm::StringRef arch)>
      compileCuda;
  /// Told the milliseconds of the steps of addCode(). May be null.
  std::function<void(llvm::StringRef step, double ms)> timing;
};

class Backend {
public:
  virtual ~Backend() = default;

  /// Whether it is this backend's to compile for a target of this name.
  virtual bool knows(llvm::StringRef name) const = 0;
  /// The names it knows, for a diagnostic.
  virtual std::string knownNames() const = 0;

  /// The target as an attribute.
  virtual mlir::FailureOr<TargetAttrInterface> makeTarget(
      mlir::MLIRContext &context, const TargetRequest &request,
      llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const = 0;

  /// exec -> lower: kernels become target code in IR; programs stay.
  virtual void buildLowerPipeline(mlir::OpPassManager &pm,
                                  TargetAttrInterface target) const = 0;

  /// Whether emit() has this kind.
  virtual bool emits(EmitKind kind) const = 0;
  /// Text or bytes of a lowered module's kernels.
  virtual mlir::FailureOr<std::string>
  emit(mlir::ModuleOp lowered, TargetAttrInterface target, EmitKind kind,
       const CodegenServices &services) const = 0;

  /// Completes a variant (serializeVariant) of a lowered module: target,
  /// features, code and the kernels' entries. The kernels are used up.
  virtual mlir::LogicalResult addCode(mlir::ModuleOp lowered,
                                      TargetAttrInterface target,
                                      const CodegenServices &services,
                                      abi::VariantT &variant) const = 0;
};

/// All backends. Never empty.
llvm::ArrayRef<const Backend *> getBackends();

/// The backend that knows a target name; null if none does.
const Backend *findBackend(llvm::StringRef targetName);

} // namespace moe

#endif // MOE_CODEGEN_BACKEND_H
