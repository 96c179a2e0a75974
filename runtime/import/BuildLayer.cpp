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

#include "moe/runtime/import/LayerBuilder.h"
#include "moe/runtime/import/RowOps.h"

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

LayerBuilder::LayerBuilder(MLIRContext &context, const LayerDesc &layer)
    : layer(layer), loc(UnknownLoc::get(&context)), builder(&context),
      f32(builder.getF32Type()), i32(builder.getI32Type()) {
  context.loadDialect<MoeDialect, func::FuncDialect, linalg::LinalgDialect,
                      math::MathDialect, tensor::TensorDialect>();
}

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
  int64_t slots = layer.router.slots();
  RankedTensorType hidden = rows(layer.hidden, layer.activationType);
  SmallVector<Type> arguments = {hidden};
  SmallVector<Type> results = {hidden, rows(slots, i32), rows(slots, f32),
                               rows(layer.routerColumns(), f32)};
  SmallVector<StringRef> argumentNames = {"hidden_states"};
  SmallVector<StringRef> resultNames = {"hidden_states", "topk_ids",
                                        "topk_weights", "router_logits"};
  if (const std::optional<Weight> &in = layer.weight(Role::RouterIn)) {
    RankedTensorType state =
        rows(in->values.type.getDimSize(0), layer.activationType);
    results.push_back(state);
    resultNames.push_back("router_states");
    if (layer.weight(Role::RouterState)) {
      arguments.push_back(state);
      argumentNames.push_back("router_states");
    }
  }
  if (layer.router.select.kind == semantics::SelectKind::Table) {
    arguments.push_back(
        RankedTensorType::get({ShapedType::kDynamic}, builder.getI64Type()));
    argumentNames.push_back("input_ids");
  }
  auto function = func::FuncOp::create(
      builder, loc, "layer", builder.getFunctionType(arguments, results));
  for (auto [index, name] : llvm::enumerate(argumentNames)) {
    function.setArgAttr(index, MoeDialect::kNameAttr,
                        builder.getStringAttr(name));
    SmallVector<StringRef> dims = {"T"};
    if (cast<RankedTensorType>(arguments[index]).getRank() == 2)
      dims.push_back(index == 0 ? "H" : "R");
    function.setArgAttr(index, MoeDialect::kDimsAttr,
                        builder.getStrArrayAttr(dims));
  }
  for (auto [index, name] : llvm::enumerate(resultNames))
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
Value LayerBuilder::activate(const LayerDesc::ActivationDesc &activation,
                             Value gate, Value up) {
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
      ActivationAttr::get(builder.getContext(), activation.id), operands,
      parameter(activation.alpha), parameter(activation.beta),
      parameter(activation.limit));
}

/// The norm of a role, whose weight is given; without one the input itself.
Value LayerBuilder::norm(Role role, Value weight, Value input, Type element) {
  if (!weight)
    return input;
  const LayerDesc::Norm &norm = layer.norm(role);
  return rmsNorm(
      builder, loc, input,
      {weight, norm.eps, norm.weightFromOne, norm.weightFirst, norm.scale},
      element);
}

/// What tokens go to the experts as.
Value LayerBuilder::expertsInput(Value hidden) {
  Value input = hidden;
  if (Value projection = load(Role::LatentIn)) {
    auto type = cast<RankedTensorType>(projection.getType());
    input = LinearOp::create(builder, loc,
                             rows(type.getDimSize(0), layer.activationType),
                             hidden, projection, Value(), acc());
  }
  return norm(Role::InputNorm, load(Role::InputNorm), input,
              layer.activationType);
}

/// An ordinary MLP beside the experts, weighed in one of several ways; what it
/// gives is where the experts' sum starts.
Value LayerBuilder::sharedExperts(Value hidden, Value mix) {
  if (!layer.weight(Role::SharedDown))
    return {};
  Value gate = load(Role::SharedGate);
  if (gate)
    gate = linear(hidden, gate, {});
  Value up = linear(hidden, load(Role::SharedUp), {});
  Value inner =
      activate(layer.sharedActivation.value_or(layer.activation), gate, up);
  Value result = linear(inner, load(Role::SharedDown), {});
  SmallVector<RowOperand> operands = {{result}};
  Value router = load(Role::SharedRouter);
  if (router)
    operands.push_back({linear(hidden, router, {}), Read::First});
  if (mix)
    operands.append({{mix, Read::Second}, {mix, Read::First}});
  if (operands.size() == 1 && layer.sharedScale == 1.0)
    return result;
  return mapRows(
      builder, loc, operands, layer.hidden, f32,
      [&](OpBuilder &body, Location loc, ValueRange values) {
        Value weighed = times(body, loc, values[0], layer.sharedScale);
        Value weight;
        if (router)
          weight = sigmoid(body, loc, values[1]);
        else if (mix)
          weight =
              sigmoid(body, loc,
                      arith::SubFOp::create(body, loc, values[1], values[2]));
        return weight ? arith::MulFOp::create(body, loc, weighed, weight)
                      : weighed;
      });
}

/// weights[t, j] times what the sum over the experts is multiplied by.
Value LayerBuilder::mixing(Value weights, Value mix) {
  if (layer.sumScale == 1.0 && !mix)
    return weights;
  SmallVector<RowOperand> operands = {{weights}};
  if (mix)
    operands.append({{mix, Read::First}, {mix, Read::Second}});
  return mapRows(
      builder, loc, operands, layer.router.slots(), f32,
      [&](OpBuilder &body, Location loc, ValueRange values) {
        Value result = times(body, loc, values[0], layer.sumScale);
        if (!mix)
          return result;
        // A softmax of two is a sigmoid of how far they are apart.
        Value weight = sigmoid(
            body, loc, arith::SubFOp::create(body, loc, values[1], values[2]));
        return Value(arith::MulFOp::create(body, loc, result, weight));
      });
}

/// shared[t, h] + bias[h]; either may be missing.
Value LayerBuilder::addOutputBias(Value hidden, Value shared) {
  Value bias = load(Role::OutputBias);
  if (!bias)
    return shared;
  SmallVector<RowOperand> operands = {{shared ? shared : hidden}};
  operands.push_back({bias, Read::Column});
  return mapRows(
      builder, loc, operands, layer.hidden, f32,
      [&](OpBuilder &body, Location loc, ValueRange values) -> Value {
        if (!shared)
          return values[1];
        return arith::AddFOp::create(body, loc, values[0], values[1]);
      });
}

/// hidden[t, h] * weight[t, 0] + init[t, h], which may be missing.
Value LayerBuilder::addInput(Value hidden, Value weight, Value init) {
  SmallVector<RowOperand> operands = {{hidden}, {weight, Read::First}};
  if (init)
    operands.push_back({init});
  return mapRows(
      builder, loc, operands, layer.hidden, f32,
      [&](OpBuilder &body, Location loc, ValueRange values) -> Value {
        Value part = arith::MulFOp::create(body, loc, values[0], values[1]);
        if (!init)
          return part;
        return arith::AddFOp::create(body, loc, values[2], part);
      });
}

/// From the experts' sum to what the layer gives. Where nothing is done to it,
/// `init` is in it already.
Value LayerBuilder::output(Value summed, Value init) {
  Value result = summed;
  if (Value projection = load(Role::LatentOut)) {
    result = linear(summed, projection, {});
    SmallVector<RowOperand> operands = {{result}};
    if (init)
      operands.push_back({init});
    result = mapRows(
        builder, loc, operands, layer.hidden,
        layer.weight(Role::OutputNorm) ? Type(f32) : Type(layer.activationType),
        [&](OpBuilder &body, Location loc, ValueRange values) {
          if (!init)
            return values[0];
          return Value(arith::AddFOp::create(body, loc, values[0], values[1]));
        });
  }
  return norm(Role::OutputNorm, load(Role::OutputNorm), result,
              layer.activationType);
}

Value LayerBuilder::experts(Value dispatched, Value groups,
                            const ExpertRoles &roles) {
  SmallVector<Role> loaded;
  SmallVector<Value> weights;
  const int64_t width =
      cast<RankedTensorType>(dispatched.getType()).getDimSize(1);
  SmallVector<Type> arguments = {rows(width, layer.activationType)};
  for (std::optional<Role> role :
       {std::optional(roles.gate), std::optional(roles.up),
        std::optional(roles.down), roles.gateBias, roles.upBias,
        roles.downBias})
    if (Value weight = role ? load(*role) : Value()) {
      auto type = cast<RankedTensorType>(weight.getType());
      loaded.push_back(*role);
      weights.push_back(weight);
      arguments.push_back(RankedTensorType::get(type.getShape().drop_front(),
                                                type.getElementType()));
    }
  Value normWeight = roles.norm ? load(*roles.norm) : Value();
  auto expert = ExpertOp::create(builder, loc, rows(width, f32), dispatched,
                                 groups, weights, /*constants=*/Value(),
                                 /*virtual_experts=*/ArrayAttr());
  OpBuilder::InsertionGuard guard(builder);
  Block *body =
      builder.createBlock(&expert.getBody(), {}, arguments,
                          SmallVector<Location>(arguments.size(), loc));
  auto slice = [&](std::optional<Role> role) -> Value {
    auto *at = role ? llvm::find(loaded, *role) : loaded.end();
    return at == loaded.end() ? Value()
                              : body->getArgument(1 + (at - loaded.begin()));
  };
  Value input = body->getArgument(0);
  Value gate = slice(roles.gate);
  if (gate)
    gate = linear(input, gate, slice(roles.gateBias));
  Value up = linear(input, slice(roles.up), slice(roles.upBias));
  Value result = linear(activate(layer.activation, gate, up), slice(roles.down),
                        slice(roles.downBias));
  if (normWeight)
    result = norm(*roles.norm, normWeight, result, f32);
  YieldOp::create(builder, loc, result);
  return expert.getResult();
}

/// The experts of the last columns, whose sum is where the others' starts.
Value LayerBuilder::alwaysExperts(Value input, Routing routing, Value init) {
  if (layer.alwaysExperts() == 0)
    return init;
  Value own =
      idsFrom(builder, loc, routing.ids, layer.experts + layer.virtualExperts);
  Value grouped = GroupOp::create(
      builder, loc,
      GroupsType::get(builder.getContext(), layer.alwaysExperts()), own);
  Value dispatched = DispatchOp::create(builder, loc, input.getType(), input,
                                        grouped, Value());
  Value out = experts(dispatched, grouped,
                      {Role::AlwaysGate, Role::AlwaysUp, Role::AlwaysDown});
  return CombineOp::create(
      builder, loc, rows(layer.hidden, f32), out, grouped, routing.weights,
      init, /*keep_slots=*/UnitAttr(), acc(),
      CombineOrderAttr::get(builder.getContext(), CombineOrder::Slot));
}

void LayerBuilder::buildBody(func::FuncOp function) {
  builder.setInsertionPointToStart(function.addEntryBlock());
  MLIRContext *context = builder.getContext();
  Value hidden = function.getArgument(0);

  Value logits = this->logits(function);
  auto [ids, weights] = route(function, logits);

  Value mix = load(Role::Mix);
  if (mix)
    mix = linear(hidden, mix, load(Role::MixBias));
  Value mixed = mixing(weights, mix);
  Value init = addOutputBias(hidden, sharedExperts(hidden, mix));
  Value input = expertsInput(hidden);
  init = alwaysExperts(input, {ids, mixed}, init);
  Value placed = ids;
  if (layer.routerColumns() > layer.experts) {
    placed = idsBelow(builder, loc, ids, layer.experts);
    if (layer.virtualIdentity)
      init = addInput(
          hidden, weightFrom(builder, loc, ids, mixed, layer.experts), init);
  }
  Value grouped = GroupOp::create(
      builder, loc, GroupsType::get(context, layer.experts), placed);
  Value dispatched =
      DispatchOp::create(builder, loc, input.getType(), input, grouped,
                         layer.weighInput ? mixed : Value());
  Value out = experts(dispatched, grouped,
                      {Role::Gate, Role::Up, Role::Down, Role::GateBias,
                       Role::UpBias, Role::DownBias, Role::ExpertNorm});
  // What is done to the sum is done in f32, but for a projection, which reads
  // what the experts' own read.
  const bool projected = layer.weight(Role::LatentOut).has_value();
  auto summedType = cast<RankedTensorType>(input.getType());
  if (!projected && layer.weight(Role::OutputNorm))
    summedType = summedType.clone(f32);
  Value summed = CombineOp::create(
      builder, loc, summedType, out, grouped,
      layer.weighInput ? Value() : mixed, projected ? Value() : init,
      /*keep_slots=*/UnitAttr(), acc(),
      CombineOrderAttr::get(context, CombineOrder::Slot));
  Value result = output(summed, projected ? init : Value());
  SmallVector<Value> results = {result, ids, weights, logits};
  if (routerState)
    results.push_back(routerState);
  func::ReturnOp::create(builder, loc, results);
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
