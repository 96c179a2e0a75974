//===- Rows.cpp - Reference of group, dispatch and combine ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// combine is the one op whose result depends on an order of sums that the IR
// states, so its roundings are done here and not by the caller.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Rows.h"

#include <algorithm>
#include <cassert>
#include <limits>

using namespace moe;

core::Result<plan::Groups> reference::group(std::span<const int32_t> ids,
                                            int64_t topK, int64_t numExperts,
                                            plan::Layout layout) {
  plan::Groups groups;
  if (auto broken = plan::makeGroups(ids, topK, numExperts, layout, groups))
    return core::Error(core::ErrorId::IdOutOfRange, *broken);
  return groups;
}

core::Result<plan::Groups>
reference::groupPicks(std::span<const int32_t> tokens, int64_t numExperts,
                      int64_t numTokens) {
  if (auto broken = plan::verifyIds(tokens, numTokens))
    return core::Error(core::ErrorId::IdOutOfRange, *broken);
  const int64_t picks = static_cast<int64_t>(tokens.size()) / numExperts;
  std::vector<int32_t> ids(tokens.size(), -1);
  for (size_t slot = 0; slot < ids.size(); ++slot)
    if (tokens[slot] >= 0)
      ids[slot] = static_cast<int32_t>(slot / picks);
  return group(ids, numExperts);
}

std::vector<int32_t> reference::tokenOfRow(const plan::Groups &groups,
                                           int64_t topK) {
  std::vector<int32_t> tokens;
  for (int32_t slot : groups.slotOfRow)
    tokens.push_back(slot < 0 ? -1 : static_cast<int32_t>(slot / topK));
  return tokens;
}

/// The row of x of each row's token, NaN where there is none. `tokenOf` says
/// whose a slot is.
template <typename TokenOf>
static std::vector<double> gather(const plan::Groups &groups, TokenOf tokenOf,
                                  std::span<const double> x, int64_t width,
                                  std::span<const double> scale) {
  std::vector<double> rows(groups.slotOfRow.size() * width,
                           std::numeric_limits<double>::quiet_NaN());
  for (size_t row = 0; row < groups.slotOfRow.size(); ++row) {
    const int32_t slot = groups.slotOfRow[row];
    if (slot < 0)
      continue;
    double factor = scale.empty() ? 1.0 : scale[slot];
    for (int64_t h = 0; h < width; ++h)
      rows[row * width + h] = factor * x[tokenOf(slot) * width + h];
  }
  return rows;
}

std::vector<double> reference::dispatch(const plan::Groups &groups,
                                        int64_t topK, std::span<const double> x,
                                        int64_t width,
                                        std::span<const double> scale) {
  return gather(
      groups, [&](int32_t slot) { return slot / topK; }, x, width, scale);
}

std::vector<double> reference::dispatchPicks(
    const plan::Groups &groups, std::span<const int32_t> tokenOfSlot,
    std::span<const double> x, int64_t width, std::span<const double> scale) {
  return gather(
      groups, [&](int32_t slot) { return tokenOfSlot[slot]; }, x, width, scale);
}

std::vector<double> reference::combinePicks(
    const CombineSpec &spec, const plan::Groups &groups,
    std::span<const int32_t> tokenOfSlot, std::span<const double> rows,
    std::span<const double> weights, std::span<const double> init) {
  auto rounded = [&](double value) { return core::roundTo(spec.acc, value); };
  std::vector<double> result(spec.numTokens * spec.width, 0.0);
  for (size_t i = 0; i < init.size(); ++i)
    result[i] = rounded(init[i]);
  for (size_t row = 0; row < groups.slotOfRow.size(); ++row) {
    int32_t slot = groups.slotOfRow[row];
    if (slot < 0)
      continue;
    double weight = weights.empty() ? 1.0 : weights[slot];
    for (int64_t h = 0; h < spec.width; ++h) {
      double &sum = result[tokenOfSlot[slot] * spec.width + h];
      sum = rounded(sum + rounded(weight * rows[row * spec.width + h]));
    }
  }
  return result;
}

std::vector<double> reference::combine(const CombineSpec &spec,
                                       const plan::Groups &groups,
                                       std::span<const double> rows,
                                       std::span<const double> weights,
                                       std::span<const double> init) {
  assert(int64_t(groups.rowOfSlot.size()) == spec.numTokens * spec.topK &&
         "the groups are of [T, K] ids");
  assert(rows.size() == groups.slotOfRow.size() * spec.width &&
         "rows are [N, width]");
  auto rounded = [&](double value) { return core::roundTo(spec.acc, value); };
  std::vector<double> result(spec.numTokens * spec.width, 0.0);
  for (int64_t token = 0; token < spec.numTokens; ++token) {
    std::span<double> sums =
        std::span(result).subspan(token * spec.width, spec.width);
    if (!init.empty())
      for (int64_t h = 0; h < spec.width; ++h)
        sums[h] = rounded(init[token * spec.width + h]);

    auto slots =
        std::span(groups.rowOfSlot).subspan(token * spec.topK, spec.topK);
    std::vector<int32_t> ownRows;
    for (int32_t row : slots)
      if (row >= 0)
        ownRows.push_back(row);
    // Rows lie by expert, and those of one expert by slot.
    if (spec.order == CombineOrder::Expert)
      std::sort(ownRows.begin(), ownRows.end());

    for (int64_t row : ownRows) {
      double weight = weights.empty() ? 1.0 : weights[groups.slotOfRow[row]];
      for (int64_t h = 0; h < spec.width; ++h)
        sums[h] =
            rounded(sums[h] + rounded(weight * rows[row * spec.width + h]));
    }
  }
  return result;
}
