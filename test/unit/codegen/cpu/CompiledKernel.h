//===- CompiledKernel.h - Kernels from text, compiled and called -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The whole way of a kernel (text, passes, object, image, loader) in one call,
// so that a test is a kernel's text, its inputs and what must come out.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_CODEGEN_CPU_COMPILEDKERNEL_H
#define MOE_TEST_UNIT_CODEGEN_CPU_COMPILEDKERNEL_H

#include "moe/codegen/abi/CodeImage.h"
#include "moe/codegen/cpu/ObjectEmitter.h"
#include "moe/runtime/core/CodeLoader.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moe::test {

/// A context with the dialects of kernels whose diagnostics are kept.
struct KernelContext {
  KernelContext();
  std::unique_ptr<mlir::MLIRContext> context;
  std::vector<std::string> errors;
};

/// What a compilation came to.
struct CompiledKernel {
  std::vector<std::string> errors; ///< empty: it succeeded
  abi::CodeImage image;
  std::optional<core::LoadedCode> code;
  std::vector<std::string> entries;
  size_t parts = 0; ///< that were compiled on their own
  double parseMs = 0, lowerMs = 0, translateMs = 0, optimizeMs = 0,
         generateMs = 0, linkMs = 0, loadMs = 0;

  /// Runs entry `index` over the tasks [0, tasks).
  void run(std::vector<const void *> buffers, std::vector<int64_t> dims,
           uint64_t tasks, size_t index = 0) const;
};

/// Compiles for `target`; with `emulate`, runs moe-emulate-isa first. `load`
/// maps the code, which needs an image of this machine's architecture.
CompiledKernel compileKernels(const std::string &text, llvm::StringRef target,
                              bool emulate = false, bool load = true);
/// Text in the given form, instead of an image.
std::string emitText(const std::string &text, llvm::StringRef target,
                     cpu::EmitKind kind, bool emulate = false);

/// A kernel with %b0 .. %b(count-1) as its buffers around `body`.
std::string kernelText(const std::string &name, unsigned buffers,
                       const std::string &body);

/// y[i] = ops(x[i]) for i < tasks, `lanes` at a time, with a masked tail.
/// `ops` computes %y of `lanes` x outType from %x of `lanes` x inType.
std::string elementwise(unsigned lanes, const std::string &inType,
                        const std::string &outType, const std::string &ops);

/// The same, one element at a time: `ops` computes %y from %x.
std::string scalarLoop(const std::string &inType, const std::string &outType,
                       const std::string &ops);

/// Whether this host can run code for `target`.
bool hostRuns(llvm::StringRef target);

} // namespace moe::test

#endif // MOE_TEST_UNIT_CODEGEN_CPU_COMPILEDKERNEL_H
