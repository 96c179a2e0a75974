//===- Routing.h - Which tokens go to which experts -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_BENCH_ROUTING_H
#define MOE_TOOLS_MOE_BENCH_ROUTING_H

#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace moe::tools {

enum class RoutingKind {
  Uniform,  ///< distinct random experts a token
  Balanced, ///< every expert gets as many rows as any other, give or take one
  Zipf,     ///< expert e is picked with a weight of 1 / (e + 1)
  Hot,      ///< half of the tokens have expert 0 among theirs
  One,      ///< all tokens pick the same experts
  Empty,    ///< no token has an expert
};

core::Result<RoutingKind> parseRouting(std::string_view name);

/// ids [tokens, topK], distinct within a token; -1 for no expert.
std::vector<int32_t> makeRouting(RoutingKind kind, int64_t tokens, int64_t topK,
                                 int64_t numExperts, uint64_t seed);

/// Experts that at least one token picks.
int64_t touchedExperts(const std::vector<int32_t> &ids, int64_t numExperts);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_BENCH_ROUTING_H
