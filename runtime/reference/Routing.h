//===- Routing.h - Reference of route and capacity --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What moe.route, score, select, weigh and capacity compute, in double: the
// truth that every executor's ids and weights are compared with.
//
// The contract of this library: tensors are row-major spans of double whose
// values are already those of their element type; results are exact up to
// double, and the caller rounds them to the result's element type (or not, for
// an exact run). Sizes are the caller's duty and asserted; contents, which a
// user chooses, are answered with an Error. An optional operand is absent when
// its span is empty.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_REFERENCE_ROUTING_H
#define MOE_RUNTIME_REFERENCE_ROUTING_H

#include "moe/dialect/semantics/Router.h"
#include "moe/runtime/core/DType.h"
#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <span>
#include <vector>

namespace moe::reference {

/// Scores [T, E] of logits [T, E].
std::vector<double> score(semantics::ScoreFn fn, std::span<const double> logits,
                          int64_t numExperts);

/// The picks [T, K] of scores [T, E] and bias [E] by the spec's groups and
/// topK: in descending score + bias, ties to the lowest index, NaN never; -1
/// where a token has fewer than K that can be picked. The spec is one that
/// verifyRouter accepts.
std::vector<int32_t> select(const semantics::RouterSpec &spec,
                            std::span<const double> scores,
                            std::span<const double> bias, int64_t numExperts);

/// The weights [T, K] of picks [T, K] by the spec's normalize and scale, over
/// the scores [T, E] without bias; 0 where the id is -1. An id outside
/// [-1, E) is IdOutOfRange.
core::Result<std::vector<double>> weigh(const semantics::RouterSpec &spec,
                                        std::span<const double> scores,
                                        std::span<const int32_t> ids,
                                        int64_t numExperts);

struct Routed {
  std::vector<int32_t> ids;    ///< [T, K]
  std::vector<double> weights; ///< [T, K]
  std::vector<double> scores;  ///< [T, E], rounded to the score type
};
/// All clauses of a router over logits [T, E]. The scores are rounded to
/// `scoreType` before anything reads them: f32 unless the op says otherwise,
/// f64 for an exact run.
Routed route(const semantics::RouterSpec &spec, std::span<const double> logits,
             std::span<const double> bias, int64_t numExperts,
             core::DType scoreType);

/// The order in which slots claim an expert's places.
enum class CapacityOrder : uint32_t {
  TokenMajor = 0, ///< every slot of a token before the next token
  RankMajor = 1,  ///< every token's first choice before any second
};

struct Capped {
  std::vector<int32_t> ids;    ///< [T, K]
  std::vector<double> weights; ///< [T, K]
};
/// Keeps the first `cap` slots of each expert in the given order; the others
/// get id -1 and weight 0. Weights that stay are not renormalized. An id below
/// -1 is IdOutOfRange.
core::Result<Capped> capacity(std::span<const int32_t> ids,
                              std::span<const double> weights,
                              int64_t numTokens, int64_t topK, int64_t cap,
                              CapacityOrder order);

} // namespace moe::reference

#endif // MOE_RUNTIME_REFERENCE_ROUTING_H
