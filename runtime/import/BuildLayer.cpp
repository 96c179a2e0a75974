//===- BuildLayer.cpp - A described layer as IR ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where numbers are rounded is decided here: logits, sums of products and the
// experts' rows stay in f32, whatever the weights are; what goes into the down
// projection and what leaves the layer has the activations' type.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/import/LayerDesc.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace moe;
using namespace moe::import;

namespace {

class LayerBuilder {
public:
  LayerBuilder(MLIRContext &context, const LayerDesc &layer)
      : layer(layer), loc(UnknownLoc::get(&context)), builder(&context),
        f32(builder.getF32Type()), i32(builder.getI32Type()) {
    context.loadDialect<MoeDialect, func::FuncDialect, linalg::LinalgDialect,
                        math::MathDialect, tensor::TensorDialect>();
  }

  OwningOpRef<ModuleOp> build();

private:
  RankedTensorType rows(int64_t width, Type element) {
    return RankedTensorType::get({ShapedType::kDynamic, width}, element);
  }
  TypeAttr acc() { return TypeAttr::get(f32); }

  void addParams(Role role, const Weight &weight);
  func::FuncOp addFunction();
  /// The weight's value at the top of the function; null if there is none.
  Value load(Role role);
  Value linear(Value input, Value weight, Value bias);
  Value activate(Value gate, Value up);
  Value sharedExperts(Value hidden);
  Value weighBySigmoid(Value input, Value logits);
  Value addOutputBias(Value hidden, Value shared);
  Value scaled(Value weights);
  Value experts(Value dispatched, Value groups);
  void buildBody(func::FuncOp function);

  const LayerDesc &layer;
  Location loc;
  OpBuilder builder;
  FloatType f32;
  IntegerType i32;
};

} // namespace

static std::string symbolOf(Role role) {
  return std::string(lookup(role).name);
}
static std::string extraOf(Role role, std::string_view name) {
  return symbolOf(role) + "_" + std::string(name);
}
static std::string scalesOf(Role role) { return extraOf(role, "scales"); }

void LayerBuilder::addParams(Role role, const Weight &weight) {
  auto add = [&](const std::string &symbol, const Param &param) {
    ParamOp::create(builder, loc, builder.getStringAttr(symbol),
                    TypeAttr::get(param.type), param.source);
  };
  add(symbolOf(role), weight.values);
  if (!weight.quantized)
    return;
  add(scalesOf(role), weight.quantized->scales);
  for (const auto &extra : weight.quantized->extras)
    add(extraOf(role, extra.name), extra.param);
}

func::FuncOp LayerBuilder::addFunction() {
  int64_t topK = layer.router.topK;
  RankedTensorType hidden = rows(layer.hidden, layer.activationType);
  auto type = builder.getFunctionType(
      {hidden},
      {hidden, rows(topK, i32), rows(topK, f32), rows(layer.experts, f32)});
  auto function = func::FuncOp::create(builder, loc, "layer", type);
  function.setArgAttr(0, MoeDialect::kNameAttr,
                      builder.getStringAttr("hidden_states"));
  function.setArgAttr(0, MoeDialect::kDimsAttr,
                      builder.getStrArrayAttr({"T", "H"}));
  constexpr llvm::StringLiteral names[] = {"hidden_states", "topk_ids",
                                           "topk_weights", "router_logits"};
  for (auto [index, name] : llvm::enumerate(names))
    function.setResultAttr(index, MoeDialect::kNameAttr,
                           builder.getStringAttr(name));
  function->setAttr(MoeDialect::kBoundsAttr,
                    builder.getDictionaryAttr({builder.getNamedAttr(
                        "T", builder.getI64IntegerAttr(layer.maxTokens))}));
  return function;
}

Value LayerBuilder::load(Role role) {
  const std::optional<Weight> &weight = layer.weight(role);
  if (!weight)
    return {};
  auto value = [&](const std::string &symbol, const Param &param) -> Value {
    return LoadParamOp::create(
        builder, loc, param.type,
        FlatSymbolRefAttr::get(builder.getContext(), symbol));
  };
  Value values = value(symbolOf(role), weight->values);
  if (!weight->quantized)
    return values;
  const Weight::Quantized &quantized = *weight->quantized;
  Value scales = value(scalesOf(role), quantized.scales);
  SmallVector<Value> extras;
  for (const auto &extra : quantized.extras)
    extras.push_back(value(extraOf(role, extra.name), extra.param));
  DenseI64ArrayAttr block;
  if (quantized.block)
    block = builder.getDenseI64ArrayAttr(*quantized.block);
  return DequantizeOp::create(
      builder, loc, quantized.decoded,
      QuantFormatAttr::get(builder.getContext(), quantized.format), values,
      scales, extras, block);
}

Value LayerBuilder::linear(Value input, Value weight, Value bias) {
  int64_t width = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  return LinearOp::create(builder, loc, rows(width, f32), input, weight, bias,
                          acc());
}

/// Over one operand where the activation is plain; its result goes into the
/// down projection.
Value LayerBuilder::activate(Value gate, Value up) {
  auto parameter = [&](std::optional<double> value) {
    return value ? builder.getF64FloatAttr(*value) : FloatAttr();
  };
  SmallVector<Value, 2> operands;
  if (gate)
    operands.push_back(gate);
  operands.push_back(up);
  int64_t width = cast<RankedTensorType>(up.getType()).getDimSize(1);
  return ActivateOp::create(
      builder, loc, rows(width, layer.activationType),
      ActivationAttr::get(builder.getContext(), layer.activation), operands,
      parameter(layer.alpha), parameter(layer.beta), parameter(layer.limit));
}

/// An ordinary gated MLP beside the experts; what it gives is where the
/// experts' sum starts.
Value LayerBuilder::sharedExperts(Value hidden) {
  if (!layer.weight(Role::SharedDown))
    return {};
  Value gate = load(Role::SharedGate);
  if (gate)
    gate = linear(hidden, gate, {});
  Value up = linear(hidden, load(Role::SharedUp), {});
  Value inner = activate(gate, up);
  Value result = linear(inner, load(Role::SharedDown), {});
  Value router = load(Role::SharedRouter);
  return router ? weighBySigmoid(result, linear(hidden, router, {})) : result;
}

/// rows[t, h] * sigmoid(logits[t, 0]).
Value LayerBuilder::weighBySigmoid(Value input, Value logits) {
  MLIRContext *context = builder.getContext();
  AffineExpr row = builder.getAffineDimExpr(0);
  AffineMap all = AffineMap::getMultiDimIdentityMap(2, context);
  AffineMap first =
      AffineMap::get(2, 0, {row, builder.getAffineConstantExpr(0)}, context);
  Value tokens = tensor::DimOp::create(builder, loc, input, 0);
  Value init = tensor::EmptyOp::create(builder, loc, input.getType(), tokens);
  auto op = linalg::GenericOp::create(
      builder, loc, input.getType(), ValueRange{input, logits}, init,
      ArrayRef<AffineMap>{all, first, all},
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
      [](OpBuilder &body, Location loc, ValueRange values) {
        Value one = arith::ConstantOp::create(
            body, loc, body.getFloatAttr(values[1].getType(), 1.0));
        Value negated = arith::NegFOp::create(body, loc, values[1]);
        Value power = math::ExpOp::create(body, loc, negated);
        Value sum = arith::AddFOp::create(body, loc, power, one);
        Value weight = arith::DivFOp::create(body, loc, one, sum);
        Value result = arith::MulFOp::create(body, loc, values[0], weight);
        linalg::YieldOp::create(body, loc, result);
      });
  return op.getResult(0);
}

/// weights[t, j] * sumScale: the same as scaling the sum.
Value LayerBuilder::scaled(Value weights) {
  AffineMap all = AffineMap::getMultiDimIdentityMap(2, builder.getContext());
  Value tokens = tensor::DimOp::create(builder, loc, weights, 0);
  Value init = tensor::EmptyOp::create(builder, loc, weights.getType(), tokens);
  return linalg::GenericOp::create(
             builder, loc, weights.getType(), ValueRange{weights}, init,
             ArrayRef<AffineMap>{all, all},
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [&](OpBuilder &body, Location loc, ValueRange values) {
               Value scale = arith::ConstantOp::create(
                   body, loc, body.getFloatAttr(f32, layer.sumScale));
               Value result =
                   arith::MulFOp::create(body, loc, values[0], scale);
               linalg::YieldOp::create(body, loc, result);
             })
      .getResult(0);
}

/// shared[t, h] + bias[h]; either may be missing.
Value LayerBuilder::addOutputBias(Value hidden, Value shared) {
  Value bias = load(Role::OutputBias);
  if (!bias)
    return shared;
  AffineMap all = AffineMap::getMultiDimIdentityMap(2, builder.getContext());
  AffineMap column = all.getSubMap({1});
  RankedTensorType type = rows(layer.hidden, f32);
  Value tokens = tensor::DimOp::create(builder, loc, hidden, 0);
  Value init = tensor::EmptyOp::create(builder, loc, type, tokens);
  SmallVector<Value> inputs = {bias};
  SmallVector<AffineMap> maps = {column};
  if (shared) {
    inputs.push_back(shared);
    maps.push_back(all);
  }
  maps.push_back(all);
  return linalg::GenericOp::create(
             builder, loc, type, inputs, init, maps,
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [&](OpBuilder &body, Location loc, ValueRange values) {
               Value sum = values[0];
               if (sum.getType() != f32)
                 sum = arith::ExtFOp::create(body, loc, f32, sum);
               if (shared)
                 sum = arith::AddFOp::create(body, loc, sum, values[1]);
               linalg::YieldOp::create(body, loc, sum);
             })
      .getResult(0);
}

Value LayerBuilder::experts(Value dispatched, Value groups) {
  SmallVector<Role> roles;
  SmallVector<Value> weights;
  SmallVector<Type> arguments = {rows(layer.hidden, layer.activationType)};
  for (Role role : {Role::Gate, Role::Up, Role::Down, Role::GateBias,
                    Role::UpBias, Role::DownBias})
    if (Value weight = load(role)) {
      auto type = cast<RankedTensorType>(weight.getType());
      roles.push_back(role);
      weights.push_back(weight);
      arguments.push_back(RankedTensorType::get(type.getShape().drop_front(),
                                                type.getElementType()));
    }
  auto expert = ExpertOp::create(builder, loc, rows(layer.hidden, f32),
                                 dispatched, groups, weights);
  OpBuilder::InsertionGuard guard(builder);
  Block *body =
      builder.createBlock(&expert.getBody(), {}, arguments,
                          SmallVector<Location>(arguments.size(), loc));
  auto slice = [&](Role role) -> Value {
    auto *at = llvm::find(roles, role);
    return at == roles.end() ? Value()
                             : body->getArgument(1 + (at - roles.begin()));
  };
  Value input = body->getArgument(0);
  Value gate = slice(Role::Gate);
  if (gate)
    gate = linear(input, gate, slice(Role::GateBias));
  Value up = linear(input, slice(Role::Up), slice(Role::UpBias));
  Value result =
      linear(activate(gate, up), slice(Role::Down), slice(Role::DownBias));
  YieldOp::create(builder, loc, result);
  return expert.getResult();
}

void LayerBuilder::buildBody(func::FuncOp function) {
  builder.setInsertionPointToStart(function.addEntryBlock());
  MLIRContext *context = builder.getContext();
  const semantics::RouterSpec &router = layer.router;
  Value hidden = function.getArgument(0);

  Value logits = linear(hidden, load(Role::Router), load(Role::RouterBias));

  ScoreFnAttr score;
  if (router.score != semantics::ScoreFn::Identity)
    score = ScoreFnAttr::get(context, router.score);
  TypeAttr scoreType;
  if (layer.scoreType && layer.scoreType != f32)
    scoreType = TypeAttr::get(layer.scoreType);
  GroupLimitAttr groups;
  if (router.groups)
    groups = GroupLimitAttr::get(context, router.groups->numGroups,
                                 router.groups->keep, router.groups->topSum,
                                 router.groups->fill);
  ArrayAttr normalize;
  if (!router.normalize.empty()) {
    SmallVector<Attribute> steps;
    for (const semantics::NormStep &step : router.normalize)
      steps.push_back(NormAttr::get(
          context, step.kind, builder.getF64FloatAttr(step.eps), step.epsMode));
    normalize = builder.getArrayAttr(steps);
  }
  FloatAttr scale;
  if (router.scale != 1.0)
    scale = builder.getF64FloatAttr(router.scale);
  auto route = RouteOp::create(
      builder, loc, TypeRange{rows(router.topK, i32), rows(router.topK, f32)},
      logits, load(Role::SelectionBias), score, scoreType, groups,
      SelectAttr::get(context, router.topK), normalize, scale);
  Value ids = route.getIds(), weights = route.getWeights();
  if (layer.capacity) {
    auto kept = CapacityOp::create(
        builder, loc, ids.getType(), weights.getType(), ids, weights,
        builder.getI64IntegerAttr(layer.capacity->perExpert),
        CapacityOrderAttr::get(context, layer.capacity->order),
        OverflowAttr::get(context, Overflow::Drop));
    ids = kept.getKeptIds();
    weights = kept.getKeptWeights();
  }

  Value mixing = weights;
  if (layer.sumScale != 1.0)
    mixing = scaled(weights);
  Value init = addOutputBias(hidden, sharedExperts(hidden));
  Value grouped = GroupOp::create(builder, loc,
                                  GroupsType::get(context, layer.experts), ids);
  Value dispatched =
      DispatchOp::create(builder, loc, hidden.getType(), hidden, grouped,
                         layer.weighInput ? mixing : Value());
  Value out = experts(dispatched, grouped);
  Value result =
      CombineOp::create(builder, loc, hidden.getType(), out, grouped,
                        layer.weighInput ? Value() : mixing, init, acc(),
                        CombineOrderAttr::get(context, CombineOrder::Slot));
  func::ReturnOp::create(builder, loc,
                         ValueRange{result, ids, weights, logits});
}

OwningOpRef<ModuleOp> LayerBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  for (unsigned role = 0; role < kNumRoles; ++role)
    if (layer.weights[role])
      addParams(static_cast<Role>(role), *layer.weights[role]);
  buildBody(addFunction());
  return module;
}

core::Result<OwningOpRef<ModuleOp>> import::buildLayer(MLIRContext &context,
                                                       const LayerDesc &layer) {
  std::string problem;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    problem += (problem.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module = LayerBuilder(context, layer).build();
  if (failed(verify(*module)))
    return core::Error(core::ErrorId::Internal,
                       "the imported layer does not verify: " + problem +
                           "; please report this with the config.json");
  return module;
}
