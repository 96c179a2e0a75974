//===- KernelClass.cpp - What kind of kernel some ops make ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/KernelClass.h"

#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

KernelClass moe::leaf::classOf(Operation *op) {
  if (isa<GroupedMatmulOp>(op))
    return KernelClass::Matmul;
  if (isa<ScoreOp, SelectOp, WeighOp>(op))
    return KernelClass::Route;
  if (isa<CapacityOp, CheckIdsOp, GroupOp, GroupsFromOffsetsOp, OffsetsOp,
          PlacesOp, RowExpertsOp, TilesOp>(op))
    return KernelClass::Index;
  if (isa<CombineOp>(op))
    return KernelClass::Combine;
  if (isa<PackOp>(op))
    return KernelClass::Pack;
  if (isa<scf::SCFDialect>(op->getDialect()))
    return KernelClass::Loops;
  return KernelClass::Elements;
}

KernelClass moe::leaf::classOf(exec::KernelOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (KernelClass found = classOf(&op); found != KernelClass::Elements)
      return found;
  return KernelClass::Elements;
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

/// Sizes of an argument or result, of its type or as the kernel says.
static SmallVector<AffineExpr> sizesOf(exec::KernelOp kernel, unsigned index,
                                       RankedTensorType type) {
  AffineMap map = cast<AffineMapAttr>(kernel.getSizes()[index]).getValue();
  SmallVector<AffineExpr> sizes;
  unsigned next = 0;
  for (int64_t size : type.getShape())
    sizes.push_back(ShapedType::isDynamic(size)
                        ? map.getResult(next++)
                        : getAffineConstantExpr(size, kernel.getContext()));
  return sizes;
}

AffineExpr moe::leaf::rowsOf(exec::KernelOp kernel, unsigned number) {
  unsigned index = kernel.getArgumentTypes().size() + number;
  return sizesOf(kernel, index,
                 cast<RankedTensorType>(kernel.getResultTypes()[number]))[0];
}

AffineExpr moe::leaf::combineTokens(exec::KernelOp kernel) {
  auto type = cast<RankedTensorType>(kernel.getResultTypes()[0]);
  AffineExpr tokens = rowsOf(kernel);
  return type.getRank() == 3 ? tokens * type.getDimSize(1) : tokens;
}

ElementTasks moe::leaf::elementTasks(exec::KernelOp kernel) {
  AffineExpr one = getAffineConstantExpr(1, kernel.getContext());
  SmallVector<AffineExpr> common;
  for (auto [number, type] : llvm::enumerate(kernel.getResultTypes())) {
    SmallVector<AffineExpr> sizes =
        sizesOf(kernel, kernel.getArgumentTypes().size() + number,
                cast<RankedTensorType>(type));
    // The last dimension is the inner loop, unless it is the only one.
    if (sizes.size() > 1)
      sizes.pop_back();
    if (number == 0)
      common = sizes;
    while (common.size() > sizes.size() ||
           ArrayRef(common) != ArrayRef(sizes).take_front(common.size()))
      common.pop_back();
  }
  ElementTasks tasks{0, one};
  for (AffineExpr size : common) {
    if (!isa<AffineConstantExpr>(size) && !isa<AffineConstantExpr>(tasks.count))
      break; // a product of two sizes is not affine
    tasks.count = tasks.count * size;
    ++tasks.dims;
  }
  return tasks;
}
