//===- Statistics.h - How tokens spread over experts ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A router that has collapsed still gives finite numbers. What shows it is how
// the tokens of a run spread, which every executor's ids tell alike.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_RUN_STATISTICS_H
#define MOE_TOOLS_MOE_RUN_STATISTICS_H

#include "moe/tools/common/HostTensors.h"

#include <cstdint>
#include <string>
#include <vector>

namespace moe::tools {

struct RoutingStatistics {
  int64_t tokens = 0, topK = 0;
  /// Slots that went to each expert, and those that went to none.
  std::vector<int64_t> counts;
  int64_t placed = 0, unplaced = 0;
  /// The largest load over the mean; the entropy of the load over log(E), 1
  /// being even.
  double maxOverMean = 0, entropy = 0;
  std::vector<int64_t> idle;

  /// What collapse is, in words.
  static constexpr const char *kCollapseRule =
      "with at least 4 slots an expert: more than half of the experts idle, "
      "one expert with more than half of the slots that are possible for it "
      "and over 4 times the mean, or an entropy below 0.5";
  /// Which part of the rule holds; empty: none.
  std::string collapse() const;

  /// A line or two, which begin with `label`.
  std::string text(const std::string &label) const;
  std::string json() const;
};

/// Of a run's topk_ids [T, K]; experts are counted by router_logits' columns
/// where there are any. Error: OutputUnknown.
core::Result<RoutingStatistics> routingStatistics(const HostTensors &results);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_RUN_STATISTICS_H
