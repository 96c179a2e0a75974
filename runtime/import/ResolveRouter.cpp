//===- ResolveRouter.cpp - What a row says of the router, with its keys ---===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Resolver.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace moe;
using namespace moe::import;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

static constexpr std::string_view kVocabulary[] = {"vocab_size"};

/// Group-limited selection, where a configuration has it.
Status Resolver::resolveGroups(const GroupKeys &keys) {
  if (keys.onlyIf) {
    std::optional<core::JsonValue> value = config.find(keys.onlyIf->key);
    if (!value || spelled(*value) != keys.onlyIf->value)
      return Status::ok();
  }
  std::optional<int64_t> absent;
  if (keys.optional)
    absent = 1;
  const bool other = !keys.otherCount.empty() && !config.find(keys.count);
  Result<int64_t> count = config.integer(other ? keys.otherCount : keys.count,
                                         1, int64_t(1) << 20, absent);
  if (!count)
    return count.takeError();
  Result<int64_t> keep = config.integer(keys.keep, 1, int64_t(1) << 20, absent);
  if (!keep)
    return keep.takeError();
  // One group, or all of them, is no limit.
  if (*count != *keep)
    layer.router.groups =
        semantics::GroupLimit{*count, *keep, keys.topSum, keys.fill};
  return Status::ok();
}

/// Whether this layer's experts come from a table: as stored, or where nothing
/// is, as the configuration says.
bool Resolver::goesByTable() const {
  if (family.tableLayers.empty())
    return false;
  if (!source.checkpoint.empty()) {
    auto row = std::ranges::find(family.routerTensors, Role::IdTable,
                                 &TensorRow::role);
    return source.checkpoint.contains(place.block + "." +
                                      std::string(row->name));
  }
  Result<std::vector<std::string>> words = config.texts("mlp_layer_types");
  if (words && static_cast<size_t>(place.number) < words->size())
    return (*words)[place.number] == "hash_moe";
  Result<int64_t> count =
      config.integer(family.tableLayers, 0, int64_t(1) << 20, 0);
  return count && place.number < *count;
}

Status Resolver::resolveNormalize() {
  const RouterPreset &preset = family.router;
  std::vector<semantics::NormStep> &steps = layer.router.normalize;
  bool l1 = true;
  if (!preset.normalizeIf.empty()) {
    Result<bool> flag =
        config.flag(preset.normalizeIf, preset.normalizeByDefault);
    if (!flag)
      return flag.takeError();
    l1 = *flag;
  }
  for (const semantics::NormStep &step : preset.normalize)
    if (l1 || step.kind != semantics::NormKind::L1)
      steps.push_back(step);
  if (steps.empty() || preset.epsilon.empty())
    return Status::ok();
  semantics::NormStep &first = steps.front();
  double &value =
      semantics::lookup(first.kind).divides ? first.eps : first.param;
  Result<double> epsilon = config.number(preset.epsilon, value);
  if (!epsilon)
    return epsilon.takeError();
  value = *epsilon;
  return Status::ok();
}

/// A share as a ratio of integers: the decimal number that a person wrote.
static std::optional<std::pair<int64_t, int64_t>> ratioOf(double share) {
  constexpr int64_t limit = int64_t(1) << 30;
  for (int64_t denominator = 1; denominator < limit; denominator *= 10) {
    const double scaled = share * static_cast<double>(denominator);
    const auto numerator = std::llround(scaled);
    if (numerator < 1 ||
        std::abs(scaled - static_cast<double>(numerator)) > 1e-9 * scaled)
      continue;
    const int64_t common = std::gcd<int64_t>(numerator, denominator);
    return std::pair(numerator / common, denominator / common);
  }
  return std::nullopt;
}

Status Resolver::resolveCapacity(const CapacityKeys &keys) {
  Result<double> share = config.number(keys.share, keys.shareByDefault);
  if (!share)
    return share.takeError();
  // An expert cannot get more rows than there are tokens.
  if (*share >= 1.0)
    return Status::ok();
  Result<bool> byScore = config.flag(keys.byScore, false);
  if (!byScore)
    return byScore.takeError();
  layer.capacity.emplace();
  layer.capacity->order = *byScore            ? CapacityOrder::Priority
                          : keys.firstChoices ? CapacityOrder::RankMajor
                                              : CapacityOrder::TokenMajor;
  semantics::CapacityLimit &limit = layer.capacity->limit;
  if (*share > 0.0) {
    auto ratio = ratioOf(*share);
    if (!ratio)
      return Error(ErrorId::ConfigKeyType,
                   config.file() + ": key '" + std::string(keys.share) +
                       "' is " + std::to_string(*share) +
                       "; expected at most 9 decimals");
    limit = {semantics::Rounding::Ceil, ratio->first, ratio->second, 0, 1};
  } else {
    Result<int64_t> places =
        config.integer(keys.places, 1, int64_t(1) << 31, keys.placesByDefault);
    if (!places)
      return places.takeError();
    limit.minimum = *places;
  }
  if (keys.normalizeFirst.empty())
    return Status::ok();
  Result<bool> first = config.flag(keys.normalizeFirst, false);
  if (!first)
    return first.takeError();
  if (!*first && !layer.router.normalize.empty()) {
    layer.capacity->renorm = layer.router.normalize.front();
    layer.router.normalize.clear();
  }
  return Status::ok();
}

Status Resolver::resolveRouter() {
  const RouterPreset &preset = family.router;
  semantics::RouterSpec &router = layer.router;
  router.score = preset.score;
  router.topK = sizes.topK.value;
  if (goesByTable()) {
    router.select.kind = semantics::SelectKind::Table;
    Result<Size> vocabulary = config.size(kVocabulary, place.number);
    if (!vocabulary)
      return vocabulary.takeError();
    sizes.vocabulary = *std::move(vocabulary);
  }
  layer.weighInput = preset.weighInput;
  if (preset.roundScores)
    layer.scoreType = layer.activationType;
  if (Status status = resolveNormalize(); !status)
    return status;
  if (!preset.scale.empty()) {
    Result<double> scale = config.number(preset.scale, preset.scaleByDefault);
    if (!scale)
      return scale.takeError();
    (preset.scaleSum ? layer.sumScale : router.scale) = *scale;
  }
  if (preset.scaleByTopK) {
    layer.sumScale = static_cast<double>(sizes.topK.value);
    router.scale = 1.0 / layer.sumScale;
  }
  for (auto [key, absent, value] :
       {std::tuple(preset.logitScale, preset.logitScaleByDefault,
                   &layer.logitScale),
        std::tuple(preset.logitCap, 0.0, &layer.logitCap)}) {
    Result<double> number = config.number(key, absent);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  if (preset.groups)
    if (Status status = resolveGroups(*preset.groups); !status)
      return status;
  if (preset.capacity)
    if (Status status = resolveCapacity(*preset.capacity); !status)
      return status;
  if (!preset.sumDropout.empty()) {
    Result<double> dropout =
        config.number(preset.sumDropout, preset.sumDropoutByDefault);
    if (!dropout)
      return dropout.takeError();
    layer.sumScale *= 1.0 - *dropout;
  }
  if (auto broken = semantics::verifyRouter(router, layer.routerColumns()))
    return Error(ErrorId::RouterInvalid,
                 config.file() + ": the router " + *broken);
  return Status::ok();
}
