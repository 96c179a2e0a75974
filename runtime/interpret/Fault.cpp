//===- Fault.cpp - Errors that name an op and where it stands -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Fault.h"

#include "moe/runtime/core/Tensor.h"

#include "mlir/IR/Location.h"

using namespace moe;

/// The first file position in a location, however it is wrapped.
static mlir::FileLineColLoc positionOf(mlir::Location location) {
  mlir::FileLineColLoc position;
  location->walk([&](mlir::Location inner) {
    position = mlir::dyn_cast<mlir::FileLineColLoc>(inner);
    return position ? mlir::WalkResult::interrupt()
                    : mlir::WalkResult::advance();
  });
  return position;
}

core::Error interpret::faultAt(mlir::Operation *op, core::ErrorId id,
                               const llvm::Twine &message) {
  std::string text;
  if (mlir::FileLineColLoc position = positionOf(op->getLoc()))
    text = (position.getFilename().getValue() + ":" +
            llvm::Twine(position.getLine()) + ":" +
            llvm::Twine(position.getColumn()) + ": ")
               .str();
  text += ("'" + op->getName().getStringRef() + "' " + message).str();
  return {id, std::move(text)};
}

core::Error interpret::unsupported(mlir::Operation *op) {
  return faultAt(op, core::ErrorId::InterpreterUnsupported,
                 "is not an op that the interpreter knows; it runs the moe "
                 "dialect up to the plan phase, linalg on tensors, arith, "
                 "math, tensor, scf, func.call, cf.assert and affine index "
                 "arithmetic");
}

std::string interpret::shapeText(llvm::ArrayRef<int64_t> shape) {
  return core::shapeStr(std::vector<int64_t>(shape.begin(), shape.end()));
}
