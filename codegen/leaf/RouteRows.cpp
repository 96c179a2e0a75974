//===- RouteRows.cpp - A token's rows in a route kernel -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/RouteRows.h"
#include "moe/dialect/MoeInterfaces.h"
#include "moe/dialect/MoeOps.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;

int64_t moe::lastDim(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getDimSize(type.getRank() - 1);
}

SmallVector<semantics::Expr> moe::formulasOf(const semantics::NormStep &step) {
  using namespace semantics;
  if (step.kind == NormKind::L1)
    return {};
  if (lookup(step.kind).divides) {
    NormFormulas formulas = normFormulas(step);
    return {formulas.term, formulas.root};
  }
  return {lookup(step.kind == NormKind::Sigmoid ? ScoreFn::Sigmoid
                                                : ScoreFn::Softmax)
              .formula};
}

RouteRows::RouteRows(exec::KernelOp kernel, int64_t alignment) {
  auto rowBytes = [&](int64_t elements) {
    return static_cast<int64_t>(llvm::alignTo(elements * 4, alignment));
  };
  int64_t widest = 0, groups = 0, picks = 0;
  auto addRow = [&](Value value) {
    if (rows.insert({value, bytes}).second)
      bytes += rowBytes(lastDim(value));
  };
  for (Operation &op : kernel.getBody().front()) {
    if (isBatchDependent(&op))
      continue; // it works on columns, in place
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](ScoreOp score) {
          addRow(score.getLogits());
          addRow(score.getScores());
        })
        .Case([&](SelectOp select) {
          addRow(select.getScores());
          addRow(select.getIds());
          widest = std::max(widest, lastDim(select.getScores()));
          if (select.getGroups())
            groups = std::max(groups, select.getGroups()->getNumGroups());
        })
        .Case([&](WeighOp weigh) {
          addRow(weigh.getScores());
          addRow(weigh.getIds());
          picks = std::max(picks, lastDim(weigh.getIds()));
        });
  }
  for (auto [place, elements] :
       {std::pair(&keys, widest), std::pair(&groupKeys, groups),
        std::pair(&weights, picks)}) {
    *place = bytes;
    bytes += rowBytes(elements);
  }
}
