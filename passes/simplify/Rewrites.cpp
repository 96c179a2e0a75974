//===- Rewrites.cpp - The table of rewrites -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/simplify/Rewrites.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace moe;

static constexpr RewriteRow rows[] = {
    {RewriteId::ZeroBias, "zero-bias", Kept::Bits,
     "a bias of zeros is left out"},
    {RewriteId::ZeroNoise, "zero-noise", Kept::Bits,
     "noise of zeros is left out"},
    {RewriteId::AllValid, "all-valid", Kept::Bits,
     "a mask that holds for every token is left out"},
    {RewriteId::PickAll, "pick-all", Kept::Reals,
     "as many picks as experts are all experts, without a search"},
    {RewriteId::EqualBias, "equal-bias", Kept::Most,
     "a bias that is equal for all experts is left out"},
    {RewriteId::FillNegInf, "fill-neg-inf", Kept::Most,
     "experts outside the kept groups are never picked, in place of a fill of "
     "0 below all scores"},
    {RewriteId::SoftmaxOfPicks, "softmax-of-picks", Kept::Most,
     "picks by logits and a softmax over the picks, in place of one over all "
     "experts and a division by the picks' sum"},
    {RewriteId::SigmoidOfPicks, "sigmoid-of-picks", Kept::Most,
     "picks by logits and a sigmoid of the picks, in place of one of all "
     "experts"},
    {RewriteId::SinglePick, "single-pick", Kept::Bits,
     "the weight of a single pick over its own sum is 1"},
    {RewriteId::SinglePositivePick, "single-positive-pick", Kept::Reals,
     "the weight of a single pick over its own sum is 1, as its score is "
     "positive"},
    {RewriteId::UnitWeights, "unit-weights", Kept::Bits,
     "weights of 1 are left out"},
    {RewriteId::UnitExpertScale, "unit-expert-scale", Kept::Bits,
     "factors of experts that are 1 are left out"},
    {RewriteId::EqualExpertScale, "equal-expert-scale", Kept::Reals,
     "factors of experts that are equal become the scale"},
    {RewriteId::NormOfNorm, "norm-of-norm", Kept::Reals,
     "of two norms in a row one is left out"},
    {RewriteId::ScaleBeforeRenorm, "scale-before-renorm", Kept::Reals,
     "a scale is left out that the division after the capacity cancels"},
    {RewriteId::RenormBefore, "renorm-before", Kept::Reals,
     "a capacity that drops nothing is left out, its division the router's"},
    {RewriteId::IdentityExperts, "identity-experts", Kept::Bits,
     "experts that give their rows back are left out"},
    {RewriteId::RowsBack, "rows-back", Kept::Bits,
     "rows that a combine has put to their slots are taken from before it"},
    {RewriteId::ZeroInit, "zero-init", Kept::Bits,
     "a sum that starts from zeros starts from nothing"},
    {RewriteId::AddIntoInit, "add-into-init", Kept::Reals,
     "what is added to a layer's result is where its sum starts"},
    {RewriteId::ScaleAfterExperts, "scale-after-experts", Kept::Reals,
     "rows of experts that keep factors are weighed when they are combined, so "
     "that they are read in place"},
};

ArrayRef<RewriteRow> moe::rewriteRows() { return rows; }

const RewriteRow &moe::lookup(RewriteId id) {
  const RewriteRow &row = rows[static_cast<size_t>(id)];
  assert(row.id == id && "the table is in the order of the ids");
  return row;
}

StringRef moe::nameOf(Kept kept) {
  switch (kept) {
  case Kept::Bits:
    return "bitwise";
  case Kept::Reals:
    return "real";
  case Kept::Most:
    return "approx";
  }
  llvm_unreachable("every mark is handled");
}

void RewriteSet::fired(const RewriteRow &row, Location loc) {
  ++times[&row];
  remark::passed(
      loc, remark::RemarkOpts::name(row.name).category("moe-simplify-layers"))
      << (row.says + " (" + nameOf(row.kept) + ")").str();
}

SmallVector<Attribute> RewriteSet::decisions(MLIRContext *context) {
  Builder builder(context);
  SmallVector<Attribute> list;
  for (const RewriteRow &row : rows) {
    auto found = times.find(&row);
    if (found == times.end())
      continue;
    StringRef reason = row.kept == Kept::Bits ? "every bit stays as it is"
                       : row.kept == Kept::Reals
                           ? "it is equal in real arithmetic"
                           : "moe.fast allows ids to differ where scores tie";
    auto figures = builder.getDictionaryAttr(builder.getNamedAttr(
        "times", builder.getI64IntegerAttr(found->second)));
    list.push_back(DecisionAttr::get(context, "rewrite " + row.name.str(),
                                     row.says, reason, "", figures));
  }
  return list;
}

TypedAttr moe::splatOf(Value tensor) {
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    tensor = fill.getInputs()[0];
  else if (auto splat = tensor.getDefiningOp<tensor::SplatOp>())
    tensor = splat.getInput();
  Attribute value;
  if (!matchPattern(tensor, m_Constant(&value)))
    return {};
  if (auto elements = dyn_cast<DenseElementsAttr>(value))
    value =
        elements.isSplat() ? elements.getSplatValue<Attribute>() : Attribute();
  return dyn_cast_or_null<TypedAttr>(value);
}

bool moe::isSplatOf(Value tensor, double value) {
  auto number = dyn_cast_or_null<FloatAttr>(splatOf(tensor));
  return number && number.getValueAsDouble() == value;
}
