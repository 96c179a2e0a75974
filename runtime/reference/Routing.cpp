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

/// One token's way through a selection by score: the candidates are the experts
/// that are not always on.
static std::vector<int64_t> pickByScore(const RouterSpec &spec,
                                        std::span<const double> scores,
                                        std::span<const double> bias,
                                        std::span<const double> noise) {
  const Selection &select = spec.select;
  std::vector<double> selection(scores.begin(), scores.end());
  for (size_t e = 0; e < bias.size(); ++e)
    selection[e] += bias[e];
  std::vector<double> noisy = selection;
  if (select.noise == NoiseKind::Gumbel ||
      select.noise == NoiseKind::SecondGumbel)
    for (size_t e = 0; e < noisy.size(); ++e)
      noisy[e] += noise[e];
  if (select.noise != NoiseKind::SecondGumbel)
    selection = noisy;
  if (spec.groups)
    limitToGroups(*spec.groups, selection);

  std::vector<int64_t> picked = highest(selection, spec.topK);
  if (select.noise == NoiseKind::SecondGumbel && !picked.empty()) {
    picked.resize(1);
    noisy[picked[0]] = notANumber;
    for (int64_t e : highest(noisy, spec.topK - 1))
      picked.push_back(e);
  }
  // What is kept is always the first of them.
  size_t kept = picked.size();
  if (select.kind == SelectKind::TopP) {
    double sum = 0; // p is positive: the first is always kept
    for (kept = 0; kept < picked.size() && sum < select.bound; ++kept)
      sum += selection[picked[kept]];
  }
  if (select.kind == SelectKind::Threshold)
    for (kept = 0;
         kept < picked.size() && selection[picked[kept]] > select.bound;)
      ++kept;
  if (select.noise == NoiseKind::SecondBernoulli && kept == 2 &&
      !(2 * scores[picked[1]] > noise[0]))
    kept = 1;
  picked.resize(kept);
  return picked;
}

/// What an operand says of a token, or the error of an id that is out of range.
static core::Result<std::vector<int64_t>>
givenPicks(const RouterSpec &spec, const reference::SelectOperands &operands,
           int64_t token, int64_t numExperts) {
  const int64_t count = spec.topK;
  std::vector<int64_t> picked(count, -1);
  std::span<const int64_t> ids;
  if (spec.select.kind == SelectKind::Extern) {
    ids = operands.given.subspan(token * count, count);
  } else {
    const int64_t id = operands.given[token];
    const int64_t rows = static_cast<int64_t>(operands.table.size()) / count;
    if (id < -1 || id >= rows)
      return core::Error(core::ErrorId::IdOutOfRange,
                         "expects token ids in [-1, " + std::to_string(rows) +
                             "), got " + std::to_string(id) + " at token " +
                             std::to_string(token));
    if (id == -1)
      return picked;
    ids = operands.table.subspan(id * count, count);
  }
  for (int64_t j = 0; j < count; ++j) {
    picked[j] = ids[j];
    if (ids[j] < -1 || ids[j] >= numExperts)
      return core::Error(core::ErrorId::IdOutOfRange,
                         "expects ids in [-1, " + std::to_string(numExperts) +
                             "), got " + std::to_string(ids[j]) + " at slot " +
                             std::to_string(token * count + j));
  }
  return picked;
}

core::Result<std::vector<int32_t>>
reference::select(const RouterSpec &spec, std::span<const double> scores,
                  const SelectOperands &operands, int64_t numExperts) {
  assert(!verifySelection(spec, numExperts) && "the router was verified");
  const int64_t numTokens = static_cast<int64_t>(scores.size()) / numExperts;
  const int64_t candidates = numExperts - spec.select.always;
  assert(
      (operands.bias.empty() || int64_t(operands.bias.size()) == candidates) &&
      "bias is [E], less the always-on experts");
  const int64_t noiseWidth =
      spec.select.noise == NoiseKind::SecondBernoulli ? 1 : candidates;
  std::vector<int32_t> ids;
  for (int64_t t = 0; t < numTokens; ++t) {
    auto row = scores.subspan(t * numExperts, numExperts);
    std::vector<int64_t> picked;
    if (lookup(spec.select.kind).byScore) {
      auto noise = spec.select.noise == NoiseKind::None
                       ? std::span<const double>()
                       : operands.noise.subspan(t * noiseWidth, noiseWidth);
      picked = pickByScore(spec, row.first(candidates), operands.bias, noise);
    } else if (spec.select.kind == SelectKind::All) {
      for (int64_t e = 0; e < numExperts; ++e)
        picked.push_back(std::isnan(row[e]) ? -1 : e);
    } else {
      core::Result<std::vector<int64_t>> given =
          givenPicks(spec, operands, t, numExperts);
      if (!given)
        return given.takeError();
      picked = std::move(*given);
    }
    assert(int64_t(picked.size()) <= spec.topK && "picks have slots");
    picked.resize(spec.topK, -1);
    for (int64_t e = candidates; e < numExperts; ++e)
      picked.push_back(std::isnan(row[e]) ? -1 : e);
    if (!operands.valid.empty() && operands.valid[t] == 0)
      picked.assign(picked.size(), -1);
    ids.insert(ids.end(), picked.begin(), picked.end());
  }
  return ids;
}

std::vector<int32_t> reference::selectTokens(std::span<const double> scores,
                                             int64_t numExperts,
                                             int64_t places) {
  const int64_t numTokens = static_cast<int64_t>(scores.size()) / numExperts;
  std::vector<int32_t> ids;
  for (int64_t e = 0; e < numExperts; ++e) {
    std::vector<double> column;
    for (int64_t t = 0; t < numTokens; ++t)
      column.push_back(scores[t * numExperts + e]);
    std::vector<int64_t> picked = highest(column, places);
    picked.resize(places, -1);
    ids.insert(ids.end(), picked.begin(), picked.end());
  }
  return ids;
}

//===----------------------------------------------------------------------===//
// weigh
//===----------------------------------------------------------------------===//

/// Of each pick over the experts that no pick before it is and whose logit is
/// near its own.
static void maskedSoftmax(const NormStep &step, std::span<double> kept,
                          std::span<const double> row,
                          std::span<const int64_t> picks) {
  for (size_t j = 0; j < kept.size(); ++j) {
    const double most = row[picks[j]];
    double sum = 0;
    for (size_t e = 0; e < row.size(); ++e) {
      auto before = picks.first(j);
      if (std::find(before.begin(), before.end(), int64_t(e)) != before.end())
        continue;
      const double factor = std::max(std::abs(row[e]), most);
      if (!((most - row[e]) / factor > 2 * step.param))
        sum += std::exp(row[e] - most);
    }
    kept[j] = 1 / sum;
  }
}

/// One normalize step over the kept values of a token, which are those of
/// `picks` in its row of scores.
static void applyNorm(const NormStep &step, std::span<double> kept,
                      std::span<const double> row,
                      std::span<const int64_t> picks) {
  switch (step.kind) {
  case NormKind::Softmax:
    return applyScore(ScoreFn::Softmax, kept);
  case NormKind::Sigmoid:
    return applyScore(ScoreFn::Sigmoid, kept);
  case NormKind::MaskedSoftmax:
    return maskedSoftmax(step, kept, row, picks);
  case NormKind::L1:
  case NormKind::Lp:
    break;
  }
  const NormFormulas formulas = normFormulas(step);
  Evaluator term(formulas.term), root(formulas.root);
  double sum = 0;
  for (double value : kept) {
    double inputs[] = {value};
    sum += term(inputs);
  }
  double sums[] = {sum};
  double norm = root(sums);
  if (step.epsMode == EpsMode::Add)
    norm += step.eps;
  else if (step.epsMode == EpsMode::Max)
    norm = std::max(norm, step.eps); // a NaN stays NaN
  for (double &value : kept)
    value /= norm;
}

core::Result<std::vector<double>>
reference::weigh(const RouterSpec &spec, std::span<const double> scores,
                 std::span<const int32_t> ids, int64_t numExperts,
                 std::span<const double> expertScale) {
  if (auto broken = plan::verifyIds(ids, numExperts))
    return core::Error(core::ErrorId::IdOutOfRange, *broken);
  std::vector<double> weights(ids.size(), 0.0);
  const int64_t slots = spec.slots();
  for (size_t first = 0; first < ids.size(); first += slots) {
    auto row = scores.subspan(first / slots * numExperts, numExperts);
    std::vector<int64_t> picks;
    std::vector<double> kept;
    for (int64_t j = 0; j < slots - spec.apart; ++j)
      if (int32_t id = ids[first + j]; id >= 0) {
        picks.push_back(id);
        kept.push_back(row[id]);
      }
    for (const NormStep &step : spec.normalize)
      applyNorm(step, kept, row, picks);
    auto next = kept.begin();
    for (int64_t j = 0; j < slots; ++j) {
      const int32_t id = ids[first + j];
      if (id < 0)
        continue;
      const bool apart = j >= slots - spec.apart;
      double weight = apart ? row[id] : *next++ * spec.scale;
      if (!apart && !expertScale.empty())
        weight *= expertScale[id];
      weights[first + j] = weight;
    }
  }
  return weights;
}

core::Result<std::vector<double>>
reference::weighTokens(const RouterSpec &spec, std::span<const double> scores,
                       std::span<const int32_t> ids, int64_t numExperts,
                       std::span<const double> expertScale) {
  const int64_t numTokens = static_cast<int64_t>(scores.size()) / numExperts;
  if (auto broken = plan::verifyIds(ids, numTokens))
    return core::Error(core::ErrorId::IdOutOfRange, *broken);
  const int64_t places = static_cast<int64_t>(ids.size()) / numExperts;
  std::vector<double> weights(ids.size(), 0.0);
  for (int64_t e = 0; e < numExperts; ++e)
    for (int64_t slot = e * places; slot < (e + 1) * places; ++slot)
      if (ids[slot] >= 0)
        weights[slot] = scores[ids[slot] * numExperts + e] * spec.scale *
                        (expertScale.empty() ? 1.0 : expertScale[e]);
  return weights;
}

core::Result<reference::Routed>
reference::route(const RouterSpec &spec, std::span<const double> logits,
                 const SelectOperands &operands, int64_t numExperts,
                 core::DType scoreType, std::span<const double> expertScale) {
  Routed routed;
  routed.scores = score(spec.score, logits, numExperts);
  for (double &value : routed.scores)
    value = core::roundTo(scoreType, value);
  const bool byExpert = spec.select.kind == SelectKind::ExpertTopK;
  if (byExpert) {
    routed.ids = selectTokens(routed.scores, numExperts, spec.topK);
  } else {
    core::Result<std::vector<int32_t>> ids =
        select(spec, routed.scores, operands, numExperts);
    if (!ids)
      return ids.takeError();
    routed.ids = std::move(*ids);
  }
  // Ids that were selected are in range.
  routed.weights = *(byExpert ? weighTokens : weigh)(
      spec, routed.scores, routed.ids, numExperts, expertScale);
  return routed;
}

//===----------------------------------------------------------------------===//
// capacity
//===----------------------------------------------------------------------===//

/// Descending, NaN last.
static bool isHigher(double a, double b) {
  return a > b || (!std::isnan(a) && std::isnan(b));
}

/// The slots of tokens [first, last) in the order in which they claim places.
static std::vector<int64_t> claimOrder(const reference::CapacitySpec &spec,
                                       std::span<const double> weights,
                                       std::span<const double> priority,
                                       int64_t first, int64_t last,
                                       int64_t topK) {
  using reference::CapacityOrder;
  std::vector<int64_t> slots;
  for (int64_t slot = first * topK; slot < last * topK; ++slot)
    slots.push_back(slot);
  // What ties in a sort stays in the order that it had.
  auto sort = [&](auto isBefore) {
    std::stable_sort(slots.begin(), slots.end(), isBefore);
  };
  if (spec.order == CapacityOrder::Weight)
    sort(
        [&](int64_t a, int64_t b) { return isHigher(weights[a], weights[b]); });
  if (spec.order == CapacityOrder::Priority)
    sort([&](int64_t a, int64_t b) {
      return isHigher(priority[a / topK], priority[b / topK]);
    });
  if (spec.order == CapacityOrder::Priority ||
      spec.order == CapacityOrder::RankMajor)
    sort([&](int64_t a, int64_t b) { return a % topK < b % topK; });
  return slots;
}

/// Dropped slots take the free places of a list.
static void recycle(const reference::CapacityOperands &operands, int64_t cap,
                    int64_t topK, std::span<const int64_t> dropped,
                    std::unordered_map<int32_t, int64_t> &claimed,
                    reference::Capped &capped) {
  const int64_t experts = operands.numExperts;
  size_t next = 0;
  for (int64_t slot : dropped)
    for (; next < operands.places.size(); ++next) {
      const int64_t place = operands.places[next];
      if (place < 0 || place >= experts * cap)
        continue;
      const int32_t expert = static_cast<int32_t>(place / cap);
      if (place % cap < claimed[expert])
        continue;
      ++next;
      capped.ids[slot] = expert;
      capped.weights[slot] = operands.scores[slot / topK * experts + expert];
      break;
    }
}

core::Result<reference::Capped>
reference::capacity(const CapacitySpec &spec, std::span<const int32_t> ids,
                    std::span<const double> weights, int64_t numTokens,
                    int64_t topK, const CapacityOperands &operands) {
  assert(int64_t(ids.size()) == numTokens * topK && "ids are [T, K]");
  assert(weights.size() == ids.size() && "weights are [T, K]");
  for (size_t slot = 0; slot < ids.size(); ++slot)
    if (ids[slot] < -1)
      return core::Error(core::ErrorId::IdOutOfRange,
                         "expects ids of at least -1, got " +
                             std::to_string(ids[slot]) + " at slot " +
                             std::to_string(slot));
  Capped capped{{ids.begin(), ids.end()}, {weights.begin(), weights.end()}};
  const int64_t scope = spec.scope == 0 ? numTokens : spec.scope;
  const int64_t cap = capacityOf(spec.limit, scope);
  for (int64_t first = 0; first < numTokens; first += scope) {
    std::unordered_map<int32_t, int64_t> claimed;
    std::vector<int64_t> dropped;
    const int64_t last = std::min(first + scope, numTokens);
    for (int64_t slot :
         claimOrder(spec, weights, operands.priority, first, last, topK)) {
      if (ids[slot] >= 0 && claimed[ids[slot]]++ < cap)
        continue;
      if (ids[slot] >= 0)
        dropped.push_back(slot);
      capped.ids[slot] = -1;
      capped.weights[slot] = 0;
    }
    std::sort(dropped.begin(), dropped.end());
    if (spec.recycle)
      recycle(operands, cap, topK, dropped, claimed, capped);
  }
  if (spec.renorm)
    for (int64_t t = 0; t < numTokens; ++t) {
      std::vector<double> kept;
      for (int64_t slot = t * topK; slot < (t + 1) * topK; ++slot)
        if (capped.ids[slot] >= 0)
          kept.push_back(capped.weights[slot]);
      applyNorm(*spec.renorm, kept, {}, {});
      auto next = kept.begin();
      for (int64_t slot = t * topK; slot < (t + 1) * topK; ++slot)
        if (capped.ids[slot] >= 0)
          capped.weights[slot] = *next++;
    }
  return capped;
}
