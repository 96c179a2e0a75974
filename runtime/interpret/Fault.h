//===- Fault.h - Errors that name an op and where it stands -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whoever reads an interpreter's error wants the line of the program that it is
// about.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_INTERPRET_FAULT_H
#define MOE_RUNTIME_INTERPRET_FAULT_H

#include "moe/runtime/core/Error.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"

namespace moe::interpret {

/// "layer.mlir:12:10: 'tensor.extract' MESSAGE", where the op has a location.
core::Error faultAt(mlir::Operation *op, core::ErrorId id,
                    const llvm::Twine &message);
/// The program does what has no defined result.
inline core::Error faultAt(mlir::Operation *op, const llvm::Twine &message) {
  return faultAt(op, core::ErrorId::ProgramFault, message);
}
/// The op is outside the set that the interpreter knows.
core::Error unsupported(mlir::Operation *op);

/// "[7, 64]".
std::string shapeText(llvm::ArrayRef<int64_t> shape);

} // namespace moe::interpret

#endif // MOE_RUNTIME_INTERPRET_FAULT_H
