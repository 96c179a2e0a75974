//===- Import.cpp - A checkpoint's layer, resolved by its family's row ----===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Import.h"

#include "moe/runtime/core/Spelling.h"
#include "moe/runtime/import/Resolver.h"

#include "mlir/IR/Builders.h"

#include <cmath>

using namespace moe;
using namespace moe::import;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

Result<Source> Source::open(const std::string &folder) {
  Result<core::Checkpoint> checkpoint = core::Checkpoint::open(folder);
  if (!checkpoint)
    return checkpoint.takeError();
  Result<Config> config = Config::read(folder, *checkpoint);
  if (!config)
    return config.takeError();
  Result<const Family *> family = config->family();
  if (!family)
    return family.takeError();
  Result<std::vector<LayerPlace>> layers =
      locateLayers(**family, *config, *checkpoint);
  if (!layers)
    return layers.takeError();
  return Source{folder, *std::move(checkpoint), *std::move(config), *family,
                *std::move(layers)};
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

/// The activations' type: as asked for, else as the configuration says.
static Result<mlir::FloatType> activationType(const Config &config,
                                              std::string_view asked,
                                              mlir::MLIRContext &context) {
  mlir::Builder builder(&context);
  auto named = [&](std::string_view name) -> mlir::FloatType {
    if (name == "f32" || name == "float32")
      return builder.getF32Type();
    if (name == "bf16" || name == "bfloat16")
      return builder.getBF16Type();
    if (name == "f16" || name == "float16")
      return builder.getF16Type();
    return {};
  };
  if (!asked.empty()) {
    if (mlir::FloatType type = named(asked))
      return type;
    return Error(ErrorId::UsageInvalid, "dtype '" + std::string(asked) +
                                            "' is not one of activations; "
                                            "expected f32, bf16 or f16");
  }
  for (std::string_view key : {"torch_dtype", "dtype"})
    if (std::optional<core::JsonValue> value = config.find(key)) {
      Result<std::string> name = value->asString();
      if (!name)
        return name.takeError();
      if (mlir::FloatType type = named(*name))
        return type;
      return Error(ErrorId::ConfigKeyType,
                   value->where() +
                       " must be float32, bfloat16 or float16, found '" +
                       *name +
                       "'; the type of activations can also be given "
                       "as --dtype");
    }
  return builder.getF32Type();
}

/// Experts a token.
static Result<Size> topKOf(const Family &family, const Config &config,
                           int64_t layer) {
  if (family.topK.empty())
    return Size{family.topKByDefault, "top_k"};
  return config.size(family.topK, layer);
}

Status Resolver::resolveSizes() {
  for (auto [keys, size] :
       {std::pair(family.hidden, &sizes.hidden),
        std::pair(family.experts, &sizes.experts),
        std::pair(place.stack->width.empty() ? family.width
                                             : place.stack->width,
                  &sizes.width)}) {
    Result<Size> value = config.size(keys, place.number);
    if (!value)
      return value.takeError();
    *size = *std::move(value);
  }
  sizes.columns = sizes.experts;
  if (!family.virtualExperts.empty() || family.virtualByDefault > 0) {
    int64_t count = family.virtualByDefault;
    if (!family.virtualExperts.empty()) {
      Result<int64_t> given =
          config.integer(family.virtualExperts, 0, int64_t(1) << 20, count);
      if (!given)
        return given.takeError();
      count = *given;
    }
    layer.virtualExperts = count;
    layer.virtualIdentity = family.virtualIdentity;
    sizes.columns.value += count;
    sizes.columns.key += " + " + (family.virtualExperts.empty()
                                      ? std::to_string(count)
                                      : std::string(family.virtualExperts));
  }
  sizes.choices = sizes.columns;
  if (!family.alwaysExperts.empty()) {
    Result<int64_t> count =
        config.integer(family.alwaysExperts, 1, 1024, std::nullopt);
    if (!count)
      return count.takeError();
    layer.router.select.always = *count;
    sizes.always = {*count, std::string(family.alwaysExperts)};
    sizes.columns.value += *count;
    sizes.columns.key += " + " + sizes.always.key;
  }
  sizes.routerWidth = sizes.hidden;
  if (!family.routerWidth.empty()) {
    Result<Size> value = config.size({&family.routerWidth, 1}, place.number);
    if (!value)
      return value.takeError();
    sizes.routerWidth = *std::move(value);
  }
  sizes.latent = sizes.hidden;
  for (std::string_view key : family.latent)
    if (config.find(key)) {
      Result<Size> value = config.size({&key, 1}, place.number);
      if (!value)
        return value.takeError();
      sizes.latent = *std::move(value);
    }
  Result<Size> topK = topKOf(family, config, place.number);
  if (!topK)
    return topK.takeError();
  sizes.topK = *std::move(topK);
  if (sizes.topK.value > sizes.choices.value)
    return Error(ErrorId::RouterInvalid,
                 config.file() + ": key '" + sizes.topK.key + "' is " +
                     std::to_string(sizes.topK.value) + ", but '" +
                     sizes.choices.key + "' is " +
                     std::to_string(sizes.choices.value));
  if (Status status = resolveShared(); !status)
    return status;
  layer.hidden = sizes.hidden.value;
  layer.experts = sizes.experts.value;
  layer.width = sizes.width.value;
  return Status::ok();
}

Status Resolver::resolveShared() {
  const SharedPreset &shared = family.shared;
  if (shared.tensors.empty())
    return Status::ok();
  sizes.shared = sizes.width;
  if (!shared.width.empty()) {
    Result<int64_t> width =
        config.integer(shared.width, 0, int64_t(1) << 20, std::nullopt);
    if (!width)
      return width.takeError();
    sizes.shared = {*width, std::string(shared.width)};
  }
  if (!shared.count.empty()) {
    Result<int64_t> count =
        config.integer(shared.count, 0, 1024, shared.countByDefault);
    if (!count)
      return count.takeError();
    sizes.shared.value *= *count;
    sizes.shared.key = std::string(shared.count) + " * " + sizes.shared.key;
  }
  hasShared = sizes.shared.value > 0;
  if (!hasShared || shared.combination.empty())
    return Status::ok();
  Result<std::string> combination = config.text(shared.combination, "average");
  if (!combination)
    return combination.takeError();
  if (*combination != "average" && *combination != "sum")
    return Error(ErrorId::FeatureUnsupported,
                 config.file() + ": key '" + std::string(shared.combination) +
                     "' is '" + *combination +
                     "'; expected 'average' or 'sum'");
  if (*combination == "average")
    layer.sumScale = layer.sharedScale = 0.5;
  return Status::ok();
}

/// Keys that would make the layer another one have the values that are known.
Status Resolver::checkRequirements() {
  for (const Requirement &requirement : family.requirements) {
    std::optional<core::JsonValue> value = config.find(requirement.key);
    if (!value)
      continue;
    std::string text = spelled(*value);
    if (text == requirement.value ||
        (!requirement.orValue.empty() && text == requirement.orValue))
      continue;
    std::string expected = requirement.value.empty()
                               ? "none"
                               : "'" + std::string(requirement.value) + "'";
    if (!requirement.orValue.empty())
      expected += " or '" + std::string(requirement.orValue) + "'";
    return Error(ErrorId::FeatureUnsupported,
                 value->where() + " is '" + text +
                     "', which moec does not support for " +
                     std::string(family.name) + "; expected " + expected);
  }
  return Status::ok();
}

/// A row of the table with parameters, the limit perhaps the layer's own.
Result<LayerDesc::ActivationDesc>
Resolver::parametric(const ActivationPreset &preset) const {
  LayerDesc::ActivationDesc result = {*preset.fixed};
  std::array<double, 3> given = {};
  for (auto [index, key, absent] :
       {std::tuple(0, preset.alphaKey, preset.alpha),
        std::tuple(1, preset.betaKey, preset.beta),
        std::tuple(2, preset.limitKey, preset.limit)}) {
    Result<double> number = config.number(key, absent, place.number);
    if (!number)
      return number.takeError();
    given[index] = *number;
  }
  if (preset.unlimited && given[2] == 0.0) {
    result.id = *preset.unlimited;
    return result;
  }
  for (const semantics::ActivationParam &param :
       semantics::lookup(result.id).params)
    if (param.required)
      (param.name == "alpha"  ? result.alpha
       : param.name == "beta" ? result.beta
                              : result.limit) =
          given[param.name == "alpha"  ? 0
                : param.name == "beta" ? 1
                                       : 2];
  return result;
}

Result<LayerDesc::ActivationDesc>
Resolver::activationOf(const ActivationPreset &preset) const {
  if (preset.fixed)
    return parametric(preset);
  Result<std::string> name = config.text(preset.key, preset.byDefault);
  if (!name)
    return name.takeError();
  std::vector<std::string> known;
  std::string list;
  for (const ActivationName &row : activationNames()) {
    std::optional<semantics::Activation> activation =
        preset.gated ? row.gated : row.plain;
    if (!activation)
      continue;
    if (*name == row.name)
      return LayerDesc::ActivationDesc{*activation};
    known.emplace_back(row.name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  return Error(ErrorId::ActivationUnknown,
               config.file() + ": " + std::string(preset.key) + " '" + *name +
                   "' is unknown" + core::didYouMean(*name, known) +
                   "; known are " + list);
}

Status Resolver::resolveActivation() {
  Result<LayerDesc::ActivationDesc> activation =
      activationOf(family.activation);
  if (!activation)
    return activation.takeError();
  layer.activation = *activation;
  if (!family.shared.activation)
    return Status::ok();
  Result<LayerDesc::ActivationDesc> shared =
      activationOf(*family.shared.activation);
  if (!shared)
    return shared.takeError();
  layer.sharedActivation = *shared;
  return Status::ok();
}

Status Resolver::resolveNorms() {
  for (const NormPreset &preset : family.norms) {
    Result<double> eps = config.number(preset.epsilon, preset.epsilonByDefault);
    if (!eps)
      return eps.takeError();
    layer.norms[static_cast<unsigned>(preset.role)] = {
        *eps, preset.weightFromOne, preset.weightFirst,
        preset.overRootHidden
            ? 1.0 / std::sqrt(static_cast<double>(sizes.hidden.value))
            : 1.0};
  }
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Status Resolver::addTensors(const TensorResolver &resolver,
                            std::span<const TensorRow> rows,
                            std::optional<semantics::QuantFormat> format) {
  for (const TensorRow &row : rows) {
    if (!row.onlyIf.empty()) {
      std::optional<core::JsonValue> given = config.find(row.onlyIf);
      if (!given || spelled(*given) == "false")
        continue;
    }
    if (row.optional && !resolver.isStored(row))
      continue;
    // A table takes the place of a selection.
    const bool byTable =
        layer.router.select.kind == semantics::SelectKind::Table;
    if (row.role == (byTable ? Role::SelectionBias : Role::IdTable))
      continue;
    Result<Weight> weight = resolver.resolve(row, format);
    if (!weight)
      return weight.takeError();
    layer.weight(row.role) = *std::move(weight);
  }
  return Status::ok();
}

Status Resolver::resolveTensors() {
  Result<Quantization> quantization = readQuantization(config, source.folder);
  if (!quantization)
    return quantization.takeError();
  TensorResolver resolver(source.checkpoint, source.folder, place.block, sizes,
                          *quantization, layer.activationType);
  if (Status status = addTensors(resolver, routerTensors()); !status)
    return status;
  layer.router.hasBias = layer.weight(Role::SelectionBias).has_value();
  Result<const Layout *> layout = resolver.chooseLayout(
      place.stack->layouts.empty() ? family.layouts : place.stack->layouts);
  if (!layout)
    return layout.takeError();
  if (Status status =
          addTensors(resolver, (*layout)->tensors, (*layout)->format);
      !status)
    return status;
  if (Status status = addTensors(resolver, family.around); !status)
    return status;
  if (!family.always.empty()) {
    Result<const Layout *> always = resolver.chooseLayout(family.always);
    if (!always)
      return always.takeError();
    if (Status status = addTensors(resolver, (*always)->tensors); !status)
      return status;
  }
  if (!hasShared)
    return Status::ok();
  const SharedPreset &shared = family.shared;
  bool other = !shared.otherwise.empty() &&
               !resolver.isStored(shared.tensors.front()) &&
               resolver.isStored(shared.otherwise.front());
  return addTensors(resolver, other ? shared.otherwise : shared.tensors);
}

Result<LayerDesc> Resolver::resolve(std::string_view dtype) {
  Result<mlir::FloatType> type = activationType(config, dtype, context);
  if (!type)
    return type.takeError();
  layer.activationType = *type;
  for (auto step : {&Resolver::checkRequirements, &Resolver::resolveSizes,
                    &Resolver::resolveRouter, &Resolver::resolveActivation,
                    &Resolver::resolveNorms, &Resolver::resolveTensors})
    if (Status status = (this->*step)(); !status)
      return status.takeError();
  return std::move(layer);
}

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

Result<std::vector<MoeLayer>> import::listLayers(const std::string &folder) {
  Result<Source> source = Source::open(folder);
  if (!source)
    return source.takeError();
  std::vector<MoeLayer> layers;
  for (const LayerPlace &place : source->layers) {
    Result<Size> experts =
        source->config.size(source->family->experts, place.number);
    if (!experts)
      return experts.takeError();
    Result<Size> topK = topKOf(*source->family, source->config, place.number);
    if (!topK)
      return topK.takeError();
    layers.push_back(
        {place.number, place.block + ": " + std::to_string(experts->value) +
                           " experts, top " + std::to_string(topK->value)});
  }
  return layers;
}

Result<mlir::OwningOpRef<mlir::ModuleOp>>
import::importLayer(mlir::MLIRContext &context, const std::string &folder,
                    int64_t layer, std::string_view dtype) {
  context.loadDialect<MoeDialect>();
  Result<Source> source = Source::open(folder);
  if (!source)
    return source.takeError();
  Result<LayerPlace> place = chooseLayer(source->layers, layer, folder);
  if (!place)
    return place.takeError();
  Result<LayerDesc> desc =
      Resolver(*source, *std::move(place), context).resolve(dtype);
  if (!desc)
    return desc.takeError();
  return buildLayer(context, *desc);
}
