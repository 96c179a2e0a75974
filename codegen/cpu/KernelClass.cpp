//===- KernelClass.cpp - What kind of kernel some ops make ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/KernelClass.h"

#include "moe/codegen/cpu/ElementReader.h"
#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/cpu/MatmulShape.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

KernelClass moe::cpu::classOf(Operation *op) {
  if (isa<GroupedMatmulOp>(op))
    return KernelClass::Matmul;
  if (isa<ScoreOp, SelectOp, WeighOp>(op))
    return KernelClass::Route;
  if (isa<CapacityOp, CheckIdsOp, GroupOp, GroupsFromOffsetsOp, OffsetsOp,
          TilesOp>(op))
    return KernelClass::Index;
  if (isa<CombineOp>(op))
    return KernelClass::Combine;
  if (isa<PackOp>(op))
    return KernelClass::Pack;
  return KernelClass::Elements;
}

KernelClass moe::cpu::classOf(exec::KernelOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (KernelClass found = classOf(&op); found != KernelClass::Elements)
      return found;
  return KernelClass::Elements;
}

//===----------------------------------------------------------------------===//
// Tasks and scratch
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

/// Rows of result `number`, which is a tensor.
static AffineExpr rowsOf(exec::KernelOp kernel, unsigned number = 0) {
  unsigned index = kernel.getArgumentTypes().size() + number;
  return sizesOf(kernel, index,
                 cast<RankedTensorType>(kernel.getResultTypes()[number]))[0];
}

ElementTasks moe::cpu::elementTasks(exec::KernelOp kernel) {
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

PackShape::PackShape(PackedType type) {
  RankedTensorType tensor = type.getTensors().front();
  const int64_t rank = tensor.getRank();
  experts = rank == 3 ? tensor.getDimSize(0) : 1;
  columnsTotal = tensor.getDimSize(rank - 2);
  depth = tensor.getDimSize(rank - 1);
  sides = type.getTensors().size();
  columns = cast<PanelsAttr>(type.getLayout()).getColumns();
  panels = std::max<int64_t>(llvm::divideCeil(columnsTotal, columns), 1);
  panelBytes = depth * sides * columns * (tensor.getElementTypeBitWidth() / 8);
  expertBytes = type.getLayout().getBytesPerExpert(type.getTensors());
}

KernelShape moe::cpu::shapeOf(exec::KernelOp kernel, cpu::TargetAttr target) {
  KernelShape shape;
  AffineExpr tasks = getAffineConstantExpr(1, kernel.getContext());
  switch (classOf(kernel)) {
  case KernelClass::Elements:
    tasks = elementTasks(kernel).count;
    break;
  case KernelClass::Matmul: {
    auto op = onlyOp<GroupedMatmulOp>(kernel);
    MatmulShape matmul(op, target);
    shape.perTile = static_cast<bool>(op.getGroups());
    shape.times = matmul.columnTasks();
    shape.scratchBytes = matmul.scratchBytes();
    if (!shape.perTile)
      tasks = rowsOf(kernel).ceilDiv(matmul.tileRows) * matmul.columnTasks();
    break;
  }
  case KernelClass::Route:
    tasks = rowsOf(kernel);
    shape.scratchBytes = routeScratch(kernel);
    break;
  case KernelClass::Index:
    shape.scratchBytes = indexScratch(kernel);
    break;
  case KernelClass::Combine:
    tasks = rowsOf(kernel);
    shape.scratchBytes = combineScratch(onlyOp<CombineOp>(kernel));
    break;
  case KernelClass::Pack: {
    PackShape pack(onlyOp<PackOp>(kernel).getPacked().getType());
    tasks = tasks * (pack.experts * pack.panels);
    break;
  }
  }
  shape.tasks = AffineMap::get(kernel.getNumDims(), 0, tasks);
  return shape;
}
