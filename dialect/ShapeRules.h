//===- ShapeRules.h - Shape checks shared by the verifiers ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of the moe ops speak of shapes like [T, K] in which some sizes are
// known and some are not. A dynamic size fits every size.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SHAPERULES_H
#define MOE_DIALECT_SHAPERULES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace moe {

inline bool sizeFits(int64_t size, int64_t expected) {
  return size == expected || mlir::ShapedType::isDynamic(size) ||
         mlir::ShapedType::isDynamic(expected);
}

/// True when `type` has this rank and every size fits.
inline bool shapeFits(mlir::RankedTensorType type,
                      llvm::ArrayRef<int64_t> expected) {
  if (type.getRank() != static_cast<int64_t>(expected.size()))
    return false;
  for (auto [size, want] : llvm::zip(type.getShape(), expected))
    if (!sizeFits(size, want))
      return false;
  return true;
}

inline mlir::RankedTensorType tensorOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

inline bool isFloatTensor(mlir::RankedTensorType type) {
  return llvm::isa<mlir::FloatType>(type.getElementType());
}

inline bool isI32Tensor(mlir::RankedTensorType type) {
  return type.getElementType().isSignlessInteger(32);
}

constexpr int64_t kAny = mlir::ShapedType::kDynamic;

} // namespace moe

#endif // MOE_DIALECT_SHAPERULES_H
