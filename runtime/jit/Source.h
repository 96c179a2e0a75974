//===- Source.h - Where a layer comes from ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_SOURCE_H
#define MOE_RUNTIME_JIT_SOURCE_H

#include "moe/codegen/abi/plugin.h"
#include "moe/runtime/core/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace moe::jit {

/// A context with every dialect of moec, for one compilation: single-threaded,
/// since remarks have no lock and compilations run beside each other.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// The source as a verified module: parsed, imported from a checkpoint, or
/// built from a LayerSpec. Errors carry the source's name.
core::Result<mlir::OwningOpRef<mlir::ModuleOp>>
loadSource(mlir::MLIRContext &context, const moe_plugin_source &source);

/// The source as textual IR.
core::Result<std::string> printedSource(const moe_plugin_source &source);

/// Textual IR as a module.
core::Result<mlir::OwningOpRef<mlir::ModuleOp>>
parseText(mlir::MLIRContext &context, std::string_view text,
          std::string_view name);

/// The function of this name, or the only public one.
core::Result<mlir::func::FuncOp> findFunction(mlir::ModuleOp module,
                                              const char *name);

/// {"function", "inputs": [{name, dtype, shape}], "outputs", "bounds"} as JSON;
/// a dynamic size is its dimension's name.
std::string signatureOf(mlir::func::FuncOp function);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_SOURCE_H
