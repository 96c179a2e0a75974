//===- MoeOps.h - Ops of the moe dialect ------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOEOPS_H
#define MOE_DIALECT_MOEOPS_H

#include "moe/dialect/MoeDialect.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace moe {
/// What moe.tap writes to.
struct TapResource : mlir::SideEffects::Resource::Base<TapResource> {
  llvm::StringRef getName() final { return "tap"; }
};
} // namespace moe

#define GET_OP_CLASSES
#include "moe/dialect/MoeOps.h.inc"

namespace moe {
/// The rows that tensors of a groups value's rows have, by its layout, where
/// that is known statically; ShapedType::kDynamic elsewhere.
int64_t getRowBound(mlir::Value groups);
} // namespace moe

#endif // MOE_DIALECT_MOEOPS_H
