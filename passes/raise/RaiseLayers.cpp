//===- RaiseLayers.cpp - Ordinary ops that are an MoE layer to moe ops ----===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors whose formula is a layer's (LayerMatch.h) become moe ops.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/raise/BuildLayer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace moe;
using namespace moe::raise;

namespace moe {
#define GEN_PASS_DEF_RAISELAYERSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

class LayerRaiser {
public:
  explicit LayerRaiser(func::FuncOp function) : function(function), view(f) {}

  /// Raises the first layer in program order; false if there is none.
  bool raiseOne();
  /// Why the tensor that came closest was not raised; empty if nothing did.
  void remark();

private:
  bool raise(OpResult root);

  func::FuncOp function;
  Formulas f;
  ElementView view;
  std::string why;
  std::optional<Location> where;
};

} // namespace

/// The dimensions of more than one element.
static SmallVector<unsigned> wideDims(RankedTensorType type) {
  SmallVector<unsigned> wide;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.getDimSize(dim) != 1)
      wide.push_back(dim);
  return wide;
}

bool LayerRaiser::raise(OpResult root) {
  auto type = dyn_cast<RankedTensorType>(root.getType());
  if (!type || !isa<FloatType>(type.getElementType()) || root.use_empty())
    return false;
  SmallVector<unsigned> wide = wideDims(type);
  if (wide.size() != 2)
    return false;
  SmallVector<Expr> indices(type.getRank(), f.zero());
  for (unsigned dim : wide)
    indices[dim] = f.variable(view.size(root, dim));
  Expr value = view.element(root, indices);
  const Location place = root.getLoc();
  if (f.exhausted())
    return false;
  for (bool swapped : {false, true}) {
    unsigned tokenDim = wide[swapped], columnDim = wide[!swapped];
    Expr token = indices[tokenDim], column = indices[columnDim];
    std::string reason;
    std::optional<LayerMatch> layer =
        matchLayer(f, value, token, column, reason);
    if (layer && buildLayer(view, root, tokenDim, columnDim, *layer, reason)) {
      remark::passed(
          place,
          remark::RemarkOpts::name("layer-raised").category("moe-raise-layers"))
          << (layer->expertsChoose ? "raised to a moe layer of expert_top_k(" +
                                         std::to_string(layer->count) + ")"
                                   : "raised to a moe layer of top_k(" +
                                         std::to_string(layer->count) + ")");
      return true;
    }
    // The last that came close, or else the first that has a sum over experts.
    if (auto mixture =
            layer ? std::nullopt : explainMixture(f, value, token, column))
      reason = *mixture;
    if (reason.empty())
      continue;
    Formulas::walk(value, [&](Expr node) {
      if (node->is(Kind::Read) && !view.whyOpaque(node->value).empty())
        reason = view.whyOpaque(node->value);
    });
    why = reason;
    where = root.getLoc();
  }
  return false;
}

bool LayerRaiser::raiseOne() {
  if (!function.getBody().hasOneBlock())
    return false;
  for (Operation &op : function.getBody().front()) {
    bool computes = isa<linalg::LinalgOp, scf::ForOp>(op) ||
                    op.getName().getStringRef().ends_with(".scatter");
    if (!computes || isa<linalg::FillOp, linalg::TransposeOp>(op))
      continue;
    for (OpResult result : op.getResults())
      if (raise(result))
        return true;
  }
  return false;
}

void LayerRaiser::remark() {
  if (!where)
    return;
  remark::missed(
      *where,
      remark::RemarkOpts::name("layer-not-raised").category("moe-raise-layers"))
      << "not raised to a moe layer: " + why;
}

namespace {
struct RaiseLayersPass : moe::impl::RaiseLayersPassBase<RaiseLayersPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || isDisabled(function, getArgument()))
      return;
    while (true) {
      LayerRaiser raiser(function);
      if (!raiser.raiseOne()) {
        raiser.remark();
        eraseDead(function);
        return;
      }
      settleSizes(function);
      eraseDead(function);
    }
  }
};
} // namespace
