//===- KernelClass.cpp - Tasks and scratch of CPU kernels -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/KernelClass.h"

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/cpu/MatmulShape.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

//===----------------------------------------------------------------------===//
// Tasks and scratch
//===----------------------------------------------------------------------===//

PackShape::PackShape(PackedType type) {
  RankedTensorType tensor = type.getTensors().front();
  element = tensor.getElementType();
  const int64_t rank = tensor.getRank();
  experts = rank == 3 ? tensor.getDimSize(0) : 1;
  columnsTotal = tensor.getDimSize(rank - 2);
  depth = tensor.getDimSize(rank - 1);
  sides = type.getTensors().size();
  auto layout = cast<PanelsAttr>(type.getLayout());
  columns = layout.getColumns();
  interleave = layout.getInterleave();
  depthPadded = llvm::alignTo(depth, layout.getDepthMultiple());
  panels = std::max<int64_t>(llvm::divideCeil(columnsTotal, columns), 1);
  panelBytes = depthPadded * sides * columns * elementBytes();
  expertBytes = type.getLayout().getBytesPerExpert(type.getTensors());
}

KernelShape moe::cpu::shapeOf(exec::KernelOp kernel, cpu::TargetAttr target) {
  KernelShape shape;
  AffineExpr tasks = getAffineConstantExpr(1, kernel.getContext());
  switch (classOf(kernel)) {
  case KernelClass::Elements:
    tasks = elementTasks(kernel).count;
    break;
  case KernelClass::Loops:
    break; // one iteration after another
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
    tasks = leaf::combineTokens(kernel);
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
