//===- Routing.cpp - Reference of route and capacity ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written for reading: one token at a time, clause after clause. Formulas come
// from the semantics tables; what is written here is the order of things.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Routing.h"

#include "moe/dialect/plan/Groups.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>

using namespace moe;
using namespace moe::semantics;

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

//===----------------------------------------------------------------------===//
// score
//===----------------------------------------------------------------------===//

/// A score function over some values of one token, in place.
static void applyScore(ScoreFn fn, std::span<double> values) {
  const ScoreRow &row = lookup(fn);
  Evaluator formula(row.formula);
  double shift = 0;
  if (row.rowWise) {
    shift = -infinity;
    for (double value : values)
      shift = std::max(shift, value);
  }
  double sum = 0;
  for (double &value : values) {
    double inputs[] = {value - shift};
    value = formula(inputs);
    sum += value;
  }
  if (row.rowWise)
    for (double &value : values)
      value /= sum;
}

std::vector<double> reference::score(ScoreFn fn, std::span<const double> logits,
                                     int64_t numExperts) {
  std::vector<double> scores(logits.begin(), logits.end());
  assert(scores.size() % numExperts == 0 && "logits are [T, E]");
  for (size_t begin = 0; begin < scores.size(); begin += numExperts)
    applyScore(fn, std::span(scores).subspan(begin, numExperts));
  return scores;
}

//===----------------------------------------------------------------------===//
// select
//===----------------------------------------------------------------------===//

/// Indices of the `count` highest values, in descending order, ties to the
/// lowest index; fewer when the rest are NaN.
static std::vector<int64_t> highest(std::span<const double> values,
                                    int64_t count) {
  std::vector<int64_t> picked;
  std::vector<bool> taken(values.size(), false);
  while (static_cast<int64_t>(picked.size()) < count) {
    std::optional<size_t> best;
    for (size_t i = 0; i < values.size(); ++i)
      if (!taken[i] && !std::isnan(values[i]) &&
          (!best || values[i] > values[*best]))
        best = i;
    if (!best)
      break;
    taken[*best] = true;
    picked.push_back(static_cast<int64_t>(*best));
  }
  return picked;
}

/// The sum of the `count` highest values of a group, NaN counting as -inf.
static double groupScore(std::span<const double> values, int64_t count) {
  std::vector<double> sorted(values.begin(), values.end());
  for (double &value : sorted)
    if (std::isnan(value))
      value = -infinity;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  double sum = sorted[0];
  for (int64_t i = 1; i < count; ++i)
    sum += sorted[i];
  // inf + -inf
  return std::isnan(sum) ? -infinity : sum;
}

/// Replaces the selection scores outside the kept groups by the fill; NaN
/// stands for "never selected" from here on.
static void limitToGroups(const GroupLimit &limit,
                          std::span<double> selection) {
  int64_t groupSize = static_cast<int64_t>(selection.size()) / limit.numGroups;
  std::vector<double> groupScores;
  for (int64_t g = 0; g < limit.numGroups; ++g)
    groupScores.push_back(
        groupScore(selection.subspan(g * groupSize, groupSize), limit.topSum));
  std::vector<bool> kept(limit.numGroups, false);
  for (int64_t g : highest(groupScores, limit.keep))
    kept[g] = true;
  double fill = limit.fill == GroupFill::Zero ? 0.0 : notANumber;
  for (size_t e = 0; e < selection.size(); ++e)
    if (!kept[e / groupSize] && !std::isnan(selection[e]))
      selection[e] = fill;
}

std::vector<int32_t> reference::select(const RouterSpec &spec,
                                       std::span<const double> scores,
                                       std::span<const double> bias,
                                       int64_t numExperts) {
  assert(!verifyRouter(spec, numExperts) && "the router was verified");
  assert((bias.empty() || int64_t(bias.size()) == numExperts) && "bias is [E]");
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin < scores.size(); begin += numExperts) {
    auto row = scores.subspan(begin, numExperts);
    std::vector<double> selection(row.begin(), row.end());
    for (size_t e = 0; e < bias.size(); ++e)
      selection[e] += bias[e];
    if (spec.groups)
      limitToGroups(*spec.groups, selection);
    std::vector<int64_t> picked = highest(selection, spec.topK);
    picked.resize(spec.topK, -1);
    ids.insert(ids.end(), picked.begin(), picked.end());
  }
  return ids;
}

//===----------------------------------------------------------------------===//
// weigh
//===----------------------------------------------------------------------===//

/// One normalize step over the kept values of a token.
static void applyNorm(const NormStep &step, std::span<double> kept) {
  switch (step.kind) {
  case NormKind::Softmax:
    return applyScore(ScoreFn::Softmax, kept);
  case NormKind::Sigmoid:
    return applyScore(ScoreFn::Sigmoid, kept);
  case NormKind::L1:
    break;
  }
  double sum = 0;
  for (double value : kept)
    sum += value;
  if (step.epsMode == EpsMode::Add)
    sum += step.eps;
  else if (step.epsMode == EpsMode::Max)
    sum = std::max(sum, step.eps); // a NaN sum stays NaN
  for (double &value : kept)
    value /= sum;
}

core::Result<std::vector<double>>
reference::weigh(const RouterSpec &spec, std::span<const double> scores,
                 std::span<const int32_t> ids, int64_t numExperts) {
  if (auto broken = plan::verifyIds(ids, numExperts))
    return core::Error(core::ErrorId::IdOutOfRange, *broken);
  std::vector<double> weights(ids.size(), 0.0);
  for (size_t first = 0; first < ids.size(); first += spec.topK) {
    auto row = scores.subspan(first / spec.topK * numExperts, numExperts);
    auto picks = ids.subspan(first, spec.topK);
    std::vector<double> kept;
    for (int32_t id : picks)
      if (id >= 0)
        kept.push_back(row[id]);
    for (const NormStep &step : spec.normalize)
      applyNorm(step, kept);
    auto next = kept.begin();
    for (int64_t j = 0; j < spec.topK; ++j)
      if (picks[j] >= 0)
        weights[first + j] = *next++ * spec.scale;
  }
  return weights;
}

reference::Routed reference::route(const RouterSpec &spec,
                                   std::span<const double> logits,
                                   std::span<const double> bias,
                                   int64_t numExperts, core::DType scoreType) {
  Routed routed;
  routed.scores = score(spec.score, logits, numExperts);
  for (double &value : routed.scores)
    value = core::roundTo(scoreType, value);
  routed.ids = select(spec, routed.scores, bias, numExperts);
  // Ids of select are in range.
  routed.weights = *weigh(spec, routed.scores, routed.ids, numExperts);
  return routed;
}

//===----------------------------------------------------------------------===//
// capacity
//===----------------------------------------------------------------------===//

core::Result<reference::Capped>
reference::capacity(std::span<const int32_t> ids,
                    std::span<const double> weights, int64_t numTokens,
                    int64_t topK, int64_t cap, CapacityOrder order) {
  assert(int64_t(ids.size()) == numTokens * topK && "ids are [T, K]");
  assert(weights.size() == ids.size() && "weights are [T, K]");
  Capped capped{{ids.begin(), ids.end()}, {weights.begin(), weights.end()}};
  std::unordered_map<int32_t, int64_t> claimed;
  bool tokenMajor = order == CapacityOrder::TokenMajor;
  int64_t numOuter = tokenMajor ? numTokens : topK;
  int64_t numInner = tokenMajor ? topK : numTokens;
  for (int64_t outer = 0; outer < numOuter; ++outer)
    for (int64_t inner = 0; inner < numInner; ++inner) {
      int64_t slot = tokenMajor ? outer * topK + inner : inner * topK + outer;
      if (ids[slot] < -1)
        return core::Error(core::ErrorId::IdOutOfRange,
                           "expects ids of at least -1, got " +
                               std::to_string(ids[slot]) + " at slot " +
                               std::to_string(slot));
      if (ids[slot] >= 0 && claimed[ids[slot]]++ < cap)
        continue;
      capped.ids[slot] = -1;
      capped.weights[slot] = 0;
    }
  return capped;
}
