//===- Groups.cpp - Groups of rows ----------------------------------------===//
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

using namespace moe::plan;

std::optional<std::string> moe::plan::verifyIds(std::span<const int32_t> ids,
                                                int64_t numExperts) {
  for (size_t slot = 0; slot < ids.size(); ++slot)
    if (ids[slot] < -1 || ids[slot] >= numExperts)
      return "expects ids in [-1, " + std::to_string(numExperts) + "), got " +
             std::to_string(ids[slot]) + " at slot " + std::to_string(slot);
  return std::nullopt;
}

std::optional<int64_t> moe::plan::rowBound(Layout layout, int64_t tokens,
                                           int64_t topK, int64_t experts) {
  int64_t rows = 0;
  bool over = false;
  switch (layout.kind) {
  case Layout::Kind::Ragged:
    over = __builtin_mul_overflow(tokens, topK, &rows);
    break;
  case Layout::Kind::Aligned: {
    int64_t padding = 0;
    over = __builtin_mul_overflow(tokens, topK, &rows) ||
           __builtin_mul_overflow(experts, layout.size - 1, &padding) ||
           __builtin_add_overflow(rows, padding, &rows) ||
           __builtin_add_overflow(rows, layout.size - 1, &rows);
    rows = rows / layout.size * layout.size;
    break;
  }
  case Layout::Kind::Padded:
    over = __builtin_mul_overflow(experts, layout.size, &rows);
    break;
  case Layout::Kind::Dense:
    over = __builtin_mul_overflow(experts, tokens, &rows);
    break;
  }
  return over ? std::nullopt : std::optional(rows);
}

/// Where every expert's rows begin, and how many there are before the end.
static std::vector<int64_t> placeExperts(const std::vector<int64_t> &counts,
                                         int64_t tokens, Layout layout) {
  std::vector<int64_t> offsets = {0};
  for (int64_t count : counts) {
    int64_t rows = count;
    if (layout.kind == Layout::Kind::Aligned)
      rows = (count + layout.size - 1) / layout.size * layout.size;
    else if (layout.kind == Layout::Kind::Padded)
      rows = layout.size;
    else if (layout.kind == Layout::Kind::Dense)
      rows = tokens;
    offsets.push_back(offsets.back() + rows);
  }
  return offsets;
}

std::optional<std::string> moe::plan::makeGroups(std::span<const int32_t> ids,
                                                 int64_t topK,
                                                 int64_t numExperts,
                                                 Layout layout, Groups &out) {
  const int64_t tokens = static_cast<int64_t>(ids.size()) / topK;
  std::optional<int64_t> bound = rowBound(layout, tokens, topK, numExperts);
  const int64_t most = std::numeric_limits<int32_t>::max();
  if (static_cast<int64_t>(ids.size()) > most)
    return "expects fewer than 2^31 slots, got " + std::to_string(ids.size());
  if (!bound || *bound > most)
    return "expects a layout of fewer than 2^31 rows, got more";
  if (auto broken = verifyIds(ids, numExperts))
    return broken;

  std::vector<int64_t> counts(numExperts, 0);
  for (int32_t id : ids)
    if (id >= 0)
      ++counts[id];
  if (layout.kind == Layout::Kind::Padded)
    for (int64_t e = 0; e < numExperts; ++e)
      if (counts[e] > layout.size)
        return "expects at most " + std::to_string(layout.size) +
               " rows an expert for padded<" + std::to_string(layout.size) +
               ">, got " + std::to_string(counts[e]) + " for expert " +
               std::to_string(e);

  std::vector<int64_t> next = placeExperts(counts, tokens, layout);
  out.numExperts = numExperts;
  out.offsets.assign(next.begin(), next.end());
  out.slotOfRow.assign(*bound, -1);
  out.rowOfSlot.assign(ids.size(), -1);
  for (size_t slot = 0; slot < ids.size(); ++slot) {
    const int32_t id = ids[slot];
    if (id < 0)
      continue;
    int64_t row = layout.kind == Layout::Kind::Dense
                      ? id * tokens + static_cast<int64_t>(slot) / topK
                      : next[id]++;
    if (out.slotOfRow[row] >= 0)
      return "expects a token to have an expert once for dense rows, got "
             "expert " +
             std::to_string(id) + " twice for token " +
             std::to_string(slot / topK);
    out.rowOfSlot[slot] = static_cast<int32_t>(row);
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
