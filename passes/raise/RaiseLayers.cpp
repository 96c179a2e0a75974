//===- RaiseLayers.cpp - Ordinary ops that are an MoE layer to moe ops ----===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor is an MoE layer if its element is
//   y[t, h] = sum over j < k of w(t, j) * expert(id(t, j), x[t, :])[h]
// with ids that are the k picks of one row of scores. Every way to write a
// layer has this formula (Element.h), so one match serves them all.
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
  bool match(Expr value, Expr token, Expr column, LayerMatch &layer);
  void notice(OpResult root, Expr value, Expr token, Expr column);

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

bool LayerRaiser::match(Expr value, Expr token, Expr column,
                        LayerMatch &layer) {
  // One factor is the sum over the picks; the others weigh them all.
  SmallVector<Expr> outside, inside;
  for (Expr factor : Formulas::factors(value))
    (factor->dependsOn(column) ? inside : outside).push_back(factor);
  layer.rank = f.zero();
  layer.count = 1;
  Expr summed = f.mul(inside);
  SmallVector<Expr> weights(outside), body;
  auto picksOf = [&](Expr e, Expr rank) {
    llvm::SmallSetVector<Expr, 4> picks;
    Formulas::walk(e, [&](Expr node) {
      if (node->is(Kind::Pick) && node->args[2] == rank &&
          node->dependsOn(token) && !node->dependsOn(column))
        picks.insert(node);
    });
    return picks;
  };
  // It may stand inside another sum: the order of sums is free.
  SmallVector<Expr> around;
  for (Expr inner = summed; inner->is(Kind::Sum);) {
    auto [name, term] = f.open(inner);
    if (name->args[0]->is(Kind::Constant) && picksOf(term, name).size()) {
      layer.rank = name;
      layer.count = static_cast<int64_t>(name->args[0]->number);
      for (Expr other : llvm::reverse(around))
        term = f.sum(other, term);
      summed = term;
      break;
    }
    around.push_back(name);
    inner = term;
  }
  for (Expr factor : Formulas::factors(summed))
    (factor->dependsOn(column) ? body : weights).push_back(factor);
  Expr computed = f.mul(body);
  auto picks = picksOf(computed, layer.rank);
  if (picks.size() != 1)
    return false;
  layer.pick = picks.front();
  if (!layer.pick->args[0]->is(Kind::Constant))
    return false;
  layer.token = token;
  layer.column = column;
  layer.expert = f.variable(layer.pick->args[0]);
  layer.weight = f.mul(weights);
  auto attempt = [&](Expr value, std::string &reason) {
    return matchExpert(f, f.substitute(value, layer.pick, layer.expert), token,
                       layer.expert, column, reason);
  };
  std::string reason;
  std::optional<ExpertMatch> expert = attempt(computed, reason);
  // A weight on the rows that enter is in the activation too; dividing the rows
  // by it leaves an expert of plain rows.
  for (Expr scale : weights) {
    if (expert || !f.positive(scale))
      continue;
    Expr general = f.substitute(scale, layer.pick, layer.expert);
    Expr whole =
        f.substitute(f.mul(f.mul(weights), computed), layer.pick, layer.expert);
    Expr plain = f.transform(whole, [&](Expr node) -> Expr {
      if (node == general || !node->dependsOn(token))
        return node;
      if (node->is(Kind::Read))
        return f.mul(node, f.reciprocal(general));
      return nullptr;
    });
    std::string ignored;
    expert = attempt(plain, ignored);
    if (expert) {
      layer.weighsRows = true;
      layer.weight = scale;
    }
  }
  if (!expert) {
    why = "the part that depends on the expert is no expert: " + reason;
    return false;
  }
  layer.body = std::move(*expert);
  return true;
}

/// Remembers a sum over experts that was not raised.
void LayerRaiser::notice(OpResult root, Expr value, Expr token, Expr column) {
  Expr sum = nullptr;
  for (Expr factor : Formulas::factors(value))
    if (factor->is(Kind::Sum) && factor->dependsOn(column))
      sum = factor;
  if (!sum || !sum->args[0]->is(Kind::Constant))
    return;
  auto [expert, body] = f.open(sum);
  SmallVector<Expr> weights, rest;
  for (Expr factor : Formulas::factors(body))
    (factor->dependsOn(column) ? rest : weights).push_back(factor);
  Expr weight = f.mul(weights);
  std::string ignored;
  if (!weight->dependsOn(token) || !weight->dependsOn(expert) ||
      !matchExpert(f, f.mul(rest), token, expert, column, ignored))
    return;
  bool picks = false;
  Formulas::walk(weight, [&](Expr node) {
    picks |= node->is(Kind::Pick) && node->args[0] == sum->args[0];
  });
  why = picks ? "the weights of experts that are not picked are not zero"
              : "every expert has a weight: no top-k picks some";
  where = root.getLoc();
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
  if (getenv("MOE_DUMP"))
    llvm::errs() << root.getLoc() << " = " << f.text(value) << "\n\n";
  if (f.exhausted())
    return false;
  for (bool swapped : {false, true}) {
    unsigned tokenDim = wide[swapped], columnDim = wide[!swapped];
    LayerMatch layer;
    if (!match(value, indices[tokenDim], indices[columnDim], layer)) {
      notice(root, value, indices[tokenDim], indices[columnDim]);
      if (!why.empty() && !where)
        where = root.getLoc();
      continue;
    }
    std::string reason;
    if (buildLayer(view, root, tokenDim, columnDim, layer, reason))
      return true;
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
    if (function.isExternal())
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
