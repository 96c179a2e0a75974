//===- Spec.cpp - A layer described by hand -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The schema is in runtime/api/moe_c.h. A description has no defaults where
// implementations differ, and no key that is not read.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Json.h"
#include "moe/runtime/core/Spelling.h"
#include "moe/runtime/import/Import.h"
#include "moe/runtime/import/LayerDesc.h"

#include "mlir/IR/Builders.h"

#include <algorithm>
#include <cmath>

using namespace moe;
using namespace moe::import;
using core::Error;
using core::ErrorId;
using core::JsonValue;
using core::Result;
using core::Status;

namespace {

class SpecReader {
public:
  SpecReader(mlir::MLIRContext &context, JsonValue root)
      : builder(&context), root(std::move(root)) {}

  Result<LayerDesc> read();

private:
  Status readSizes();
  Result<mlir::FloatType> typeAt(const JsonValue &object, std::string_view key,
                                 mlir::FloatType absent);
  Status readTypes();
  Status readRouter();
  Status readGroups(const JsonValue &groups);
  Status readNormalize(const JsonValue &steps);
  Status readActivation();
  Status addWeights();

  mlir::Builder builder;
  JsonValue root;
  LayerDesc layer;
  mlir::FloatType weightType;
  bool logitsBias = false, expertBias = false, sharedGate = false;
  int64_t sharedWidth = 0;
};

} // namespace

/// Every key of an object is one of these.
static Status onlyKeys(const JsonValue &object,
                       std::initializer_list<std::string_view> known) {
  if (!object.isObject())
    return Error(ErrorId::ConfigKeyType, object.where() +
                                             " must be an object, found " +
                                             object.describe());
  std::vector<std::string> names(known.begin(), known.end());
  for (const std::string &key : object.keys())
    if (std::ranges::find(names, key) == names.end())
      return Error(ErrorId::ConfigKeyType,
                   object.where() + " has an unknown key '" + key + "'" +
                       core::didYouMean(key, names));
  return Status::ok();
}

static Result<int64_t> boundedInt(const JsonValue &object, std::string_view key,
                                  int64_t low, int64_t high) {
  Result<JsonValue> value = object.get(key);
  if (!value)
    return value.takeError();
  Result<int64_t> number = value->asInt();
  if (number && (*number < low || *number > high))
    return Error(ErrorId::ConfigKeyType, value->where() + " must be " +
                                             std::to_string(low) + " to " +
                                             std::to_string(high) + ", found " +
                                             std::to_string(*number));
  return number;
}

/// The row of a table that a string names.
template <typename Row>
static Result<const Row *> rowNamed(const JsonValue &value,
                                    std::span<const Row> table, ErrorId id) {
  Result<std::string> name = value.asString();
  if (!name)
    return name.takeError();
  std::vector<std::string> known;
  std::string list;
  for (const Row &row : table) {
    if (*name == row.name)
      return &row;
    known.emplace_back(row.name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  return Error(id, value.where() + ": '" + *name + "' is unknown" +
                       core::didYouMean(*name, known) + "; known are " + list);
}

/// One of a few words.
template <typename T>
static Result<T>
wordOf(const JsonValue &object, std::string_view key,
       std::initializer_list<std::pair<const char *, T>> words) {
  Result<JsonValue> value = object.get(key);
  if (!value)
    return value.takeError();
  Result<std::string> given = value->asString();
  if (!given)
    return given.takeError();
  std::string list;
  for (auto [word, meaning] : words) {
    if (*given == word)
      return meaning;
    list += (list.empty() ? "'" : " or '") + std::string(word) + "'";
  }
  return Error(ErrorId::ConfigKeyType, value->where() + " must be " + list +
                                           ", found '" + *given + "'");
}

Status SpecReader::readSizes() {
  constexpr int64_t most = int64_t(1) << 20;
  for (auto [key, size] : {std::pair("num_experts", &layer.experts),
                           std::pair("top_k", &layer.router.topK),
                           std::pair("hidden_size", &layer.hidden),
                           std::pair("intermediate_size", &layer.width)}) {
    Result<int64_t> value = boundedInt(root, key, 1, most);
    if (!value)
      return value.takeError();
    *size = *value;
  }
  if (layer.router.topK > layer.experts)
    return Error(ErrorId::RouterInvalid,
                 "'" + root.file() + "': key 'top_k' is " +
                     std::to_string(layer.router.topK) +
                     ", but 'num_experts' is " + std::to_string(layer.experts));
  if (root.has("max_tokens")) {
    Result<int64_t> tokens =
        boundedInt(root, "max_tokens", 1, int64_t(1) << 31);
    if (!tokens)
      return tokens.takeError();
    layer.maxTokens = *tokens;
  }
  if (std::optional<JsonValue> limit = root.find("capacity")) {
    if (Status status = onlyKeys(*limit, {"per_expert", "order"}); !status)
      return status;
    Result<int64_t> places =
        boundedInt(*limit, "per_expert", 1, int64_t(1) << 31);
    if (!places)
      return places.takeError();
    Result<CapacityOrder> order =
        wordOf<CapacityOrder>(*limit, "order",
                              {{"token_major", CapacityOrder::TokenMajor},
                               {"rank_major", CapacityOrder::RankMajor}});
    if (!order)
      return order.takeError();
    layer.capacity = {{.minimum = *places}, *order};
  }
  if (std::optional<JsonValue> shared = root.find("shared_experts")) {
    if (Status status = onlyKeys(*shared, {"intermediate_size", "gate"});
        !status)
      return status;
    Result<bool> gate = shared->getBool("gate", false);
    if (!gate)
      return gate.takeError();
    sharedGate = *gate;
    Result<int64_t> width = boundedInt(*shared, "intermediate_size", 1, most);
    if (!width)
      return width.takeError();
    sharedWidth = *width;
  }
  Result<bool> bias = root.getBool("expert_bias", false);
  if (!bias)
    return bias.takeError();
  expertBias = *bias;
  return Status::ok();
}

Result<mlir::FloatType> SpecReader::typeAt(const JsonValue &object,
                                           std::string_view key,
                                           mlir::FloatType absent) {
  if (!object.has(key))
    return absent;
  return wordOf<mlir::FloatType>(object, key,
                                 {{"f32", builder.getF32Type()},
                                  {"bf16", builder.getBF16Type()},
                                  {"f16", builder.getF16Type()}});
}

Status SpecReader::readTypes() {
  Result<mlir::FloatType> activations =
      typeAt(root, "dtype", builder.getF32Type());
  if (!activations)
    return activations.takeError();
  layer.activationType = *activations;
  Result<mlir::FloatType> weights = typeAt(root, "weight_dtype", *activations);
  if (!weights)
    return weights.takeError();
  weightType = *weights;
  return Status::ok();
}

Status SpecReader::readGroups(const JsonValue &groups) {
  if (Status status = onlyKeys(groups, {"count", "keep", "top_sum", "fill"});
      !status)
    return status;
  semantics::GroupLimit limit;
  for (auto [key, value] :
       {std::pair("count", &limit.numGroups), std::pair("keep", &limit.keep),
        std::pair("top_sum", &limit.topSum)}) {
    Result<int64_t> number = boundedInt(groups, key, 1, int64_t(1) << 20);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  Result<semantics::GroupFill> fill =
      wordOf<semantics::GroupFill>(groups, "fill",
                                   {{"-inf", semantics::GroupFill::NegInf},
                                    {"0", semantics::GroupFill::Zero}});
  if (!fill)
    return fill.takeError();
  limit.fill = *fill;
  layer.router.groups = limit;
  return Status::ok();
}

Status SpecReader::readNormalize(const JsonValue &steps) {
  if (!steps.isArray())
    return Error(ErrorId::ConfigKeyType, steps.where() +
                                             " must be an array, found " +
                                             steps.describe());
  for (size_t index = 0; index < steps.size(); ++index) {
    JsonValue step = steps.at(index);
    if (Status status = onlyKeys(step, {"kind", "eps", "eps_mode"}); !status)
      return status;
    Result<JsonValue> kind = step.get("kind");
    if (!kind)
      return kind.takeError();
    Result<const semantics::NormRow *> row =
        rowNamed(*kind, semantics::normKinds(), ErrorId::RouterInvalid);
    if (!row)
      return row.takeError();
    semantics::NormStep norm;
    norm.kind = (*row)->id;
    if (step.has("eps") || step.has("eps_mode")) {
      Result<double> eps = step.getDouble("eps");
      if (!eps)
        return eps.takeError();
      norm.eps = *eps;
      Result<semantics::EpsMode> mode = wordOf<semantics::EpsMode>(
          step, "eps_mode",
          {{"add", semantics::EpsMode::Add}, {"max", semantics::EpsMode::Max}});
      if (!mode)
        return mode.takeError();
      norm.epsMode = *mode;
    }
    layer.router.normalize.push_back(norm);
  }
  return Status::ok();
}

Status SpecReader::readRouter() {
  std::optional<JsonValue> router = root.find("router");
  if (!router)
    return Status::ok();
  if (Status status =
          onlyKeys(*router, {"score", "score_dtype", "logits_bias",
                             "selection_bias", "groups", "normalize", "scale"});
      !status)
    return status;
  if (std::optional<JsonValue> score = router->find("score")) {
    Result<const semantics::ScoreRow *> row =
        rowNamed(*score, semantics::scoreFns(), ErrorId::RouterInvalid);
    if (!row)
      return row.takeError();
    layer.router.score = (*row)->id;
  }
  Result<mlir::FloatType> scoreType = typeAt(*router, "score_dtype", {});
  if (!scoreType)
    return scoreType.takeError();
  layer.scoreType = *scoreType;
  for (auto [key, flag] :
       {std::pair("logits_bias", &logitsBias),
        std::pair("selection_bias", &layer.router.hasBias)}) {
    Result<bool> value = router->getBool(key, false);
    if (!value)
      return value.takeError();
    *flag = *value;
  }
  if (std::optional<JsonValue> groups = router->find("groups"))
    if (Status status = readGroups(*groups); !status)
      return status;
  if (std::optional<JsonValue> steps = router->find("normalize"))
    if (Status status = readNormalize(*steps); !status)
      return status;
  Result<double> scale = router->getDouble("scale", 1.0);
  if (!scale)
    return scale.takeError();
  layer.router.scale = *scale;
  return Status::ok();
}

Status SpecReader::readActivation() {
  Result<JsonValue> given = root.get("activation");
  if (!given)
    return given.takeError();
  if (Status status = onlyKeys(*given, {"name", "alpha", "beta", "limit"});
      !status)
    return status;
  Result<JsonValue> name = given->get("name");
  if (!name)
    return name.takeError();
  Result<const semantics::ActivationRow *> row =
      rowNamed(*name, semantics::activations(), ErrorId::ActivationUnknown);
  if (!row)
    return row.takeError();
  layer.activation.id = (*row)->id;
  for (auto [key, value] : {std::pair("alpha", &layer.activation.alpha),
                            std::pair("beta", &layer.activation.beta),
                            std::pair("limit", &layer.activation.limit)}) {
    auto param = std::ranges::find((*row)->params, std::string_view(key),
                                   &semantics::ActivationParam::name);
    bool known = param != (*row)->params.end();
    if (given->has(key)) {
      Result<double> number = given->getDouble(key);
      if (!number)
        return number.takeError();
      if (!known || !std::isfinite(*number))
        return Error(ErrorId::ConfigKeyType,
                     given->where() + ": '" + key + "' is no parameter of " +
                         std::string((*row)->name) + " or not finite");
      *value = *number;
    } else if (known && param->required) {
      return Error(ErrorId::ConfigKeyMissing,
                   given->where() + " must give '" + key + "' of " +
                       std::string((*row)->name) +
                       ": implementations differ in it");
    }
  }
  return Status::ok();
}

Status SpecReader::addWeights() {
  auto add = [&](Role role, mlir::Type type = {}) {
    llvm::SmallVector<int64_t> shape;
    for (char letter : lookup(role).dims)
      if (letter != ' ')
        shape.push_back(
            letter == 'E' || letter == 'C' || letter == 'B'   ? layer.experts
            : letter == 'H' || letter == 'X' || letter == 'Q' ? layer.hidden
            : letter == 'I'                                   ? layer.width
            : letter == '1'                                   ? 1
                                                              : sharedWidth);
    auto tensor = mlir::RankedTensorType::get(shape, type ? type : weightType);
    std::string_view name = lookup(role).tensor;
    auto source = SourceAttr::get(
        builder.getContext(),
        builder.getStringAttr(llvm::StringRef(name.data(), name.size())),
        tensor, {});
    layer.weight(role) = Weight{{tensor, source}, std::nullopt};
  };
  bool gated = semantics::lookup(layer.activation.id).arity == 2;
  add(Role::Router);
  if (logitsBias)
    add(Role::RouterBias);
  if (layer.router.hasBias)
    add(Role::SelectionBias, builder.getF32Type());
  if (gated)
    add(Role::Gate);
  add(Role::Up);
  add(Role::Down);
  if (expertBias) {
    if (gated)
      add(Role::GateBias);
    add(Role::UpBias);
    add(Role::DownBias);
  }
  if (sharedWidth > 0) {
    if (gated)
      add(Role::SharedGate);
    add(Role::SharedUp);
    add(Role::SharedDown);
    if (sharedGate)
      add(Role::SharedRouter);
  }
  return Status::ok();
}

Result<LayerDesc> SpecReader::read() {
  if (Status status = onlyKeys(
          root, {"num_experts", "top_k", "hidden_size", "intermediate_size",
                 "dtype", "weight_dtype", "max_tokens", "router", "capacity",
                 "activation", "expert_bias", "shared_experts"});
      !status)
    return status.takeError();
  for (auto step :
       {&SpecReader::readSizes, &SpecReader::readTypes, &SpecReader::readRouter,
        &SpecReader::readActivation, &SpecReader::addWeights})
    if (Status status = (this->*step)(); !status)
      return status.takeError();
  if (auto broken = semantics::verifyRouter(layer.router, layer.experts))
    return Error(ErrorId::RouterInvalid,
                 "'" + root.file() + "': the router " + *broken);
  return std::move(layer);
}

Result<mlir::OwningOpRef<mlir::ModuleOp>>
import::importSpec(mlir::MLIRContext &context, std::string_view json,
                   std::string_view name) {
  context.loadDialect<MoeDialect>();
  Result<JsonValue> root = core::parseJson(json, std::string(name));
  if (!root)
    return root.takeError();
  Result<LayerDesc> layer = SpecReader(context, *std::move(root)).read();
  if (!layer)
    return layer.takeError();
  return buildLayer(context, *layer);
}
