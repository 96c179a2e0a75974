//===- Statistics.cpp - How tokens spread over experts --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-run/Statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

using namespace moe;
using namespace moe::tools;
using core::Error;
using core::ErrorId;
using core::Result;

Result<RoutingStatistics> tools::routingStatistics(const HostTensors &results) {
  const core::Tensor *ids = results.find("topk_ids");
  if (!ids || ids->shape().size() != 2)
    return Error(ErrorId::OutputUnknown,
                 "--stats needs a layer with a result 'topk_ids' [T, K]");
  const core::Tensor *logits = results.find("router_logits");
  int64_t experts =
      logits && logits->shape().size() == 2 ? logits->shape()[1] : 0;
  for (int64_t i = 0; i < ids->numElements(); ++i)
    experts = std::max(experts, static_cast<int64_t>(ids->at(i)) + 1);
  RoutingStatistics result;
  result.tokens = ids->shape()[0];
  result.topK = ids->shape()[1];
  result.counts.assign(experts, 0);
  for (int64_t i = 0; i < ids->numElements(); ++i)
    if (auto id = static_cast<int64_t>(ids->at(i)); id >= 0)
      ++result.counts[id], ++result.placed;
  result.unplaced = ids->numElements() - result.placed;
  if (result.placed == 0)
    return result;
  int64_t largest = 0;
  double entropy = 0;
  for (int64_t expert = 0; expert < experts; ++expert) {
    const int64_t count = result.counts[expert];
    largest = std::max(largest, count);
    if (count == 0) {
      result.idle.push_back(expert);
      continue;
    }
    const double share =
        static_cast<double>(count) / static_cast<double>(result.placed);
    entropy -= share * std::log(share);
  }
  result.maxOverMean = static_cast<double>(largest * experts) /
                       static_cast<double>(result.placed);
  result.entropy =
      experts > 1 ? entropy / std::log(static_cast<double>(experts)) : 1;
  return result;
}

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string RoutingStatistics::collapse() const {
  const auto experts = static_cast<int64_t>(counts.size());
  if (experts < 2 || placed < 4 * experts)
    return "";
  if (2 * static_cast<int64_t>(idle.size()) > experts)
    return std::to_string(idle.size()) + " of " + std::to_string(experts) +
           " experts are idle";
  auto largest = std::ranges::max_element(counts);
  if (2 * *largest > tokens && maxOverMean > 4)
    return "expert " + std::to_string(largest - counts.begin()) + " has " +
           std::to_string(*largest) + " of " + std::to_string(tokens) +
           " tokens, " + number(maxOverMean) + " times the mean";
  if (entropy < 0.5)
    return "the load's entropy is " + number(entropy) + " of its largest value";
  return "";
}

std::string RoutingStatistics::text(const std::string &label) const {
  std::string line = label + "  routing: " + std::to_string(placed) +
                     " slots over " + std::to_string(counts.size()) +
                     " experts";
  if (unplaced > 0)
    line += ", " + std::to_string(unplaced) + " without one";
  line += "; largest load " + number(maxOverMean) +
          " times the mean, entropy " + number(entropy);
  if (!idle.empty()) {
    constexpr size_t listed = 8;
    line += "; idle:";
    for (size_t i = 0; i < std::min(listed, idle.size()); ++i)
      line += (i ? ", " : " ") + std::to_string(idle[i]);
    if (idle.size() > listed)
      line += " and " + std::to_string(idle.size() - listed) + " more";
  }
  line += "\n";
  if (std::string problem = collapse(); !problem.empty())
    line += label + "  routing: warning: collapse: " + problem + "\n";
  return line;
}

std::string RoutingStatistics::json() const {
  nlohmann::ordered_json json;
  json["tokens"] = tokens;
  json["top_k"] = topK;
  json["num_experts"] = counts.size();
  json["slots"] = placed + unplaced;
  json["slots_without_expert"] = unplaced;
  json["max_over_mean_load"] = maxOverMean;
  json["idle_experts"] = idle.size();
  json["load_entropy"] = entropy;
  json["tokens_per_expert"] = counts;
  json["idle"] = idle;
  json["collapse"] = {{"warning", !collapse().empty()},
                      {"reason", collapse()},
                      {"rule", kCollapseRule}};
  return json.dump(2) + "\n";
}
