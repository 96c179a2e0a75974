//===- Spelling.cpp - The nearest name that exists --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Levenshtein's distance, cut off at the best found so far: a checkpoint has
// 100,000 names, and nearly all are far away.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Spelling.h"
#include "moe/runtime/core/Error.h"

#include <algorithm>
#include <vector>

using namespace moe::core;

/// The distance, or anything above `limit` if it exceeds that.
static size_t editDistance(std::string_view a, std::string_view b,
                           size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit)
    return limit + 1;
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0], least = row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
      least = std::min(least, row[j]);
    }
    if (least > limit)
      return least;
  }
  return row.back();
}

std::string moe::core::nearestName(std::string_view given,
                                   std::span<const std::string> candidates) {
  // Longer names would cost their product; nobody types them.
  constexpr size_t longest = 256;
  if (given.size() > longest)
    return {};
  std::string best;
  size_t limit = given.size() / 3;
  for (const std::string &candidate : candidates) {
    size_t distance = editDistance(given, candidate, limit);
    if (distance > limit)
      continue;
    best = candidate;
    if (distance == 0)
      break;
    limit = distance - 1;
  }
  return best;
}

std::string moe::core::didYouMean(std::string_view given,
                                  std::span<const std::string> candidates) {
  std::string nearest = nearestName(given, candidates);
  return nearest.empty() ? "" : " (did you mean " + quote(nearest) + "?)";
}
