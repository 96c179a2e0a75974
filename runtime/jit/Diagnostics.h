//===- Diagnostics.h - MLIR's diagnostics as an Error -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_DIAGNOSTICS_H
#define MOE_RUNTIME_JIT_DIAGNOSTICS_H

#include "moe/runtime/core/Error.h"

#include "mlir/IR/Diagnostics.h"

#include <string>

namespace moe::jit {

/// While it lives, takes the errors that a context emits (warnings and remarks
/// go on to whoever else listens). The first error is the message, with the
/// place it speaks of; the others, and every note, are the details.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext &context);

  bool hasErrors() const { return !first.empty(); }
  /// The first error: "layer.mlir:7:10: 'moe.route' op expects ...".
  const std::string &message() const { return first; }
  /// All of them, one a line.
  const std::string &details() const { return all; }
  /// An Error of the first message, or of `fallback` if nothing was said.
  core::Error error(core::ErrorId id, std::string_view fallback) const;

private:
  std::string first, all;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_DIAGNOSTICS_H
