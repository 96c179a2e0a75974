//===- BuildLayer.cpp - moe ops for a matched layer -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/BuildLayer.h"
#include "moe/passes/raise/CapacityMatch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace moe;
using namespace moe::raise;

static int64_t staticSize(Expr extent) {
  return extent->is(Kind::Constant) ? static_cast<int64_t>(extent->number)
                                    : ShapedType::kDynamic;
}

RouteOp raise::buildRoute(ElementView &view, TensorLookup &lookup,
                          const RouteMatch &match, Expr token) {
  OpBuilder &builder = lookup.getBuilder();
  MLIRContext *context = builder.getContext();
  Operation *user = &*builder.getInsertionPoint();
  Value logits = lookup.find(match.logits, {token, match.expert});
  Value bias = match.bias ? lookup.find(match.bias, {match.expert}) : Value();
  const semantics::RouterSpec &spec = match.spec;
  int64_t numExperts = staticSize(match.expert->args[0]);
  if (!logits || (match.bias && !bias) ||
      semantics::verifyRouter(spec, numExperts))
    return {};
  // What an index runs over may be known although the tensor's type hides it.
  auto logitsType = cast<RankedTensorType>(logits.getType());
  if (logitsType.getDimSize(1) != numExperts ||
      !isa<FloatType>(logitsType.getElementType()) ||
      (bias &&
       cast<RankedTensorType>(bias.getType()).getDimSize(0) != numExperts))
    return {};
  ScoreFnAttr score;
  if (spec.score != semantics::ScoreFn::Identity)
    score = ScoreFnAttr::get(context, spec.score);
  GroupLimitAttr groups;
  if (spec.groups)
    groups =
        GroupLimitAttr::get(context, spec.groups->numGroups, spec.groups->keep,
                            spec.groups->topSum, spec.groups->fill);
  ArrayAttr normalize;
  if (!spec.normalize.empty()) {
    SmallVector<Attribute> steps;
    for (const semantics::NormStep &step : spec.normalize)
      steps.push_back(NormAttr::get(
          context, step.kind, builder.getF64FloatAttr(step.eps), step.epsMode));
    normalize = builder.getArrayAttr(steps);
  }
  FloatAttr scale;
  if (spec.scale != 1.0)
    scale = builder.getF64FloatAttr(spec.scale);
  auto select = SelectAttr::get(context, spec.select.kind, spec.topK);
  auto typeOf = [&](Type element) {
    return RankedTensorType::get(
        {select.isPerExpert() ? numExperts : logitsType.getDimSize(0),
         spec.topK},
        element);
  };
  // One router for all that read its picks.
  for (Operation &op : *user->getBlock()) {
    if (&op == user)
      break;
    auto other = dyn_cast<RouteOp>(op);
    bool isPlain = other && !other.getTable() && !other.getGiven() &&
                   !other.getNoise() && !other.getValid() &&
                   !other.getExpertScale() && !other.getScoreType() &&
                   !other.getApart();
    if (isPlain && other.getLogits() == logits && other.getBias() == bias &&
        other.getScoreAttr() == score && other.getGroupsAttr() == groups &&
        other.getSelect() == select &&
        (!match.hasWeights || (other.getNormalizeAttr() == normalize &&
                               other.getScaleAttr() == scale)))
      return other;
  }
  // As early as its operands allow, so that every user can read it.
  OpBuilder::InsertionGuard guard(builder);
  Operation *last = nullptr;
  for (Value operand : {logits, bias})
    if (operand)
      if (Operation *def = operand.getDefiningOp())
        if (!last || last->isBeforeInBlock(def))
          last = def;
  if (last)
    builder.setInsertionPointAfter(last);
  else
    builder.setInsertionPointToStart(user->getBlock());
  return RouteOp::create(
      builder, user->getLoc(),
      TypeRange{typeOf(builder.getI32Type()), typeOf(builder.getF32Type())},
      logits, bias, score, TypeAttr(), groups, select, normalize, scale);
}

/// The expert's region over these steps; the weights are the op's operands.
static void buildBody(OpBuilder &builder, Location loc, Block &block,
                      const ExpertMatch &body, ArrayRef<int> weightOf,
                      ArrayRef<int> biasOf) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&block);
  Type f32 = builder.getF32Type();
  SmallVector<Value> values;
  auto valueOf = [&](int step) {
    return step < 0 ? Value(block.getArgument(0)) : values[step];
  };
  for (auto [index, step] : llvm::enumerate(body.steps)) {
    if (!step.activation) {
      Value weight = block.getArgument(1 + weightOf[index]);
      Value bias =
          step.bias ? Value(block.getArgument(1 + biasOf[index])) : Value();
      auto type = RankedTensorType::get(
          {ShapedType::kDynamic,
           cast<RankedTensorType>(weight.getType()).getDimSize(0)},
          f32);
      values.push_back(LinearOp::create(builder, loc, type,
                                        valueOf(step.operands[0]), weight, bias,
                                        TypeAttr::get(f32)));
      continue;
    }
    SmallVector<Value> operands;
    for (int operand : step.operands)
      operands.push_back(valueOf(operand));
    FloatAttr params[3] = {};
    const semantics::ActivationRow &row = semantics::lookup(*step.activation);
    for (auto [param, value] : llvm::zip_equal(row.params, step.params)) {
      if (!param.required && value == param.defaultValue)
        continue;
      unsigned slot = param.name == std::string_view("alpha")  ? 0
                      : param.name == std::string_view("beta") ? 1
                                                               : 2;
      params[slot] = builder.getF64FloatAttr(value);
    }
    values.push_back(ActivateOp::create(
        builder, loc, operands[0].getType(),
        ActivationAttr::get(builder.getContext(), *step.activation), operands,
        params[0], params[1], params[2]));
  }
  YieldOp::create(builder, loc, values.back());
}

namespace {
/// What a layer's experts are picked by.
struct Picks {
  Value groups;
  /// [T, K], or [E, C] where experts choose; null if all are 1.
  Value weights;
};
} // namespace

/// A tensor [T, K] of a formula a rank.
static Value findWeights(TensorLookup &lookup, Location loc,
                         const LayerMatch &layer, ArrayRef<Expr> ofRanks) {
  OpBuilder &builder = lookup.getBuilder();
  bool named = layer.ranks.size() == 1 && layer.count > 1;
  if (layer.expertsChoose)
    return lookup.find(ofRanks[0], {layer.expert, layer.ranks[0]});
  SmallVector<Value> columns;
  for (Expr weight : ofRanks) {
    SmallVector<Expr> names{layer.token};
    if (named)
      names.push_back(layer.ranks[0]);
    Value found = lookup.find(weight, names);
    if (!found)
      return {};
    auto type = cast<RankedTensorType>(found.getType());
    if (!named)
      found = tensor::ExpandShapeOp::create(
          builder, loc,
          RankedTensorType::get({type.getDimSize(0), 1}, type.getElementType()),
          found, SmallVector<ReassociationIndices>{{0, 1}});
    columns.push_back(found);
  }
  if (columns.size() == 1)
    return columns[0];
  return tensor::ConcatOp::create(builder, loc, 1, columns);
}

static std::optional<Picks> buildPicks(ElementView &view, TensorLookup &lookup,
                                       Location loc, const LayerMatch &layer,
                                       std::string &why) {
  Formulas &f = view.formulas();
  OpBuilder &builder = lookup.getBuilder();
  auto fail = [&](StringRef reason) {
    why = reason.str();
    return std::nullopt;
  };
  std::optional<CapacityMatch> capacity = matchCapacity(f, layer);
  ArrayRef<Expr> base = capacity ? ArrayRef<Expr>(capacity->weights)
                                 : ArrayRef<Expr>(layer.weights);
  std::optional<RouteMatch> route =
      layer.expertsChoose
          ? matchExpertsRoute(f, layer.pick, layer.token, layer.expert,
                              layer.count, base[0])
          : matchRoute(f, layer.pick, layer.token, layer.count, layer.ranks,
                       base);
  if (!route)
    return fail("the picks are not those of a router's scores");
  RouteOp routed = buildRoute(view, lookup, *route, layer.token);
  if (!routed && layer.expertsChoose) {
    // Scores that are nobody's logits.
    auto [name, row] = f.open(layer.pick);
    route->logits = f.substitute(row, name, layer.token);
    route->spec.score = semantics::ScoreFn::Identity;
    routed = buildRoute(view, lookup, *route, layer.token);
  }
  if (!routed)
    return fail("no tensor holds the router's logits");
  Value ids = routed.getIds(), weights = routed.getWeights();
  bool areOnes =
      llvm::all_of(base, [](Expr weight) { return weight->isNumber(1); });
  if (!route->hasWeights && !areOnes) {
    weights = findWeights(lookup, loc, layer, base);
    if (!weights && capacity) {
      // As they are after the capacity.
      weights = findWeights(lookup, loc, layer, layer.weights);
      capacity->renorm.reset();
    }
    if (!weights)
      return fail("no tensor holds the weights of the picks");
  }
  if (capacity) {
    NormAttr renorm;
    if (capacity->renorm)
      renorm = NormAttr::get(builder.getContext(), capacity->renorm->kind,
                             builder.getF64FloatAttr(capacity->renorm->eps),
                             capacity->renorm->epsMode);
    auto capped = CapacityOp::create(
        builder, loc, ids, weights,
        CapacityLimitAttr::get(builder.getContext(), capacity->places),
        capacity->order);
    if (renorm)
      capped.setRenormAttr(renorm);
    ids = capped.getKeptIds();
    weights = capped.getKeptWeights();
  }
  if (!route->hasWeights && areOnes && !(capacity && capacity->renorm))
    weights = {};
  auto type =
      GroupsType::get(builder.getContext(), staticSize(layer.expert->args[0]));
  if (!layer.expertsChoose)
    return Picks{GroupOp::create(builder, loc, type, ids), weights};
  Value x = lookup.find(layer.body.rows, {layer.token, layer.body.feature});
  if (!x)
    return fail("no tensor holds the rows that enter the experts");
  return Picks{GroupOp::create(builder, loc, type, ids,
                               tensor::DimOp::create(builder, loc, x, 0)),
               weights};
}

bool raise::buildLayer(ElementView &view, OpResult root, unsigned tokenDim,
                       unsigned columnDim, const LayerMatch &layer,
                       std::string &why) {
  TensorLookup lookup(view, root.getOwner());
  OpBuilder &builder = lookup.getBuilder();
  Location loc = root.getLoc();
  Type f32 = builder.getF32Type();
  auto fail = [&](const Twine &reason) {
    why = reason.str();
    return false;
  };

  std::optional<Picks> picks = buildPicks(view, lookup, loc, layer, why);
  if (!picks)
    return false;
  auto [groups, weights] = *picks;
  bool scalesRows = layer.weighsRows;

  Value x = lookup.find(layer.body.rows, {layer.token, layer.body.feature});
  if (!x)
    return fail("no tensor holds the rows that enter the experts");
  SmallVector<Value> operands;
  SmallVector<int> weightOf(layer.body.steps.size(), -1), biasOf(weightOf);
  auto operandOf = [&](Expr expr, ArrayRef<Expr> names) -> int {
    Value tensor = lookup.find(expr, names);
    if (!tensor)
      return -1;
    operands.push_back(tensor);
    return operands.size() - 1;
  };
  for (auto [index, step] : llvm::enumerate(layer.body.steps)) {
    if (step.activation)
      continue;
    weightOf[index] = operandOf(step.weight, {layer.expert, step.out, step.in});
    if (weightOf[index] < 0)
      return fail("no tensor holds the experts' weights as a stack");
    if (step.bias) {
      biasOf[index] = operandOf(step.bias, {layer.expert, step.out});
      if (biasOf[index] < 0)
        return fail("no tensor holds the experts' biases as a stack");
    }
  }
  for (Value tensor :
       llvm::concat<const Value>(ArrayRef<Value>(operands), ArrayRef<Value>(x)))
    if (!cast<RankedTensorType>(tensor.getType()).getElementType().isF32())
      return fail("its rows or weights are not f32");
  for (Value operand : operands)
    if (!cast<RankedTensorType>(operand.getType()).hasStaticShape())
      return fail("no tensor holds the experts' weights as a stack");

  auto xType = cast<RankedTensorType>(x.getType());
  int64_t tokens = xType.getDimSize(0);
  int64_t lists =
      layer.expertsChoose ? staticSize(layer.expert->args[0]) : tokens;
  int64_t numRows = lists == ShapedType::kDynamic ? lists : lists * layer.count;
  Value rows = DispatchOp::create(
      builder, loc, RankedTensorType::get({numRows, xType.getDimSize(1)}, f32),
      x, groups, scalesRows ? weights : Value());
  int64_t columns = staticSize(layer.column->args[0]);
  auto expert = ExpertOp::create(builder, loc,
                                 RankedTensorType::get({numRows, columns}, f32),
                                 rows, groups, operands, /*constants=*/Value(),
                                 /*virtual_experts=*/ArrayAttr());
  expert.getBody().getBlocks().clear();
  Block &block = expert.getBody().emplaceBlock();
  block.addArgument(
      RankedTensorType::get({ShapedType::kDynamic, xType.getDimSize(1)}, f32),
      loc);
  for (Value operand : operands) {
    auto type = cast<RankedTensorType>(operand.getType());
    block.addArgument(RankedTensorType::get(type.getShape().drop_front(), f32),
                      loc);
  }
  buildBody(builder, loc, block, layer.body, weightOf, biasOf);
  Value y = CombineOp::create(
      builder, loc, RankedTensorType::get({tokens, columns}, f32),
      expert.getResult(), groups, scalesRows ? Value() : weights,
      /*init=*/Value(), /*keep_slots=*/UnitAttr(), TypeAttr::get(f32),
      CombineOrderAttr::get(builder.getContext(), CombineOrder::Slot));

  // Into the root's shape.
  auto type = cast<RankedTensorType>(root.getType());
  if (columnDim < tokenDim) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, y);
    Value empty = tensor::EmptyOp::create(
        builder, loc, SmallVector<OpFoldResult>{sizes[1], sizes[0]}, f32);
    y = linalg::TransposeOp::create(builder, loc, y, empty,
                                    ArrayRef<int64_t>{1, 0})
            ->getResult(0);
  }
  if (type.getRank() != 2) {
    unsigned first = std::min(tokenDim, columnDim);
    SmallVector<OpFoldResult> known = tensor::getMixedSizes(builder, loc, y),
                              sizes;
    SmallVector<ReassociationIndices> reassociation(2);
    unsigned wide = 0;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      reassociation[dim <= static_cast<int64_t>(first) ? 0 : 1].push_back(dim);
      if (dim == tokenDim || dim == columnDim)
        sizes.push_back(known[wide++]);
      else
        sizes.push_back(builder.getIndexAttr(1));
    }
    y = tensor::ExpandShapeOp::create(builder, loc, type, y, reassociation,
                                      sizes);
  }
  if (y.getType() != type)
    y = tensor::CastOp::create(builder, loc, type, y);
  root.replaceAllUsesWith(y);
  return true;
}

void raise::eraseDead(func::FuncOp function) {
  auto isFrontEnd = [](Operation *op) {
    StringRef name = op->getName().getStringRef();
    return name.starts_with("tm_tensor.") ||
           name.starts_with("iree_linalg_ext.");
  };
  // An op whose only effect is an assert in its body computes a value.
  auto isPure = [&](Operation &op) {
    bool pure = true;
    op.walk([&](Operation *inner) {
      pure &= isa<cf::AssertOp>(inner) || isFrontEnd(inner) ||
              inner->hasTrait<OpTrait::IsTerminator>() ||
              inner->getNumRegions() != 0 || isMemoryEffectFree(inner) ||
              inner->getName().getStringRef().ends_with(".yield");
    });
    return pure && op.getNumResults() != 0;
  };
  SmallVector<Operation *> ops;
  for (Operation &op : function.getBody().front().without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty() && isPure(*op))
      op->erase();
}

/// Sizes of what went are sizes of what is there, and asserts about them are
/// proved: neither keeps a computation alive.
void raise::settleSizes(func::FuncOp function) {
  Formulas f;
  ElementView view(f);
  SmallVector<tensor::DimOp> dims;
  SmallVector<cf::AssertOp> asserts;
  for (Operation &op : function.getBody().front()) {
    if (auto dim = dyn_cast<tensor::DimOp>(op))
      dims.push_back(dim);
    if (auto assert = dyn_cast<cf::AssertOp>(op))
      asserts.push_back(assert);
  }
  for (cf::AssertOp assert : asserts)
    if (view.scalar(assert.getArg())->isNumber(1))
      assert.erase();
  for (tensor::DimOp dim : dims) {
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!index || !isa<RankedTensorType>(dim.getSource().getType()))
      continue;
    Expr size = view.size(dim.getSource(), *index);
    OpBuilder builder(dim);
    int64_t scale = 1;
    Expr base = nullptr;
    for (Expr factor : Formulas::factors(size)) {
      if (factor->is(Kind::Constant))
        scale *= static_cast<int64_t>(factor->number);
      else
        base = base ? size : factor;
    }
    Value value;
    if (base && (!base->is(Kind::Size) || base->value == dim.getSource()))
      continue;
    if (base)
      value =
          tensor::DimOp::create(builder, dim.getLoc(), base->value, base->id);
    if (!base || scale != 1) {
      Value factor =
          arith::ConstantIndexOp::create(builder, dim.getLoc(), scale);
      value = base ? arith::MulIOp::create(builder, dim.getLoc(), value, factor)
                         .getResult()
                   : factor;
    }
    dim.replaceAllUsesWith(value);
    dim.erase();
  }
}
