//===- Groups.cpp - Ragged groups of rows -----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A counting sort: stable, linear, and the order in which generated kernels do
// it too.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/plan/Groups.h"

#include <limits>
#include <numeric>

using namespace moe::plan;

std::optional<std::string> moe::plan::verifyIds(std::span<const int32_t> ids,
                                                int64_t numExperts) {
  for (size_t slot = 0; slot < ids.size(); ++slot)
    if (ids[slot] < -1 || ids[slot] >= numExperts)
      return "expects ids in [-1, " + std::to_string(numExperts) + "), got " +
             std::to_string(ids[slot]) + " at slot " + std::to_string(slot);
  return std::nullopt;
}

std::optional<std::string> moe::plan::makeGroups(std::span<const int32_t> ids,
                                                 int64_t numExperts,
                                                 Groups &out) {
  if (ids.size() > size_t(std::numeric_limits<int32_t>::max()))
    return "expects fewer than 2^31 slots, got " + std::to_string(ids.size());
  if (auto broken = verifyIds(ids, numExperts))
    return broken;

  out.numExperts = numExperts;
  out.offsets.assign(numExperts + 1, 0);
  for (int32_t id : ids)
    if (id >= 0)
      ++out.offsets[id + 1];
  std::partial_sum(out.offsets.begin(), out.offsets.end(), out.offsets.begin());

  out.slotOfRow.assign(ids.size(), -1);
  out.rowOfSlot.assign(ids.size(), -1);
  std::vector<int32_t> next = out.offsets;
  for (size_t slot = 0; slot < ids.size(); ++slot) {
    if (ids[slot] < 0)
      continue;
    int32_t row = next[ids[slot]]++;
    out.rowOfSlot[slot] = row;
    out.slotOfRow[row] = static_cast<int32_t>(slot);
  }
  return std::nullopt;
}

std::optional<std::string>
moe::plan::verifyOffsets(std::span<const int32_t> offsets, int64_t numRows) {
  if (offsets.empty() || offsets[0] != 0)
    return "expects offsets that start at 0, got " +
           (offsets.empty() ? "none" : std::to_string(offsets[0]));
  for (size_t e = 1; e < offsets.size(); ++e)
    if (offsets[e] < offsets[e - 1])
      return "expects offsets that never descend, got " +
             std::to_string(offsets[e]) + " after " +
             std::to_string(offsets[e - 1]) + " at position " +
             std::to_string(e);
  if (offsets.back() > numRows)
    return "expects offsets within the " + std::to_string(numRows) +
           " rows, got " + std::to_string(offsets.back()) + " as the last";
  return std::nullopt;
}
