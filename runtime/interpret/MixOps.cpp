//===- MixOps.cpp - soft_dispatch, soft_combine, merge, tap ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The three mixtures are one product of matrices each, under another view of
// their operands.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/interpret/MoeValues.h"

using namespace moe;
using namespace moe::interpret;

/// result[i, j] = sum over k of a * b, whose elements the strides find.
static std::vector<double> mix(int64_t rows, int64_t columns, int64_t depth,
                               const double *a, int64_t aRow, int64_t aDepth,
                               const double *b) {
  std::vector<double> result(rows * columns, 0.0);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < depth; ++k) {
      const double factor = a[i * aRow + k * aDepth];
      for (int64_t j = 0; j < columns; ++j)
        result[i * columns + j] += factor * b[k * columns + j];
    }
  return result;
}

static core::Status softDispatch(Call &call) {
  core::Result<Array> input = call.array(0), weights = call.array(1);
  if (!input)
    return input.takeError();
  if (!weights)
    return weights.takeError();
  int64_t tokens = input->shape()[0], width = input->shape()[1];
  if (core::Status status =
          sameSize(call, "tokens", tokens, weights->shape()[0]);
      !status)
    return status;
  int64_t experts = weights->shape()[1], slots = weights->shape()[2];
  setFloats(call, 0, {experts, slots, width},
            mix(experts * slots, width, tokens, weights->floats(), 1,
                experts * slots, input->floats()));
  return core::Status::ok();
}

static core::Status softCombine(Call &call) {
  core::Result<Array> rows = call.array(0), weights = call.array(1);
  if (!rows)
    return rows.takeError();
  if (!weights)
    return weights.takeError();
  int64_t mixed = rows->shape()[0] * rows->shape()[1];
  if (core::Status status = sameSize(call, "rows", mixed,
                                     weights->shape()[1] * weights->shape()[2]);
      !status)
    return status;
  int64_t tokens = weights->shape()[0], width = rows->shape()[2];
  setFloats(
      call, 0, {tokens, width},
      mix(tokens, width, mixed, weights->floats(), mixed, 1, rows->floats()));
  return core::Status::ok();
}

static core::Status merge(Call &call) {
  core::Result<Array> tensor = call.array(0), weights = call.array(1);
  if (!tensor)
    return tensor.takeError();
  if (!weights)
    return weights.takeError();
  int64_t experts = tensor->shape()[0], segments = weights->shape()[0];
  if (core::Status status =
          sameSize(call, "experts", experts, weights->shape()[1]);
      !status)
    return status;
  int64_t width = 1;
  for (int64_t size : tensor->shape().drop_front())
    width *= size;
  llvm::SmallVector<int64_t> shape(tensor->shape());
  shape[0] = segments;
  setFloats(call, 0, shape,
            mix(segments, width, experts, weights->floats(), experts, 1,
                tensor->floats()));
  return core::Status::ok();
}

/// Taps became results before anything was run; one that is left is unwatched.
static core::Status tap(Call &) { return core::Status::ok(); }

void interpret::addMixOps(HandlerTable &table) {
  table["moe.soft_dispatch"] = softDispatch;
  table["moe.soft_combine"] = softCombine;
  table["moe.merge"] = merge;
  table["moe.tap"] = tap;
}
