//===- MoeExecOps.h - Programs, steps and kernels ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_EXEC_MOEEXECOPS_H
#define MOE_DIALECT_EXEC_MOEEXECOPS_H

#include "moe/dialect/exec/MoeExecDialect.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace moe::exec {
/// memref<?xi8>: the type of the workspace.
mlir::MemRefType getArenaType(mlir::MLIRContext *context);
} // namespace moe::exec

#define GET_OP_CLASSES
#include "moe/dialect/exec/MoeExecOps.h.inc"

namespace moe::exec {

/// The buffers behind a value of this type, in launch order; empty for a type
/// that no buffer backs. Row counts of groups are dynamic.
llvm::SmallVector<mlir::MemRefType> getBackingTypes(mlir::Type type);

/// Dynamic sizes that a value of this type has: what its entry in a kernel's
/// `sizes` must provide. Groups have one (rows), tiles one (listed tiles).
unsigned getNumDynamicSizes(mlir::Type type);

} // namespace moe::exec

#endif // MOE_DIALECT_EXEC_MOEEXECOPS_H
