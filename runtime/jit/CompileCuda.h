//===- CompileCuda.h - NVRTC, as code generation sees it --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// codegen prints CUDA text and loads no library; runtime/cuda loads NVRTC and
// knows no IR. They meet here.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_COMPILECUDA_H
#define MOE_RUNTIME_JIT_COMPILECUDA_H

#include "moe/codegen/Backend.h"
#include "moe/runtime/core/Error.h"

#include <optional>

namespace moe::jit {

class CudaCompiler {
public:
  /// For code generation, while this object lives. NVRTC is loaded by the
  /// first compilation.
  CodegenServices services();

  /// Why the last compilation failed: what NVRTC says, or that it is absent.
  std::optional<core::Error> failure;

private:
  CudaBinary compile(llvm::StringRef text, llvm::StringRef arch);
};

/// Takes the CUDA text out of a variant. An error where there is nothing else:
/// `compiler` says why.
core::Status stripText(abi::VariantT &variant, const CudaCompiler &compiler);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_COMPILECUDA_H
