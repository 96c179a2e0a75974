//===- Routing.cpp - Which tokens go to which experts ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-bench/Routing.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

using namespace moe;
using namespace moe::tools;

core::Result<RoutingKind> tools::parseRouting(std::string_view name) {
  constexpr std::pair<std::string_view, RoutingKind> kinds[] = {
      {"uniform", RoutingKind::Uniform}, {"balanced", RoutingKind::Balanced},
      {"zipf", RoutingKind::Zipf},       {"hot", RoutingKind::Hot},
      {"one", RoutingKind::One},         {"empty", RoutingKind::Empty}};
  for (auto [text, kind] : kinds)
    if (text == name)
      return kind;
  return core::Error(core::ErrorId::UsageInvalid,
                     "moe-bench: unknown --routing=" + std::string(name) +
                         ", expected uniform, balanced, zipf, hot, one or "
                         "empty");
}

/// Moves `topK` distinct picks to the front of `order`, expert e with weight
/// `weight[e]`.
static void pickWeighted(std::vector<int32_t> &order,
                         const std::vector<double> &weight, int64_t topK,
                         std::mt19937_64 &random) {
  for (int64_t j = 0; j < topK; ++j) {
    double total = 0;
    for (size_t i = j; i < order.size(); ++i)
      total += weight[order[i]];
    double at = std::uniform_real_distribution<double>(0, total)(random);
    size_t i = j;
    for (; i + 1 < order.size() && at >= weight[order[i]]; ++i)
      at -= weight[order[i]];
    std::swap(order[j], order[i]);
  }
}

std::vector<int32_t> tools::makeRouting(RoutingKind kind, int64_t tokens,
                                        int64_t topK, int64_t numExperts,
                                        uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> ids(tokens * topK, -1);
  std::vector<int32_t> order(numExperts);
  std::iota(order.begin(), order.end(), 0);
  std::vector<double> weight(numExperts, 1.0);
  if (kind == RoutingKind::Zipf)
    for (int64_t e = 0; e < numExperts; ++e)
      weight[e] = 1.0 / static_cast<double>(e + 1);
  // Balanced: walk a shuffled order of the experts round and round; k
  // neighbours of a walk over E >= k experts are distinct.
  std::shuffle(order.begin(), order.end(), random);
  int64_t next = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    int32_t *row = ids.data() + t * topK;
    switch (kind) {
    case RoutingKind::Balanced:
      for (int64_t j = 0; j < topK; ++j)
        row[j] = order[next++ % numExperts];
      break;
    case RoutingKind::One:
      std::copy_n(order.begin(), topK, row);
      break;
    case RoutingKind::Empty:
      break;
    case RoutingKind::Uniform:
    case RoutingKind::Zipf:
    case RoutingKind::Hot:
      pickWeighted(order, weight, topK, random);
      std::copy_n(order.begin(), topK, row);
      if (kind == RoutingKind::Hot && t % 2 == 0 &&
          std::find(row, row + topK, 0) == row + topK)
        row[0] = 0;
      break;
    }
  }
  return ids;
}

int64_t tools::touchedExperts(const std::vector<int32_t> &ids,
                              int64_t numExperts) {
  std::vector<bool> seen(numExperts, false);
  for (int32_t id : ids)
    if (id >= 0)
      seen[id] = true;
  return std::count(seen.begin(), seen.end(), true);
}
