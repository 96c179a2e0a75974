//===- SerializeProgram.h - moe_exec as package tables ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last look at IR: what leaves here is codegen/abi/program.fbs, which says
// the same and needs no MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_PROGRAM_SERIALIZEPROGRAM_H
#define MOE_CODEGEN_PROGRAM_SERIALIZEPROGRAM_H

#include "moe/codegen/abi/program_generated.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <optional>

namespace moe {

/// A variant with the programs, kernels and parameters of an exec-phase module.
/// Its target, features and code are the caller's to fill in, as are kernel
/// entries. Kernels stand in the order of the module.
mlir::FailureOr<std::unique_ptr<abi::VariantT>>
serializeVariant(mlir::ModuleOp module);

/// An expression of a program's dimensions: a map of one result.
std::unique_ptr<abi::ExprT> serializeExpr(mlir::AffineMap map);

/// The package's code of an element type; nothing for a type it has none for.
/// Signless i8 is U8: bytes without a meaning of their own.
std::optional<abi::DType> dtypeOf(mlir::Type element);

} // namespace moe

#endif // MOE_CODEGEN_PROGRAM_SERIALIZEPROGRAM_H
