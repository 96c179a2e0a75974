//===- ObjectEmitter.h - LLVM dialect to machine code ------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that runs LLVM. What comes out is an object whose functions
// depend on nothing, or a diagnostic.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_OBJECTEMITTER_H
#define MOE_CODEGEN_CPU_OBJECTEMITTER_H

#include "moe/codegen/cpu/CpuTargets.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

#include "llvm/ADT/StringRef.h"

#include <chrono>
#include <string>
#include <vector>

namespace moe::cpu {

enum class EmitKind {
  Object,   ///< ELF
  Assembly, ///< text
  LlvmIr,   ///< text, after optimization
};

/// An attribute of functions whose loops and vectors are as they are to run:
/// LLVM only cleans up. In other functions it also looks for vectors.
inline constexpr llvm::StringLiteral asWrittenAttr = "moe-as-written";

/// Milliseconds from one lap to the next.
class Stopwatch {
public:
  double lap() {
    auto now = std::chrono::steady_clock::now();
    std::chrono::duration<double, std::milli> passed = now - last;
    last = now;
    return passed.count();
  }

private:
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

struct EmittedCode {
  std::string bytes;
  /// The kernels: functions marked `moe.kernel`, in the order of the module.
  std::vector<std::string> entries;
  double translateMs = 0, optimizeMs = 0, generateMs = 0;
};

/// Most bytes a function's frame may have. Emulated tiles need the room.
inline constexpr unsigned defaultFrameLimit = 64 * 1024;

/// Compiles a module of LLVM dialect functions (moe-to-llvm made them). Reports
/// on the module whatever LLVM complains about, a frame above `frameLimit`
/// included. Thread safe: different modules at the same time.
mlir::FailureOr<EmittedCode> emitCode(mlir::ModuleOp module,
                                      const CpuTarget &target, EmitKind kind,
                                      unsigned frameLimit = defaultFrameLimit);

/// Call for the registry of a context whose modules are emitted.
void registerCpuTranslations(mlir::DialectRegistry &registry);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_OBJECTEMITTER_H
