//===- MixOps.cpp - soft_dispatch, soft_combine, merge, tap ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Mixtures are einsums whose shapes are all there is to verify: every token or
// expert takes part in every result.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/ShapeRules.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace moe;

static bool allFloat(ArrayRef<RankedTensorType> types) {
  return llvm::all_of(types, isFloatTensor);
}

bool SoftDispatchOp::isTokenLocal() { return false; }

LogicalResult SoftDispatchOp::verify() {
  // soft_dispatch_c1
  RankedTensorType input = tensorOf(getInput());
  RankedTensorType weights = tensorOf(getWeights());
  RankedTensorType rows = tensorOf(getRows());
  bool ranked =
      input.getRank() == 2 && weights.getRank() == 3 && rows.getRank() == 3;
  if (!ranked || !allFloat({input, weights, rows}) ||
      !sizeFits(input.getDimSize(0), weights.getDimSize(0)) ||
      !shapeFits(rows, {weights.getDimSize(1), weights.getDimSize(2),
                        input.getDimSize(1)}))
    return emitOpError() << "expects x [T, H], weights [T, E, P] and rows [E, "
                            "P, H] of float types, got "
                         << input << ", " << weights << " and " << rows;
  return success();
}

LogicalResult SoftCombineOp::verify() {
  // soft_combine_c1
  RankedTensorType rows = tensorOf(getRows());
  RankedTensorType weights = tensorOf(getWeights());
  RankedTensorType result = tensorOf(getResult());
  bool ranked =
      rows.getRank() == 3 && weights.getRank() == 3 && result.getRank() == 2;
  if (!ranked || !allFloat({rows, weights, result}) ||
      !shapeFits(weights, {result.getDimSize(0), rows.getDimSize(0),
                           rows.getDimSize(1)}) ||
      !sizeFits(result.getDimSize(1), rows.getDimSize(2)))
    return emitOpError() << "expects rows [E, P, H], weights [T, E, P] and a "
                            "result [T, H] of float types, got "
                         << rows << ", " << weights << " and " << result;
  return success();
}

LogicalResult MergeOp::verify() {
  // merge_c1
  RankedTensorType tensor = tensorOf(getTensor());
  RankedTensorType weights = tensorOf(getWeights());
  RankedTensorType result = tensorOf(getResult());
  bool ranked = tensor.getRank() >= 1 && weights.getRank() == 2 &&
                result.getRank() == tensor.getRank();
  SmallVector<int64_t> want;
  if (ranked) {
    want.push_back(weights.getDimSize(0));
    llvm::append_range(want, tensor.getShape().drop_front());
  }
  if (!ranked || !allFloat({tensor, weights, result}) ||
      !sizeFits(weights.getDimSize(1), tensor.getDimSize(0)) ||
      !shapeFits(result, want))
    return emitOpError() << "expects a tensor [E, ...], weights [M, E] and a "
                            "result [M, ...] of float types, got "
                         << tensor << ", " << weights << " and " << result;
  return success();
}

LogicalResult TapOp::verify() {
  // tap_c2
  auto function = dyn_cast<func::FuncOp>((*this)->getParentOp());
  if (!function)
    return emitOpError("expects to stand in the body of a function, not in a "
                       "region of another op");
  // tap_c1
  if (getName().empty())
    return emitOpError("expects a name that is not empty");
  for (auto other : (*this)->getBlock()->getOps<TapOp>())
    if (other != *this && other.getName() == getName())
      return emitOpError() << "expects a name that no other tap has, got '"
                           << getName() << "' twice";
  return success();
}
